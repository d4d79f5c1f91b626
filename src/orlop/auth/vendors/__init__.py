"""One file for each family of registries that hands out credentials its own way."""
