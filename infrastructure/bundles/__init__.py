"""Bundles for auditors: written from a ledger, and verified without one."""
