"""The treasury: client money at the bank, and what the house moves in and out."""
