"""Tell how completely the package is typed for whoever installs it (py.typed), and fail where a type is unknown.

Ambiguous is not unknown: an attribute without an annotation of its own, or a method of ``Client``, which is declared
from its asynchronous twin, has one exact type that type checkers infer. Their share may only shrink.
"""

from __future__ import annotations

import json
import subprocess
import sys

FLOOR = 0.79
"""Least share of symbols with a type that is written down."""


def main() -> int:
    """Run basedpyright's verifier; return the exit status."""
    command = ["basedpyright", "--ignoreexternal", "--outputjson", "--verifytypes", "orlop"]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)["typeCompleteness"]
    unknown = [one for one in found["symbols"] if not one["isTypeKnown"] and not one["isTypeAmbiguous"]]
    score = found["completenessScore"]
    for one in unknown:
        print(f"{one['name']}: {'; '.join(said['message'] for said in one['diagnostics'])}")
    print(
        f"{len(found['symbols'])} symbols, {len(unknown)} of unknown type; {score:.1%} written down, at least {FLOOR:.0%}"
    )
    return 1 if unknown or score < FLOOR or not found["symbols"] else 0


if __name__ == "__main__":
    sys.exit(main())
