"""What strangers may do to a ledger, and what its honest clients notice of it."""
