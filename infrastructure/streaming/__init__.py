"""Streams of the log in processes of their own."""
