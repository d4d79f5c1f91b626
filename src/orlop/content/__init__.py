"""Where content comes from and goes to, keyed by descriptor."""
