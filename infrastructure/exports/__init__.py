"""The books as files that accounting programs read."""
