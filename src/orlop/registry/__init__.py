"""A registry over HTTP."""
