"""Rules on the source text itself: sizes, and who may import or read what."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "src" / "orlop"
FILES = sorted(SOURCE.rglob("*.py"))
HARD_LIMIT = 600

# Read on every start of a command, so what they import at module level is paid by each.
READ_PATH = (
    "errors.py",
    "runtime.py",
    "threads.py",
    "model",
    "protocol",
    "auth",
    "transport",
    "content/base.py",
    "registry",
    "client.py",
    "clientparts",
    "sync.py",
    "cli/main.py",
)
TOO_DEAR = {
    "anyio",
    "asyncio",
    "concurrent",
    "http.client",
    "importlib.metadata",
    "inspect",
    "logging",
    "pathlib",
    "platformdirs",
    "rich",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "tarfile",
    "tempfile",
    "tomllib",
    "typing_extensions",
    "urllib.request",
}


def name_of(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def on_read_path(path: Path) -> bool:
    return any(name_of(path) == part or name_of(path).startswith(part + "/") for part in READ_PATH)


def imports(nodes: Iterable[ast.AST]) -> set[str]:
    """Return what the nodes import when the module is: nothing inside functions, nothing for type checkers."""
    found: set[str] = set()
    for node in nodes:
        match node:
            case ast.Import(names=names):
                found |= {alias.name for alias in names}
            case ast.ImportFrom(module=str(module), names=names, level=0):
                found |= {module} | {f"{module}.{alias.name}" for alias in names}
            case ast.If(test=ast.Name(id="TYPE_CHECKING"), orelse=orelse):
                found |= imports(orelse)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                pass
            case _:
                found |= imports(ast.iter_child_nodes(node))
    return found


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def reads_environment(path: Path) -> bool:
    return any(
        (isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "environb"})
        or (isinstance(node, ast.alias) and node.name in {"environ", "getenv", "environb"})
        for node in ast.walk(tree(path))
    )


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_stays_short_enough_to_read(path: Path) -> None:
    lines = len(path.read_text("utf-8").splitlines())
    assert lines <= HARD_LIMIT, f"{name_of(path)} has {lines} lines: split it by noun"


@pytest.mark.parametrize("path", [path for path in FILES if on_read_path(path)], ids=name_of)
def test_a_module_that_every_start_reads_imports_nothing_dear(path: Path) -> None:
    dear = imports(tree(path).body) & TOO_DEAR
    assert not dear, (
        f"{name_of(path)} imports {sorted(dear)} at module level: import them in the function that needs them"
    )


def test_one_file_alone_imports_the_http_library() -> None:
    users = [name_of(path) for path in FILES if mentions(path, "pyreqwest")]
    assert users in ([], ["transport/http.py"])


def test_the_command_line_alone_reads_the_environment_and_a_client_that_is_given_no_credentials() -> None:
    readers = [name_of(path) for path in FILES if reads_environment(path) and not name_of(path).startswith("cli/")]
    assert readers in ([], ["client.py"])


def test_the_tour_alone_takes_the_test_kit_into_the_command_line() -> None:
    users = {name_of(path) for path in FILES if mentions(path, "orlop.testing")}
    in_cli = {user for user in users if user.startswith("cli/")}
    assert all("tour" in user for user in in_cli)
    assert all(user.startswith(("testing/", "cli/")) for user in users)


def test_nothing_but_the_command_line_prints_or_ends_the_process() -> None:
    offenders = [
        f"{name_of(path)}:{node.lineno}"
        for path in FILES
        if not name_of(path).startswith(("cli/", "testing/plugin.py"))
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and (
            (isinstance(node.func, ast.Name) and node.func.id in {"print", "exit", "quit"})
            or (
                isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and (node.func.value.id, node.func.attr) in {("sys", "exit"), ("os", "_exit")}
            )
        )
    ]
    assert offenders == []


def mentions(path: Path, module: str) -> bool:
    """Tell whether the file imports the module at all, in functions and for types as well."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import) and any(is_in(alias.name, module) for alias in node.names):
            return True
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            if any(is_in(name, module) for name in names):
                return True
    return False


def is_in(name: str, module: str) -> bool:
    return name == module or name.startswith(module + ".")
