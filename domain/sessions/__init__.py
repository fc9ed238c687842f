"""Payment sessions and the orders they are for."""
