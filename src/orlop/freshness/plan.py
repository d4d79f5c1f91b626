"""What to check, and how: the nouns of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from orlop.errors import InputError
from orlop.freshness.values import RULES, BaseName, Options

if TYPE_CHECKING:
    from orlop.freshness.notebook import Key
    from orlop.model.digest import Digest
    from orlop.model.platform import PlatformSelector


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """How to check.

    ignore_metadata: layers alone decide. inputs: the other images of the build count as well. through: a stale ancestor makes the
    image stale. family_limit: most tags of a base's family that are tried to find what an image was built on. min_age_s: seconds that
    a newer base has to be known here before it counts. ancestors: look at the base's own base, and on.
    """

    ignore_metadata: bool = False
    inputs: bool = False
    through: bool = False
    family_limit: int = 50
    min_age_s: float = 0.0
    ancestors: bool = True

    @property
    def rules(self) -> Options:
        """The part that decides."""
        return Options(self.ignore_metadata, self.inputs, self.through, self.family_limit)

    @property
    def text(self) -> str:
        """The part that decides, as a verdict is remembered under it."""
        flags = (self.ignore_metadata, self.inputs, self.through, self.ancestors)
        return "".join("01"[flag] for flag in flags) + f" {self.family_limit}"


class Asked(NamedTuple):
    """One image to check. subject: its name. bases: those given by hand. wish: which platforms of it."""

    subject: str
    bases: tuple[str, ...] = ()
    wish: PlatformSelector | None = None

    def given(self) -> list[BaseName]:
        """Return the bases that were given. Raises InputError's kinds."""
        made = [BaseName.parse(base) for base in self.bases]
        for base in made:
            if base.is_scratch:
                error = InputError(base.text, "scratch has no layers to compare with")
                error.noun = "a base"
                raise error
        return made

    def key(self, digest: Digest, options: str) -> Key:
        """Return what the verdicts on it are remembered under (V8). options: the text of CheckOptions."""
        wish = self.wish
        asked = "" if wish is None else f" {wish.os}/{wish.architecture}/{wish.variant}/{wish.os_version}"
        return digest.value, " ".join(self.bases), "", RULES, options + asked
