"""Cosigning heads: the witness of any log, and the collecting of cosignatures for ours."""
