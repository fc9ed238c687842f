"""Connections, migrations, the embedded server."""
