"""Pages for people, rendered here and kept live by small modules."""
