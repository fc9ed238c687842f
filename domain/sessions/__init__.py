"""Payment sessions and orders."""
