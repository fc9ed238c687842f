"""Pages: rendered on the server, kept up to date by small JavaScript modules."""
