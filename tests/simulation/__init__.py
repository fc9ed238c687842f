"""A whole ledger in one thread, on a clock that the seed drives."""
