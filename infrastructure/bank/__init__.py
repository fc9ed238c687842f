"""Adapters of the bank that sends payouts."""
