"""Evidence about the log for outsiders: leaves, the Merkle tree, tiles, signed notes and receipts.

Formats: `docs/explanation/audit.md`. They are for ever: evidence that has been given away is
checked by programs that nobody can change any more.
"""
