"""Wallets and the apps that act for them."""
