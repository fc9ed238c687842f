"""One file per command: its fields and how it decides."""
