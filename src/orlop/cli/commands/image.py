"""``orlop image``: the table of its commands, each imported when it is run."""

from __future__ import annotations

from orlop.cli.lazy import LazyGroup

_COMMANDS = "orlop.cli.commands"

TABLE = {
    verb: (f"{_COMMANDS}.{module}", attribute, text)
    for verb, module, attribute, text in (
        ("inspect", "image_inspect", "inspect", "The config of an image."),
        ("layers", "image_layers", "layers", "The layers, and the steps that made them."),
        ("dockerfile", "image_dockerfile", "dockerfile", "A Dockerfile out of the history."),
        ("size", "image_size", "size", "What images weigh, share and waste."),
        ("os", "image_inspect", "os_", "Which operating system is inside."),
        ("compare", "image_compare", "compare", "Two images beside each other."),
        ("ls", "image_ls", "ls", "The files, with the layer of each."),
        ("cat", "image_cat", "cat", "Files, to the byte."),
        ("find", "image_find", "find", "Files by name, content, size or kind."),
        ("tree", "image_tree", "tree", "The folders, drawn."),
        ("extract", "image_extract", "extract", "Files into a folder or an archive."),
        ("export", "image_export", "export", "All files as one archive."),
        ("save-layers", "image_savelayers", "save_layers", "The layers into a folder, merged or each for itself."),
        ("check", "image_check", "check", "Whether it is up to date with its base."),
        ("base", "image_base", "base", "Which base it has, and how that is known."),
        ("updates", "image_updates", "updates", "Newer tags of the same family."),
        ("packages", "image_packages", "packages", "What is installed, and bills of materials of it."),
    )
}

image = LazyGroup(name="image", table=TABLE, help="Images: config, platforms, layers, operating system.")
