"""Where a registry keeps its content: metadata in SQLite, blobs in memory or in files."""
