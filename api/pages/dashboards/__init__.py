"""A merchant's own pages: opened by a link that is used once, then read with a cookie."""
