"""Processes: they turn events into commands."""
