"""The version, as a constant: reading package metadata would cost more than the rest of start-up."""

__version__ = "0.1.0"
