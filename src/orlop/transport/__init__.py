"""Moving bytes: HTTP without knowledge of registries."""
