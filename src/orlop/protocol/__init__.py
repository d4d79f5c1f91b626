"""The registry wire without I/O: one description, used by client and server alike."""
