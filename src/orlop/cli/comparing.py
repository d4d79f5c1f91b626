"""What the commands that compare two images share: their options, the run, and the exit status."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import click

from orlop.cli import options
from orlop.cli.context import usage
from orlop.cli.render import show
from orlop.cli.status import NEGATIVE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from orlop import AsyncClient, PlatformSelector
    from orlop.cli.context import App
    from orlop.cli.render import Answer
    from orlop.image.compare.semantic import Ignore

R = TypeVar("R")
F = TypeVar("F", bound="Callable[..., Any]")

Ref = "Reference | Locator"


class _Output(click.Choice[str]):
    """The outputs of a comparison: ours, and dredge's words for them in any case, with or without the hyphen."""

    def __init__(self, words: dict[str, str]) -> None:
        super().__init__(["table", "plain", "json", *words])
        self._means = {word.replace("-", ""): means for word, means in words.items()}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return what is meant."""
        text = str(value).lower()
        bare = text.replace("-", "")
        return self._means.get(bare) or super().convert(text, param, ctx)


def output(words: dict[str, str], text: str) -> Callable[[F], F]:
    """Add --output, with words that mean one of its values, and --format."""
    return options.shared(
        options.kept("--output", "-o", type=_Output(words), help=text),
        options.kept("--format", metavar="TEMPLATE", help="Print this for each difference; {field} is of the JSON."),
    )


SIDES = {"side-by-side": "table", "inline": "plain"}

fields_output = output(SIDES, "How to print. A terminal gets table (side-by-side), a pipe plain (inline).")
"""Add the outputs of what can stand side by side."""

two = options.shared(
    click.Argument(["base"], metavar="BASE"),  # type: ignore[arg-type]  # an argument, where options are meant
    click.Argument(["target"], metavar="TARGET"),  # type: ignore[arg-type]
)
"""Add the two images."""

no_color = options.shared(options.kept("--no-color", is_flag=True, help="No colours; what differs is said in words."))
"""Add --no-color."""

all_platforms = options.shared(
    options.kept(
        "--all-platforms", is_flag=True, help="Every platform of two indexes, whatever the settings say of platforms."
    )
)
"""Add --all-platforms."""

_IMAGE_IGNORES = (
    options.kept("--ignore-image-timestamps", is_flag=True, help="When images and their steps were made."),
    options.kept("--ignore-history", is_flag=True, help="How each layer was made."),
)
_FILE_IGNORES = (
    options.kept("--ignore-file-timestamps", is_flag=True, help="Times of files."),
    options.kept("--ignore-file-order", is_flag=True, help="The order of a layer's members."),
    options.kept("--ignore-file-mode-redundant-bits", is_flag=True, help="Type bits in a mode; they never count."),
    options.kept("--ignore-tar-format", is_flag=True, help="The form of a layer's archive."),
    options.kept("--treat-canonical-paths-equal", is_flag=True, help="Whether a layer writes a, ./a or /a."),
)
_IMAGE_NAME = options.kept("--ignore-image-name", is_flag=True, help="Annotations that name the image.")


def _semantic(text: str) -> click.Option:
    return options.kept("--semantic", is_flag=True, help=text)


_TIMESTAMPS = options.kept("--ignore-timestamps", is_flag=True, help="All times.")

ignore_files = options.shared(
    _semantic("Pass over what two builds of one source may differ in: all of these."),
    _TIMESTAMPS,
    *_FILE_IGNORES,
)
"""Add what a comparison of files can pass over."""

ignore_config = options.shared(
    _semantic("Pass over times, history and the digests of layers."), _TIMESTAMPS, *_IMAGE_IGNORES
)
"""Add what a comparison of configs can pass over."""

ignore_metadata = options.shared(
    _semantic("Pass over times, history, names of the image, and digests and sizes."),
    _TIMESTAMPS,
    *_IMAGE_IGNORES,
    _IMAGE_NAME,
)
"""Add what a comparison of metadata can pass over."""


def ignored(app: App, paths: tuple[str, ...] = ()) -> Ignore:
    """Return what the options pass over."""
    from dataclasses import replace

    from orlop.image.compare.semantic import SEMANTIC, Ignore

    given = app.options
    if given.get("semantic"):
        return replace(SEMANTIC, paths=paths)
    times = bool(given.get("ignore_timestamps"))
    return Ignore(
        file_timestamps=times or bool(given.get("ignore_file_timestamps")),
        image_timestamps=times or bool(given.get("ignore_image_timestamps")),
        history=bool(given.get("ignore_history")),
        file_order=bool(given.get("ignore_file_order")),
        file_mode_redundant_bits=bool(given.get("ignore_file_mode_redundant_bits")),
        image_name=bool(given.get("ignore_image_name")),
        tar_format=bool(given.get("ignore_tar_format")),
        canonical_paths=bool(given.get("treat_canonical_paths_equal")),
        paths=paths,
    )


def selector_of(app: App) -> PlatformSelector | None:
    """Return the wish for a platform; None pairs all platforms of two indexes. Raises InputError."""
    if app.options.get("all_platforms"):
        if app.platform_given:
            raise usage("--all-platforms and an option that chooses a platform exclude each other")
        return None
    return app.selector(settings=True)


def coloured(app: App) -> bool:
    """Whether to print in colours."""
    return app.streams.colour and not app.options.get("no_color")


def compare(
    app: App,
    refs: tuple[str, str],
    question: Callable[[AsyncClient, Any, Any], Awaitable[R]],
    *,
    answer: Callable[[R], Answer],
    equal: Callable[[R], bool],
) -> None:
    """Ask the question of two references and show the answer; where they differ, the exit status is 1.

    question: a coroutine function of client and the two references.
    """
    from orlop.cli.sources import named

    base, target = named(app, refs[0]), named(app, refs[1])

    async def asked(client: AsyncClient) -> R:
        return await question(client, base, target)

    with app.client() as client:
        found = client.runtime.call(asked(client.steps))
        show(app, answer(found))
    if not equal(found):
        app.status = max(app.status, NEGATIVE)
