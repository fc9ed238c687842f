"""What is kept running."""
