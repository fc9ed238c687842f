"""Wallets, top-up references and wallet apps."""
