"""Interfaces that infrastructure implements."""
