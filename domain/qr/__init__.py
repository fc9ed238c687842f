"""The contents of QR codes."""
