"""What a case of the up-to-date check is, and what its images are made with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tests.unit.freshness.world import (
    annotated,
    build,
)

from orlop.model.platform import Platform
from orlop.testing.builders import Built

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.interop.shelf import Shelf

REGCTL_VERSION = "v0.11.7"
Lucy = Literal["fresh", "stale", "error", "crash"]
Regctl = Literal["match", "mismatch", "error", "crash", "hangs"]


@dataclass(frozen=True, slots=True)
class Setting:
    """What was put up. target: the image. base: what lucy is told.

    given: orlop and regctl are told the base too; otherwise both have to find it. further: more bases that orlop is told. known: images
    and their bases that were checked before; afterwards: what happens then. regctl: more arguments. as_stored: lucy gets OCI's media types; otherwise Docker's.
    """

    target: str
    base: str
    given: bool = False
    further: tuple[str, ...] = ()
    known: tuple[tuple[str, str], ...] = ()
    regctl: tuple[str, ...] = ()
    as_stored: bool = False
    afterwards: Callable[[], object] | None = None

    @property
    def bases(self) -> tuple[str, ...]:
        """The bases that orlop is told."""
        return (*((self.base,) if self.given else ()), *self.further)

    def prepare(self) -> None:
        """Let happen what happens once the bases of ``known`` were met."""
        if self.afterwards is not None:
            self.afterwards()

    def regctl_arguments(self) -> list[str]:
        """What follows ``regctl``."""
        return ["image", "check-base", self.target, *(["--base", self.base] if self.given else []), *self.regctl]


@dataclass(frozen=True, slots=True)
class Case:
    """One row. text: what the image is. make: puts it up. upstream: what orlop says of the base's own base.

    told_more: lucy is told what orlop is not, and may know more.
    """

    name: str
    rules: tuple[str, ...]
    text: str
    state: str
    reason: str
    lucy: Lucy
    regctl: Regctl
    make: Callable[[Shelf], Setting]
    upstream: str = ""
    told_more: bool = False


CASES: list[Case] = []
RULES = {
    "V1": "Each platform is fresh, stale or unknown, with a reason; an error is no state.",
    "V2": "Each reason belongs to one state: what cannot be told is unknown, never stale.",
    "V3": "An index is stale if one platform is, else unknown if one is; what is no image does not count.",
    "V5": "The base is compared for the image's own platform alone.",
    "V6": "No layers are no prefix; more layers than the image has are none either.",
    "V7": "Each base's own base is checked too, and told beside the verdict.",
    "V9": "Only a base that the image itself names, and whose tag alone is gone, makes it stale by its absence.",
    "E1": "BuildKit's provenance names the images of the build.",
    "E3": "The base is the longest prefix among them.",
    "E4": "What is claimed is checked: a claim that the layers contradict decides nothing.",
    "E5": "Annotations name the base: on the manifest, its entry in the index, the index.",
    "E6": "Labels name it too, but are inherited: believed only where confirmed.",
    "E7": "A base's digest may be of its index or of its platform manifest.",
    "E9": "Buildpacks name the run image, and where it ends.",
    "E10": "A base that was met before is found again by its layers.",
    "E11": "What the history suggests is a guess, and decides nothing.",
    "C1": "The base's layers, by digest, are the image's first; sizes and media types do not matter.",
    "C2": "Where digests differ, the unpacked layers are compared.",
    "C3": "A prefix is not enough where it is known what the image was built on.",
    "C4": "With equal layers, history and inherited settings count; times do not, and a history that does not fit is skipped.",
    "C5": "A base that moved is looked for among the tags of its family.",
    "C6": "The layers of a squashed image say nothing; a digest may.",
    "C7": "Nor do layers whose times were rewritten.",
    "C8": "A build of Windows is compared with the same build, of whatever revision.",
    "C10": "Of several bases the one under the image counts.",
}


def case(
    rules: str, state: str, reason: str, *, lucy: Lucy, regctl: Regctl, upstream: str = "", told_more: bool = False
) -> Callable[[Callable[[Shelf], Setting]], Callable[[Shelf], Setting]]:
    """Add the function as a case; its name and its docstring are the case's."""

    def add(make: Callable[[Shelf], Setting]) -> Callable[[Shelf], Setting]:
        name = make.__name__.replace("_", "-")
        text = " ".join((make.__doc__ or "").split())
        CASES.append(Case(name, tuple(rules.split()), text, state, reason, lucy, regctl, make, upstream, told_more))
        return make

    return add


OLD = build("os-1", "tools")
NEW = build("os-2", "tools")
OTHER = build("other")
ARM = "linux/arm64"


def app(on: Built = OLD, **more: object) -> Built:
    """Return an image of one layer above a base."""
    return build("app", on=on, **more)  # type: ignore[arg-type]


def named(shelf: Shelf, then: Built, now: Built | None, target: Built | None = None, *, digest: bool = True) -> Setting:
    """Put up an image whose annotations name its base, which was ``then`` and is ``now`` (None: its tag is gone)."""
    base = shelf.put("base:1", then) if now is then else shelf.name("base:1")
    if now is not then:
        shelf.put("base:former" if digest else "elsewhere:1", then)
    if now is not None and now is not then:
        shelf.put("base:1", now)
    built = annotated(target or app(then), base, then.digest if digest else None)
    return Setting(shelf.put("app:1", built), base)


def given(shelf: Shelf, target: Built, now: Built, *regctl: str, as_stored: bool = False) -> Setting:
    """Put up an image and a base that is told by hand."""
    base = shelf.put("base:1", now)
    return Setting(shelf.put("app:1", target), base, given=True, regctl=regctl, as_stored=as_stored)


def child(built: Built, platform: str | None) -> Built:
    """Return the image as an index shall list it: with this platform, or none."""
    described = built.descriptor.with_platform(None if platform is None else Platform.parse(platform))
    return Built(built.raw, described, built.blobs, built.children, built.config, built.layers, built.platform)
