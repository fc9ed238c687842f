"""Tampering with exported histories, and whether the auditor notices."""
