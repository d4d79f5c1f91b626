"""Who we are at a registry: credentials, the ways to sign in, and the tokens that were obtained."""
