"""Pictures of payment codes: QR codes and printable posters."""
