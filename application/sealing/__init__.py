"""Seals the log: the tree grows with it, and its heads are signed."""
