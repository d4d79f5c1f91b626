"""What package managers leave in a file system, read from its bytes."""
