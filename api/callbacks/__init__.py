"""What payment processors send to the ledger."""
