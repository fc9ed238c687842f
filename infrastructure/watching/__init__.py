"""`audit watch`: follows a live log from outside, with nothing but its public API."""
