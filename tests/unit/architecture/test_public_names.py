"""What is public, and that the two clients have the same face."""

from __future__ import annotations

import ast
import inspect
import pickle
from pathlib import Path

import pytest

import orlop
import orlop.errors
from orlop import AsyncClient, Client
from orlop.errors import OrlopError

# Without I/O: they hand out a place to work on asynchronously.
ASYNC_ONLY = {"layers_of", "registry", "repository"}

ERRORS = [
    value
    for name, value in inspect.getmembers(orlop.errors, inspect.isclass)
    if issubclass(value, OrlopError) and value is not OrlopError
]


def public(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_") and callable(getattr(kind, name))}


def test_every_public_name_can_be_imported() -> None:
    for name in orlop.__all__:
        assert getattr(orlop, name) is not None


def test_the_names_for_type_checkers_are_those_that_are_there() -> None:
    tree = ast.parse(Path(orlop.__file__).read_text("utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    declared = {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert declared == set(orlop.__all__) - {"__version__"}
    assert dir(orlop) == sorted(orlop.__all__)


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        getattr(orlop, "nonsense")  # noqa: B009  # the point is the look-up by name


def test_the_blocking_client_has_every_method_of_the_asynchronous_one() -> None:
    assert public(AsyncClient) - ASYNC_ONLY <= public(Client)


@pytest.mark.parametrize("name", sorted(public(AsyncClient) - ASYNC_ONLY - {"close", "map"}))
def test_a_blocking_method_takes_the_same_arguments(name: str) -> None:
    asynchronous = inspect.signature(getattr(AsyncClient, name))
    blocking = inspect.signature(getattr(Client, name))
    assert asynchronous.parameters == blocking.parameters


def test_no_blocking_method_is_a_coroutine() -> None:
    for name in public(Client):
        method = inspect.unwrap(getattr(Client, name), stop=lambda function: hasattr(function, "__wrapped__"))
        assert not inspect.iscoroutinefunction(method)


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_an_error_survives_pickling(kind: type[OrlopError]) -> None:
    taken = inspect.signature(kind).parameters
    given: list[object] = []
    for name, parameter in taken.items():
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
            continue
        stated = str(parameter.annotation)
        given.append(7 if stated.startswith(("int", "float")) else ("a",) if stated.startswith("tuple") else name)
    error = kind(*given).with_hint("advice")

    again = pickle.loads(pickle.dumps(error))

    assert (type(again), str(again), again.hint, vars(again)) == (kind, str(error), "advice", vars(error))
