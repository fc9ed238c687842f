"""What the house needs of the world."""
