"""Webhooks: the sender, what it may call, and the secrets."""
