"""``python -m benchmarks [NAME [--rounds N]]``: run one benchmark, or list them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

_HELPERS = {"__init__", "__main__", "common", "debian"}


def main() -> None:
    """Run the benchmark of the first argument."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in _HELPERS)
    if len(sys.argv) < 2 or sys.argv[1] not in names:
        for name in names:
            about = (importlib.import_module(f"benchmarks.{name}").__doc__ or "").splitlines()[0]
            print(f"{name:<12}{about}")
        sys.exit(0 if len(sys.argv) < 2 else 2)
    name = sys.argv.pop(1)
    importlib.import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
