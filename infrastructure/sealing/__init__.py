"""Seals the log: tiles and checkpoints in the database, the key and the notes outside of it."""
