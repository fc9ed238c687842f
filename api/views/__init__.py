"""How responses present sessions, wallets and events; independent of any web framework."""
