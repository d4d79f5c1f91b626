"""What a base says beside its layers, and whether an image built on it would change by it (C4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.errors import OrlopError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orlop.freshness.values import PlatformImage
    from orlop.model.imageconfig import HistoryEntry, ImageConfig


def history_of(image: PlatformImage) -> list[HistoryEntry] | None:
    """Return the history, or None where it does not tell of each layer: tools drop and invent entries."""
    if image.config is None:
        return None
    try:
        steps = image.config.history
    except OrlopError:
        return None
    return steps if sum(not step.empty_layer for step in steps) == len(image.layers) and steps else None


def history_changes(was: PlatformImage, now: PlatformImage, *, prefix: bool = False) -> list[str]:
    """Return what differs between the history that the image was built on and the base's now; nothing where one of them does not tell.

    prefix: ``was`` is the built image itself, whose history goes on after the base's. When a step was made does not count: builds
    with SOURCE_DATE_EPOCH clamp it, and a base that is built again has other times.
    """
    old, new = history_of(was), history_of(now)
    if old is None or new is None:
        return []
    if prefix:
        old = old[: len(new)]
    if len(old) != len(new):
        return [f"{len(old)} history steps were {'found' if prefix else 'there'}, now {len(new)}"]
    return [
        f"history step {at} was {_shown(before.created_by)}, now {_shown(after.created_by)}"
        for at, (before, after) in enumerate(zip(old, new, strict=True), 1)
        if _told(before) != _told(after)
    ]


def same_times(target: PlatformImage, base: PlatformImage) -> bool:
    """Whether the target's first history steps are of the base's times: breaks a tie between bases that are otherwise equal.

    A time after the target's own is what SOURCE_DATE_EPOCH clamps to it.
    """
    ours, theirs = history_of(target), history_of(base)
    if ours is None or theirs is None or target.config is None or len(theirs) > len(ours):
        return False
    try:
        clamp = target.config.created
    except OrlopError:
        clamp = ""
    return all(
        step.created == there.created or (step.created == clamp != "" and there.created > clamp)
        for step, there in zip(ours, theirs, strict=False)
    )


def config_changes(was: ImageConfig | None, now: ImageConfig | None, target: ImageConfig | None) -> list[str]:
    """Return the fields of a base that changed and that an image built on it takes over.

    target: the image's own config: what it sets itself does not count. None, or a config that cannot be right, hides nothing.
    """
    if was is None or now is None:
        return []
    try:
        return [*_scalars(was, now, target), *_variables(was, now, target), *_sets(was, now)]
    except OrlopError:
        return []


def _scalars(was: ImageConfig, now: ImageConfig, target: ImageConfig | None) -> Iterable[str]:
    for name, before, after, ours in (
        ("User", was.user, now.user, target and target.user),
        ("StopSignal", was.stop_signal, now.stop_signal, target and target.stop_signal),
        ("Entrypoint", was.entrypoint, now.entrypoint, target and target.entrypoint),
        ("Cmd", was.cmd, now.cmd, target and target.cmd),
    ):
        own = bool(ours) and ours != before
        # Whoever sets an entrypoint drops the base's command.
        if name == "Cmd" and target is not None and target.entrypoint and target.entrypoint != was.entrypoint:
            own = True
        if before != after and not own:
            yield f"{name} was {_shown(before)}, now {_shown(after)}"


def _variables(was: ImageConfig, now: ImageConfig, target: ImageConfig | None) -> Iterable[str]:
    before, after = _env(was), _env(now)
    ours = _env(target) if target is not None else {}
    for name in sorted(before.keys() | after.keys()):
        old, new, own = before.get(name), after.get(name), ours.get(name)
        if old == new or (own is not None and own == new):
            continue
        # PATH=/app/bin:$PATH is the image's own, and still takes the base's over.
        if own is None or (old is not None and old in own):
            yield f"Env {name} was {_shown(old)}, now {_shown(new)}"


def _sets(was: ImageConfig, now: ImageConfig) -> Iterable[str]:
    for name, before, after in (
        ("ExposedPorts", set(was.exposed_ports), set(now.exposed_ports)),
        ("Volumes", set(was.volumes), set(now.volumes)),
    ):
        if before != after:
            yield f"{name} was {_shown(sorted(before))}, now {_shown(sorted(after))}"


def _env(config: ImageConfig) -> dict[str, str]:
    return dict(pair.partition("=")[::2] for pair in config.env)


def _told(step: HistoryEntry) -> tuple[str, bool, str, str]:
    return step.created_by, step.empty_layer, step.comment, step.author


def _shown(value: str | Sequence[str] | None) -> str:
    if not value:
        return "(none)"
    text = value if isinstance(value, str) else " ".join(value)
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
