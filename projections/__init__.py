"""Read models: rows made from events, and their queries."""
