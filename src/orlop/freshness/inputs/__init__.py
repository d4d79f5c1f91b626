"""Where references to check come from: Dockerfiles, Compose files, Kubernetes manifests."""
