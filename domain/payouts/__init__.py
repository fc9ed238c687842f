"""Payouts: money sent to merchants, and what a merchant may take out."""
