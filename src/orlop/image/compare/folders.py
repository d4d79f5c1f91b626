"""Two images in two folders of this machine, for programs that compare folders."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from orlop.image.compare.files import WHOLE, Scope
from orlop.image.extract import Rules, extract

if TYPE_CHECKING:
    from orlop.image.compare.files import Stores
    from orlop.image.compare.sides import Sides

BASE, TARGET = "base", "target"
"""What the folders are called."""


async def write_sides(sides: Sides, stores: Stores, to: str, *, scope: Scope = WHOLE) -> tuple[str, str]:
    """Write the two images below a folder, and return the folders. Raises as ``orlop.image.extract.extract``."""
    folders = os.path.join(to, BASE), os.path.join(to, TARGET)
    rules = Rules(keep_owner=False)
    for at, image in enumerate(sides.only):
        number = (scope.base, scope.target)[at]
        if scope.alone:
            await extract(stores[at], image, folders[at], layer=number, rules=rules)
        else:
            await extract(stores[at], image, folders[at], upto=number, rules=rules)
    return folders
