"""Two images compared: layers, files, configs, metadata, packages."""
