"""The witness: its folder, its key, its memory, and how others are asked."""
