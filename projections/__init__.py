"""What is remembered: rows made from events."""
