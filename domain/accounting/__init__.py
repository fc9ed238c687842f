"""Double-entry accounting: the chart of accounts, and which event posts what."""
