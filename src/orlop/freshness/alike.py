"""Images that are alike get one verdict: what names their base is the same, and so are the layers that the verdict looks at.

A fleet has hundreds of images on one base. Each is decided by its own documents; the steps from those to the verdict are gone through once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from orlop.errors import OrlopError
from orlop.freshness.layers import is_prefix
from orlop.freshness.values import LAYERS, SAME_BASE, PlatformImage, Verdict
from orlop.model.annotations import BASE_DIGEST, BASE_NAME

if TYPE_CHECKING:
    from orlop.freshness.engine import Trace
    from orlop.freshness.inquiry import Outcome
    from orlop.model.digest import Digest
    from orlop.model.platform import Platform

_MOST = 4096
_MOST_OF_ONE = 8
_LONGEST = 1024  # characters of an annotation: names and digests have fewer


class _Known(NamedTuple):
    """A verdict as the arguments before and after the image's digest: to copy it whole takes three times as long."""

    prefix: tuple[Digest, ...]
    now: Digest
    before: tuple[Any, ...]
    after: tuple[Any, ...]
    trace: Trace


_FIELDS = Verdict.__slots__
_AT = _FIELDS.index("digest")

Key = tuple["Platform | None", tuple[str, ...]]


class Alike:
    """Verdicts of one run, by what images say of their base."""

    def __init__(self) -> None:
        self._known: dict[Key, list[_Known]] = {}

    @staticmethod
    def key(image: PlatformImage) -> Key | None:
        """Return what an image says of its base by annotations, None where it says nothing."""
        entry, index = image.entry, image.index
        try:
            said = [image.annotations]
            if entry is not None:
                said.append(entry.annotations)
            if index is not None:
                said.append(index.annotations)
        except OrlopError:
            return None
        texts = tuple([texts.get(name, "") for texts in said for name in (BASE_NAME, BASE_DIGEST)])
        return (image.platform, texts) if any(texts) and max(map(len, texts)) <= _LONGEST else None

    def find(self, key: Key, image: PlatformImage) -> tuple[Verdict, Trace] | None:
        """Return the verdict on an image that is like one before, and what it hung on."""
        for known in self._known.get(key, ()):
            if known.now != image.digest and is_prefix(known.prefix, image.layer_digests):
                return Verdict(*[*known.before, image.digest, *known.after]), known.trace
        return None

    def keep(self, key: Key, image: PlatformImage, outcome: Outcome, verdict: Verdict, trace: Trace) -> None:
        """Keep a verdict, if nothing else of the image decided it than its first layers and its annotations.

        That is so where these name what the image was built on, and its layers lie under the image as they are stored: then the rest hangs on
        what the base was and is (C1, C3).
        """
        then, now = outcome.then, outcome.now
        if verdict.reason not in {SAME_BASE, LAYERS} or verdict.others or then is None or now is None:
            return
        named = [one for one in verdict.evidence if one.base is not None]
        confirmed = len(named) == 1 and named[0].kind == "annotation" and named[0].binding == "confirmed"
        if not confirmed or now.digest == image.digest or not is_prefix(then.layer_digests, image.layer_digests):
            return
        if trace.trouble or verdict.build_inputs:
            return
        found = self._known.setdefault(key, []) if len(self._known) < _MOST else self._known.get(key, [])
        if len(found) < _MOST_OF_ONE:
            fields = [getattr(verdict, name) for name in _FIELDS]
            found.append(_Known(then.layer_digests, now.digest, tuple(fields[:_AT]), tuple(fields[_AT + 1 :]), trace))
