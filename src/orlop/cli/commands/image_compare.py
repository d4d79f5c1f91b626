"""``orlop image compare``: the table of its commands, each imported when it is run."""

from __future__ import annotations

from orlop.cli.lazy import LazyGroup

_COMMANDS = "orlop.cli.commands"

TABLE = {
    verb: (f"{_COMMANDS}.{module}", verb, text)
    for verb, module, text in (
        ("layers", "compare_layers", "Layer by layer."),
        ("files", "compare_files", "File by file, also with the differences of texts."),
        ("config", "compare_fields", "What the configs say: environment, labels, command, user."),
        ("metadata", "compare_fields", "All that is said of them: indexes, manifests, configs."),
        ("packages", "compare_packages", "What is installed, in which versions."),
    )
}

compare = LazyGroup(
    name="compare",
    table=TABLE,
    help="Two images beside each other. The exit status is 0 when they are the same, 1 when they differ.",
)
