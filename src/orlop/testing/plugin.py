"""Fixtures on the embedded registry, for pytest."""
