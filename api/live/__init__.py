"""The live port: payment sessions over WebSockets."""
