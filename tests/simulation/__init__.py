"""Deterministic simulation: a whole ledger in one thread on a virtual clock, driven by a seed."""
