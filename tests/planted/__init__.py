"""Known mistakes, put back on purpose: would anybody notice?"""
