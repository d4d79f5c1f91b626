"""The table of commands."""

from __future__ import annotations

import click

from orlop.cli.lazy import LazyGroup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.cli.context import App

_COMMANDS = "orlop.cli.commands"

TABLE = {
    noun: (f"{_COMMANDS}.{module}", attribute, text)
    for noun, module, attribute, text in (
        ("tag", "tag", "tag", "The tags of a repository."),
        ("repo", "repo", "repo", "The repositories of a registry."),
        ("manifest", "manifest", "manifest", "What a tag or a digest names: the document, its digest, one platform's."),
        ("referrer", "referrer", "referrer", "What is attached to a manifest: signatures, SBOMs, attestations."),
        ("blob", "blob", "blob", "Layers and other content, by digest."),
        ("image", "image", "image", "Images: config, platforms, layers, operating system."),
        ("browse", "browse", "browse", "A terminal browser of images."),
        ("registry", "registry", "registry", "A registry itself."),
        ("auth", "auth", "auth", "Signing in, and tokens for other tools."),
        ("ref", "ref", "ref", "References, taken apart."),
        ("api", "api", "api", "Any request, signed in; the registry's own answer."),
        ("settings", "settings", "settings", "Defaults, kept in a file."),
        ("cache", "cache", "cache", "What is kept of documents that never change."),
        ("serve", "serve", "serve", "Run a registry."),
        ("tour", "tour", "tour", "The whole journey, step by step, without a network."),
        ("completion", "completion", "completion", "Completion for bash, zsh or fish."),
    )
}


def _version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from orlop._version import __version__

        app: App = ctx.obj
        app.streams.text(f"orlop {__version__}\n")
        ctx.exit()


root = LazyGroup(
    name="orlop",
    table=TABLE,
    help="Ask, read and serve container registries.\n\nA noun, then a verb: orlop tag list debian",
    context_settings={"max_content_width": 100},
    params=[
        click.Option(
            ["--version"], is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Print the version."
        ),
        click.Option(
            ["--debug"], is_flag=True, expose_value=False, help="Show each exchange on standard error, without secrets."
        ),
    ],
)
