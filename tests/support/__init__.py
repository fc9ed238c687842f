"""Builders, fakes and scenarios that the tests share."""
