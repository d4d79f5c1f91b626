"""What ``image check`` checks: arguments, lists, tags that fit a pattern, and the images that files name."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NamedTuple

from orlop.cli.batch import LINE_LIMIT
from orlop.cli.context import usage
from orlop.cli.streams import read_lines
from orlop.errors import InputError, LocalError, ManifestNotFoundError, OrlopError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import BinaryIO

    from orlop import Client, PlatformSelector
    from orlop.cli.context import App
    from orlop.freshness.inputs.found import FoundImage
    from orlop.freshness.summaries.entry import Where
    from orlop.freshness.values import Report

FILE_LIMIT = 16 * 1024 * 1024
"""Bytes of a Dockerfile, a Compose file or a manifest that are read."""
_GLOB = frozenset("*?[")


class Inputs(NamedTuple):
    """The options that name files."""

    dockerfiles: tuple[str, ...] = ()
    build_args: tuple[str, ...] = ()
    stage: str = ""
    composes: tuple[str, ...] = ()
    kubernetes: tuple[str, ...] = ()


class Target(NamedTuple):
    """One image to check. platform: the one that a file wants of it. where: what names it. error: why it cannot be asked for."""

    text: str
    bases: tuple[str, ...] = ()
    platform: str = ""
    where: Where | None = None
    error: OrlopError | None = None

    @property
    def wish(self) -> PlatformSelector | None:
        """The platform wanted, if any."""
        if not self.platform:
            return None
        from orlop.model.platform import PlatformSelector

        return PlatformSelector.parse(self.platform)

    def failed(self) -> Report:
        """Return the report on an image that cannot be asked for."""
        from orlop.freshness.values import UNKNOWN, Report

        return Report(self.text, None, UNKNOWN, (), self.error)


class Group:
    """Images of which one platform is wanted, or all. An image that files name several times is asked for once."""

    def __init__(self, targets: Iterable[Target]) -> None:
        self._targets = targets
        self._named: dict[str, list[Target]] = {}
        self.failed: list[Target] = []
        for target in targets if isinstance(targets, list) else ():
            if target.where is not None and target.error is None:
                self._named.setdefault(target.text, []).append(target)

    def asked(self) -> Iterator[tuple[str, Sequence[str]]]:
        """Yield what to ask; read as it is needed."""
        for target in self._targets:
            if target.error is not None:
                self.failed.append(target)
                continue
            places = self._named.get(target.text)
            if places and places[0] is not target:
                continue
            yield target.text, target.bases

    def named(self, text: str) -> list[Target]:
        """Return every place that names the image, or the image alone."""
        return self._named.get(text) or [Target(text)]


class Targets:
    """All that is to be checked. many: whether it is a list, however long."""

    def __init__(self, app: App, targets: Iterable[Target], *, many: bool) -> None:
        self._app, self._targets, self.many = app, targets, many

    @property
    def only(self) -> Target:
        """The one image where it is no list."""
        (target,) = self._targets
        self._name(target.text)
        return target

    def groups(self, client: Client) -> Iterator[tuple[PlatformSelector | None, Group]]:
        """Yield the images in groups of one wish for a platform; patterns are looked up by the client."""
        found = self._found(client)
        if not isinstance(self._targets, list):
            yield None, Group(found)
            return
        by_platform: dict[str, list[Target]] = {}
        for target in found:
            try:
                wanted = target.platform if target.wish else ""
            except InputError as error:
                wanted, target = "", target._replace(error=error)
            by_platform.setdefault(wanted, []).append(target)
        for targets in by_platform.values():
            yield targets[0].wish if targets[0].error is None else None, Group(targets)

    def _found(self, client: Client) -> Iterator[Target]:
        for target in self._targets:
            if target.error is not None:
                yield target
                continue
            self._name(target.text)
            if is_pattern(target.text):
                yield from _fitting(client, target)
            else:
                yield target

    def _name(self, text: str) -> None:
        """Note the registry as one that the command names: credentials of the environment are for it alone."""
        if not self._app.one_registry:
            return
        from orlop.model.reference import Reference, is_locator

        try:
            host = None if is_locator(text) else Reference.parse(_bare(text)).repository.host
        except InputError:
            return  # it fails for itself, later
        if host is not None:
            self._app.name_registry(host)


def targets_of(app: App, words: Sequence[str], bases: Sequence[str], inputs: Inputs) -> Targets:
    """Return what the arguments and options say is to be checked. Raises InputError for what does not go together."""
    from_file = app.options.get("from_file")
    if inputs.build_args and not inputs.dockerfiles:
        raise usage("--build-arg is for --dockerfile")
    if inputs.stage and not inputs.dockerfiles:
        raise usage("--target is for --dockerfile")
    files = bool(inputs.dockerfiles or inputs.composes or inputs.kubernetes)
    if from_file:
        if words or files:
            raise usage("--from-file is instead of TARGET, --dockerfile, --compose and --kubernetes")
        return Targets(app, _listed(from_file, tuple(bases)), many=True)
    if files and not words:
        return Targets(app, [one._replace(bases=tuple(bases)) for one in _of_files(app, inputs)], many=True)
    if not words:
        raise usage("a TARGET is missing; or --from-file, --dockerfile, --compose or --kubernetes name many").with_hint(
            "a TARGET is [registry/]repository[:tag][@digest], a pattern of tags such as repo:3.*, or a locator such as oci:DIR"
        )
    given = (*words[1:], *bases)
    if files:
        given = (*given, *_base_of(inputs))
    target = Target(words[0], given)
    return Targets(app, [target], many=is_pattern(words[0]))


# --- patterns of tags --------------------------------------------------------------------------------


def is_pattern(text: str) -> bool:
    """Whether the text names the tags that fit a pattern: ``repo:3.*``."""
    from orlop.model.reference import is_locator

    tag = text.rpartition("/")[2].partition(":")[2]
    return bool(_GLOB & set(tag)) and not is_locator(text)


def _bare(text: str) -> str:
    return text[: -len(text.rpartition("/")[2].partition(":")[2]) - 1] if is_pattern(text) else text


def _fitting(client: Client, target: Target) -> Iterator[Target]:
    """Yield the tags that fit, in the registry's order; none is an error, as is a list that cannot be had."""
    from fnmatch import fnmatchcase

    repository = _bare(target.text)
    pattern = target.text[len(repository) + 1 :]
    any_ = False
    try:
        for tag in client.tags(repository):
            if fnmatchcase(tag.value, pattern):
                any_ = True
                yield target._replace(text=f"{repository}:{tag.value}")
        if not any_:
            yield target._replace(error=ManifestNotFoundError(pattern, repository, "no tag fits the pattern"))
    except OrlopError as error:
        yield target._replace(error=error)


# --- lists -------------------------------------------------------------------------------------------


def _listed(path: str, bases: tuple[str, ...]) -> Iterator[Target]:
    """Yield an image for each line: its name, and perhaps bases behind it."""
    if path == "-":
        yield from _lines(sys.stdin.buffer, bases)
        return
    try:
        with open(path, "rb") as file:
            yield from _lines(file, bases)
    except OSError as error:
        raise LocalError(path, f"cannot be read: {error.strerror}") from error


def _lines(file: BinaryIO, bases: tuple[str, ...]) -> Iterator[Target]:
    for line in read_lines(file, LINE_LIMIT):
        words = line.split()
        if words and not words[0].startswith("#"):
            yield Target(words[0], (*words[1:], *bases))


# --- files that name images --------------------------------------------------------------------------


def _text(path: str) -> str:
    try:
        if path == "-":
            raw = sys.stdin.buffer.read(FILE_LIMIT + 1)
        else:
            with open(path, "rb") as file:
                raw = file.read(FILE_LIMIT + 1)
    except OSError as error:
        raise LocalError(path, f"cannot be read: {error.strerror}") from error
    if len(raw) > FILE_LIMIT:
        raise InputError(path, f"it is larger than {FILE_LIMIT} bytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        wrong = InputError(path, f"it is not UTF-8 at byte {error.start}")
        wrong.noun = "a text file"
        raise wrong from None


def _arguments(given: Sequence[str]) -> dict[str, str]:
    made = {}
    for one in given:
        name, sign, value = one.partition("=")
        if not sign or not name:
            raise usage(f"--build-arg takes NAME=VALUE, and this is {one[:80]!r}")
        made[name] = value
    return made


def _base_of(inputs: Inputs) -> tuple[str, ...]:
    """Return the image that a Dockerfile's stage is built on, for a TARGET that is built from it; none for scratch."""
    from orlop.freshness.inputs.dockerfile import read_dockerfile

    if len(inputs.dockerfiles) != 1 or inputs.composes or inputs.kubernetes:
        raise usage(
            "a TARGET can be checked with one --dockerfile, which says its base; --compose and --kubernetes name others"
        )
    path = inputs.dockerfiles[0]
    base = read_dockerfile(_text(path), _arguments(inputs.build_args), path).base_of(inputs.stage)
    if base is None:
        return ()
    if base.problem:
        raise _unusable(base)
    return (base.text,)


def _of_files(app: App, inputs: Inputs) -> Iterator[Target]:
    from orlop.freshness.inputs.dockerfile import read_dockerfile
    from orlop.freshness.inputs.yamlfiles import read_compose, read_kubernetes

    arguments = _arguments(inputs.build_args)
    for path in inputs.dockerfiles:
        found = read_dockerfile(_text(path), arguments, path)
        base = found.base_of(inputs.stage) if inputs.stage else None
        images = ((base,) if base else ()) if inputs.stage else found.images()
        yield from _named(path, images)
    for path in inputs.composes:
        yield from _named(path, read_compose(_text(path), _variables(app, path), path))
    for path in inputs.kubernetes:
        yield from _named(path, read_kubernetes(_text(path), path))


def _variables(app: App, path: str) -> Mapping[str, str]:
    """Return the values of a Compose file's variables: the environment's, and below them those of the ``.env`` beside it."""
    beside = os.path.join(os.path.dirname(path) if path != "-" else "", ".env")
    values: dict[str, str] = {}
    if os.path.isfile(beside):
        for line in _text(beside).splitlines():
            name, sign, value = line.strip().removeprefix("export ").partition("=")
            if sign and name.strip() and not name.startswith("#"):
                values[name.strip()] = value.strip().strip("\"'")
    return {**values, **app.environ}


def _named(path: str, images: Iterable[FoundImage]) -> Iterator[Target]:
    from orlop.freshness.summaries.entry import Where

    for one in images:
        line = one.where.removeprefix("line ")
        where = Where(path, int(line)) if line.isdecimal() else Where(path, 0, one.where)
        problem = _unusable(one) if one.problem else None
        text = one.raw if problem else one.text
        # A platform that is a variable without a value restricts nothing.
        yield Target(text, (), "" if "$" in one.platform else one.platform, where, problem)


def _unusable(image: FoundImage) -> InputError:
    error = InputError(image.raw, f"{image.where}: {image.problem}")
    error.noun = "an image that can be asked for"
    return error
