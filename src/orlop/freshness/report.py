"""Beside the verdicts: what else is known of an image's base; and verdicts as JSON, forth and back."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from orlop.freshness.values import Absent, BaseName, BuildInput, Evidence, Verdict, platform_text
from orlop.model.digest import Digest
from orlop.model.platform import Platform
from orlop.model.reference import Reference, is_locator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.freshness.behind import Behind, Waiting


class About(NamedTuple):
    """What is known of one platform beside its verdict; None each where it was not asked for or is not known.

    behind: since when, and by how many updates. waiting: what a minimum age makes of a newer base. kept: where the base could not
    be read now, what was decided before; kept_at: when, in seconds since 1970. remembered: whether the verdict is an earlier run's.
    """

    behind: Behind | None = None
    waiting: Waiting | None = None
    kept: Verdict | None = None
    kept_at: float | None = None
    remembered: bool = False


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as JSON; what is empty is left out, but for state and reason. ``verdict_of`` reads it back."""
    made: dict[str, Any] = {"state": verdict.state, "reason": verdict.reason}
    put = made.__setitem__
    if verdict.platform is not None:
        put("platform", platform_text(verdict.platform))
    for name, digest in (
        ("digest", verdict.digest),
        ("thenDigest", verdict.then_digest),
        ("nowDigest", verdict.now_digest),
    ):
        if digest is not None:
            put(name, digest.value)
    if verdict.base is not None:
        put("base", base_json(verdict.base))
    if verdict.evidence:
        put("evidence", [evidence_json(one) for one in verdict.evidence])
    for name, text in (("upstream", verdict.upstream), ("detail", verdict.detail), ("hint", verdict.hint)):
        if text:
            put(name, text)
    if verdict.waiting_until is not None:
        put("waitingUntil", verdict.waiting_until)
    if verdict.build_inputs:
        put("buildInputs", [_input_json(one) for one in verdict.build_inputs])
    for name, others in (("others", verdict.others), ("ancestors", verdict.ancestors)):
        if others:
            put(name, [verdict_json(one) for one in others])
    if verdict.absent is not None:
        put("absent", {"kind": verdict.absent.kind, "detail": verdict.absent.detail})
    return made


def base_json(base: BaseName) -> dict[str, Any]:
    """Return a base as JSON."""
    made: dict[str, Any] = {"reference": base.text}
    if base.assumed:
        made["assumed"] = list(base.assumed)
    return made


def evidence_json(evidence: Evidence) -> dict[str, Any]:
    """Return one reason to believe in a base as JSON."""
    made: dict[str, Any] = {"kind": evidence.kind, "binding": evidence.binding}
    if evidence.base is not None:
        made["base"] = base_json(evidence.base)
    if evidence.note:
        made["note"] = evidence.note
    if evidence.depth is not None:
        made["depth"] = evidence.depth
    if evidence.then is not None:
        made["then"] = evidence.then.value
    return made


def _input_json(one: BuildInput) -> dict[str, Any]:
    made: dict[str, Any] = {"base": base_json(one.base), "role": one.role}
    if one.platform is not None:
        made["platform"] = str(one.platform)
    if one.state:
        made["state"] = one.state
    if one.now_digest is not None:
        made["nowDigest"] = one.now_digest.value
    return made


def verdict_of(data: Mapping[str, Any]) -> Verdict:
    """Return the verdict of ``verdict_json``; for what this program wrote, and nothing else."""
    get = data.get
    absent = get("absent")
    return Verdict(
        data["state"],
        data["reason"],
        _platform(get("platform")),
        _digest(get("digest")),
        _base(get("base")),
        _digest(get("thenDigest")),
        _digest(get("nowDigest")),
        tuple(_evidence(one) for one in get("evidence", ())),
        get("upstream", ""),
        get("detail", ""),
        get("hint", ""),
        get("waitingUntil"),
        tuple(_input(one) for one in get("buildInputs", ())),
        tuple(verdict_of(one) for one in get("others", ())),
        tuple(verdict_of(one) for one in get("ancestors", ())),
        Absent(absent["kind"], absent["detail"]) if absent else None,
    )


def _digest(text: str | None) -> Digest | None:
    return None if text is None else Digest.trusted(text)


@lru_cache(maxsize=1024)
def _platform(text: str | None) -> Platform | None:
    return None if text is None else Platform.parse(text)


def _base(data: Mapping[str, Any] | None) -> BaseName | None:
    if data is None:
        return None
    text = data["reference"]
    if is_locator(text) or text == "scratch":
        return BaseName(text)
    reference = Reference.parse(text, default_tag=False)
    return BaseName(text, reference.repository, reference.tag, reference.digest, tuple(data.get("assumed", ())))


def _evidence(data: Mapping[str, Any]) -> Evidence:
    return Evidence(
        data["kind"],
        _base(data.get("base")),
        data["binding"],
        data.get("note", ""),
        data.get("depth"),
        _digest(data.get("then")),
    )


def _input(data: Mapping[str, Any]) -> BuildInput:
    base = _base(data["base"])
    if base is None:  # pragma: no cover  # it was written with one
        raise ValueError
    return BuildInput(
        base, _platform(data.get("platform")), data["role"], data.get("state", ""), _digest(data.get("nowDigest"))
    )
