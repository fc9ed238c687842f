"""Money and currencies."""
