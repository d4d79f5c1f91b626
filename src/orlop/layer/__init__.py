"""Bytes inside a layer."""
