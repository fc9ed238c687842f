"""Files of policies for `qrledger replay`."""
