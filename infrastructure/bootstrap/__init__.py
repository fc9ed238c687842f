"""The composition root: the only package that imports every other layer.

Nothing is imported here, so that each process loads only what it runs.
"""
