"""``orlop referrer``: the table of its commands, each imported when it is run."""

from __future__ import annotations

from orlop.cli.lazy import LazyGroup

_COMMANDS = "orlop.cli.commands"

TABLE = {
    verb: (f"{_COMMANDS}.{module}", attribute, text)
    for verb, module, attribute, text in (
        ("list", "referrer_list", "list_", "The manifests that refer to one."),
        ("tree", "referrer_tree", "tree", "All that is attached to an image, decoded, as one tree."),
        ("inspect", "referrer_inspect", "inspect", "One attachment, decoded."),
        ("get", "referrer_get", "get", "The content of one attachment."),
    )
}

referrer = LazyGroup(
    name="referrer", table=TABLE, help="What is attached to a manifest: signatures, SBOMs, attestations."
)
