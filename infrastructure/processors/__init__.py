"""Adapters of payment processors."""
