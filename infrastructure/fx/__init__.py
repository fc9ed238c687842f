"""Exchange rates: where they come from, and the table in which they are looked up."""
