"""orlop: container registries from Python."""

from orlop._version import __version__

__all__ = ["__version__"]
