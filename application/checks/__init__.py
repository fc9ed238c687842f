"""Invariants of what stands beside the log: its head, and the rows made from it."""
