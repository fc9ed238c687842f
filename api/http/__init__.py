"""HTTP: requests, responses, authentication, limits and errors."""
