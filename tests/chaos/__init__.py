"""Chaos runs: real processes are killed and cut off at random while clients keep journals."""
