"""Mutation tests: known bugs are put back on purpose, and a test has to fail."""
