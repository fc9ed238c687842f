"""Commands, the bus that decides them, and reads from the log."""
