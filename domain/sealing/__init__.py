"""The log as a thing that is sealed: its origin, its keys, and how it was restarted."""
