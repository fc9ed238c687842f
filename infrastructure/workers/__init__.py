"""Long-running loops and their supervision."""
