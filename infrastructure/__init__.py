"""How the world is met."""
