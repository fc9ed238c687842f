"""Abuse runs: hostile load on an installation, and its effect on honest clients."""
