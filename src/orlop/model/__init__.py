"""Values: references, digests, platforms, manifests and configs. No I/O, standard library only."""
