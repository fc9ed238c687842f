"""The domain: aggregates, their events, and the rules that decide."""
