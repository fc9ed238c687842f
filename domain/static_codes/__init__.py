"""Static codes: printed once, paid many times."""
