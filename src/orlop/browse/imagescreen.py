"""One image: its platforms, its layers, and the tree of its files."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Footer, OptionList, Static, Tree
from textual.widgets.option_list import Option

from orlop.browse.asking import Asking, Pane, in_thread
from orlop.browse.pick import Ask, Search, Tags
from orlop.browse.questions import children, with_tag
from orlop.browse.text import counted, owner, permissions, shown, size, when
from orlop.browse.viewer import Viewer
from orlop.errors import InvalidManifestError
from orlop.image.history import history_of, short_text
from orlop.image.tree import GONE
from orlop.layer.entry import DIRECTORY, HARDLINK, SYMLINK

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.widgets.tree import TreeNode

    from orlop.browse.questions import Opened, Questions
    from orlop.image.tree import ImageTree, Node
    from orlop.image.view import Image

CHILDREN_LIMIT = 2000
"""Most entries of one folder that the tree shows; the search finds the others."""

_ALL = "all"


class ImageScreen(Asking):
    """Platforms and layers on the left, files on the right, details of the highlighted path below."""

    CSS = """
    ImageScreen > .title { height: 1; text-style: bold; }
    ImageScreen #left { width: 40; }
    ImageScreen #platforms { height: auto; max-height: 30%; border: solid $foreground; }
    ImageScreen #layers { height: 1fr; border: solid $foreground; }
    ImageScreen #tree { border: solid $foreground; }
    ImageScreen OptionList:focus, ImageScreen #tree:focus { border: heavy $foreground; }
    ImageScreen .details { height: 5; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "open", "Open"),
        Binding("t", "tags", "Tags"),
        Binding("p", "focus_on('platforms')", "Platforms"),
        Binding("l", "focus_on('layers')", "Layers"),
        Binding("f", "focus_on('tree')", "Files"),
        Binding("slash", "search", "Search", key_display="/"),
        Binding("a", "removed", "Removed files"),
        Binding("r", "again", "Again"),
        Binding("q", "app.quit", "Quit"),
    ]

    def __init__(self, questions: Questions, text: str) -> None:
        super().__init__()
        self._questions, self._text = questions, text
        self._opened: Opened | None = None
        self._image: Image | None = None
        self._tree: ImageTree | None = None
        self._layer: int | None = None
        self._made: dict[int, str] = {}
        self._removed = False

    def compose(self) -> ComposeResult:
        """Lay out the lists, the tree, and the details."""
        yield Static(Content(shown(self._text)), classes="title")
        with Horizontal():
            with Vertical(id="left"):
                platforms = OptionList(id="platforms", markup=False)
                platforms.border_title = "Platforms"
                yield platforms
                layers = OptionList(id="layers", markup=False)
                layers.border_title = "Layers"
                yield layers
            tree: Tree[Node | None] = Tree("/", id="tree")
            tree.border_title = "Files"
            yield Pane(tree, id="files")
        yield Static(classes="details", markup=False)
        yield Footer()

    @property
    def files(self) -> Tree[Node | None]:
        """The tree of files."""
        return self.query_one("#tree", Tree)

    @property
    def pane(self) -> Pane:
        """Where the files are, or what is said in their place."""
        return self.query_one("#files", Pane)

    @property
    def details(self) -> str:
        """What is told of the highlighted path."""
        return str(self.query_one(".details", Static).content)

    def on_mount(self) -> None:
        """Open what was asked for."""
        self.query_one("#platforms").display = False
        self._open(self._text)

    # --- from a reference to files ---------------------------------------------------------------

    def _open(self, text: str) -> None:
        self._text, self._opened, self._image, self._tree = text, None, None, None
        self._title(shown(text))
        for name in ("#platforms", "#layers"):
            self.query_one(name, OptionList).clear_options()
        self.ask(
            lambda: self._questions.open(text), self._got_opened, pane=self.pane, busy=f"Opening {shown(text)} ..."
        )

    def _got_opened(self, opened: Opened) -> None:
        self._opened = opened
        platforms = self.query_one("#platforms", OptionList)
        several = len(opened.choices) > 1
        platforms.display = several
        if several:
            platforms.add_options([Option(Content(shown(one.label))) for one in opened.choices])
            platforms.highlighted = opened.first
        self._choose(opened.first)

    def _choose(self, choice: int) -> None:
        opened = self._opened
        if opened is not None:
            self.query_one("#layers", OptionList).clear_options()
            self.ask(
                lambda: self._questions.image(opened, choice),
                self._got_image,
                pane=self.pane,
                busy="Reading manifest and config ...",
            )

    def _got_image(self, image: Image) -> None:
        self._image = image
        platform = f"  {image.platform}" if image.platform else ""
        layers = counted(len(image.layers), "layer")
        self._title(f"{shown(self._text)}{platform}  {image.digest.value[:19]}  {size(image.size)} in {layers}")
        listed = self.query_one("#layers", OptionList)
        listed.add_option(Option(Content("all layers, merged"), id=_ALL))
        self._made = _steps(image)
        for layer in image.layers:
            text = f"{layer.index:>2}  {size(layer.size):>10}  {shown(self._made.get(layer.index, '')) or layer.descriptor.digest.short}"
            listed.add_option(Option(Content(text).truncate(200), id=str(layer.index)))
        listed.highlighted = 0
        self._load(None)

    def _load(self, layer: int | None) -> None:
        opened, image = self._opened, self._image
        if opened is None or image is None:
            return
        self._layer = layer
        busy = "Reading the layers ..." if layer is None else f"Reading layer {layer} ..."
        self.ask(lambda: self._questions.tree(opened, image, layer), self._got_tree, pane=self.pane, busy=busy)

    def _got_tree(self, tree: ImageTree) -> None:
        self._tree = tree
        self._draw()
        self.files.focus()

    def _title(self, text: str) -> None:
        self.query_one(".title", Static).update(Content(text))

    def _tell(self, text: str) -> None:
        self.query_one(".details", Static).update(Content(text))

    # --- the tree --------------------------------------------------------------------------------

    def _draw(self) -> None:
        files = self.files
        files.clear()
        files.root.data = None
        where = "" if self._layer is None else f", layer {self._layer} alone"
        files.border_title = f"Files{where}{', removed ones too' if self._removed else ''}"
        self.run_worker(self._draw_root(), group="root", exclusive=True)

    async def _draw_root(self) -> None:
        root = self.files.root
        await self._fill(root, "")
        root.expand()
        facts = _image_facts(self._image) if self._image is not None else []
        self._tell("\n".join(facts if root.children else ["There are no files.", *facts]))

    async def _fill(self, parent: TreeNode[Node | None], path: str) -> None:
        """Put the entries of a folder below its node. A folder may hold a million, so they are sorted on a thread."""
        tree, removed = self._tree, self._removed
        if tree is None:
            return
        found = await in_thread(lambda: list(islice(children(tree, path, removed=removed), CHILDREN_LIMIT + 1)))
        if tree is not self._tree or removed != self._removed:
            return
        parent.remove_children()
        for node in found[:CHILDREN_LIMIT]:
            parent.add(self._label(node), data=node, allow_expand=node.entry.kind == DIRECTORY)
        if len(found) > CHILDREN_LIMIT:
            parent.add_leaf(Text(f"... more than {CHILDREN_LIMIT:,}: / finds the others"), data=None)

    def _label(self, node: Node) -> Text:
        name = shown(node.name)
        if node.entry.kind == DIRECTORY:
            name += "/"
        elif node.entry.kind == SYMLINK:
            name += f" -> {shown(node.entry.link)}"
        if node.removed:
            name = f"- {name}  ({'replaced' if node.replaced else 'removed'} by layer {node.removed_by})"
        return Text(name)

    def on_tree_node_expanded(self, event: Tree.NodeExpanded[Node | None]) -> None:
        """Read a folder when it is first opened."""
        node = event.node.data
        if node is not None and not event.node.children:
            self.run_worker(self._fill(event.node, node.path), group="folders")

    def on_tree_node_highlighted(self, event: Tree.NodeHighlighted[Node | None]) -> None:
        """Tell of the path."""
        node = event.node.data
        if node is not None:
            self._tell("\n".join(self._described(node)))
        elif event.node.is_root and self._image is not None:
            self._tell("\n".join(_image_facts(self._image)))

    def on_tree_node_selected(self, event: Tree.NodeSelected[Node | None]) -> None:
        """Show a file."""
        node, tree = event.node.data, self._tree
        if node is None or tree is None or node.entry.kind in {DIRECTORY, GONE}:
            return
        self.app.push_screen(Viewer(node.path, lambda: self._questions.read(tree, node)))

    def _described(self, node: Node) -> list[str]:
        entry = node.entry
        if entry.kind == GONE:
            what = f"a whiteout: layer {node.removed_by} takes away what the layers below have there"
            return [f"/{shown(node.path)}", what]
        tree = self._tree
        length = tree.size(node) if tree is not None and entry.kind != DIRECTORY else 0
        first = [f"/{shown(node.path)}", *([f"-> {shown(entry.link)}"] if entry.kind in {SYMLINK, HARDLINK} else [])]
        second = [permissions(entry), f"{entry.mode:04o}", owner(entry), size(length), when(entry), entry.kind]
        third = "no layer states this folder" if node.layer_index < 0 else f"layer {node.layer_index}"
        if node.layer_index >= 0:
            third += f"  {shown(self._made.get(node.layer_index, ''))[:160]}"
        if node.removed:
            third += f"  ({'replaced' if node.replaced else 'removed'} by layer {node.removed_by})"
        sha256 = tree.sha256(node) if tree is not None and entry.kind not in {DIRECTORY, SYMLINK} else ""
        xattrs = f"xattrs {', '.join(map(shown, entry.xattrs))}" if entry.xattrs else ""
        rest = [f"sha256:{sha256}" if sha256 else "", xattrs]
        lines = ["  ".join(first), "  ".join(second), third, "  ".join(text for text in rest if text)]
        return [line for line in lines if line]

    async def show_path(self, path: str, *, removed: bool = False) -> None:
        """Open the folders down to a path, and put the cursor on it."""
        here = self.files.root
        parts = path.split("/")
        for at in range(1, len(parts) + 1):
            wanted = "/".join(parts[:at])
            fits = [one for one in here.children if one.data is not None and one.data.path == wanted]
            if not fits:
                self._tell(f"/{shown(path)} is not among the entries that are shown")
                return
            last = at == len(parts)
            alike = [one for one in fits if one.data is not None and one.data.removed == (removed and last)]
            here = (alike or fits)[0]
            if not last:
                if not here.children:
                    await self._fill(here, wanted)
                here.expand()
        self.call_after_refresh(self.files.move_cursor, here)
        self.files.focus()

    # --- what keys do ----------------------------------------------------------------------------

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Take another platform, or another layer."""
        if event.option_list.id == "platforms":
            self._choose(event.option_index)
        elif event.option.id is not None:
            self._load(None if event.option.id == _ALL else int(event.option.id))

    def action_focus_on(self, name: str) -> None:
        """Go to a part of the screen."""
        target = self.query_one(f"#{name}")
        if target.display:
            target.focus()

    def action_removed(self) -> None:
        """Show what upper layers removed as well, or no longer."""
        self._removed = not self._removed
        if self._tree is not None:
            self._draw()

    def action_again(self) -> None:
        """Ask again, from the start."""
        self._open(self._text)

    def action_open(self) -> None:
        """Ask for another reference."""
        self.app.push_screen(Ask("Open which image?", self._text), self._reopen)

    def _reopen(self, text: str | None) -> None:
        if text:
            self._open(text)

    def action_tags(self) -> None:
        """List the tags of the repository."""
        text = self._text

        def chosen(tag: str | None) -> None:
            if tag:
                at = self._opened.at if self._opened is not None else self._questions.client.open(text)
                self._open(with_tag(at, tag))

        self.app.push_screen(Tags(lambda: self._questions.tags(text)), chosen)

    def action_search(self) -> None:
        """Look for paths."""
        tree, removed = self._tree, self._removed
        if tree is None:
            return

        def chosen(key: str | None) -> None:
            if key:
                path = key.partition(" ")[2]
                self.run_worker(self.show_path(path, removed=tree.get(path) is None), group="path", exclusive=True)

        self.app.push_screen(Search(lambda text: self._questions.search(tree, text, removed=removed)), chosen)


def _image_facts(image: Image) -> list[str]:
    config = image.config
    words = [*(config.entrypoint or ()), *(config.cmd or ())]
    facts = [
        ("digest", image.digest.value),
        ("created", config.created),
        ("command", " ".join(words)),
        ("user", config.user),
    ]
    return [f"{name:<7}  {shown(value)[:200]}" for name, value in facts if value]


def _steps(image: Image) -> dict[int, str]:
    """Return what made each layer, where history and layers agree."""
    try:
        return {step.layer: short_text(step.entry) for step in history_of(image).steps if step.layer is not None}
    except InvalidManifestError:
        return {}
