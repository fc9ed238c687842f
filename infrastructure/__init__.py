"""Adapters for databases, networks and files, and the program itself."""
