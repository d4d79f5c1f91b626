"""The images that Compose files and Kubernetes manifests name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orlop.errors import InputError, UnsupportedError
from orlop.freshness.inputs.found import FoundImage, expand

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SIZE_LIMIT = 16 * 1024 * 1024
_MOST_NODES = 1_000_000
_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")


def read_compose(text: str, variables: Mapping[str, str] | None = None, what: str = "Compose file") -> list[FoundImage]:
    """Return the images of a Compose file's services, in its order; a service that is only built has none.

    variables: for ``${NAME}``. Raises InputError for no YAML or no services, UnsupportedError without a YAML library.
    Rule: Compose specification, "services".
    """
    found: list[FoundImage] = []
    for document in _documents(text, what):
        services = document.get("services") if isinstance(document, dict) else None
        if not isinstance(services, dict):
            raise _wrong(what, "it has no services", "a Compose file")
        for name, service in services.items():
            if isinstance(service, dict) and isinstance(service.get("image"), str):
                platform = service.get("platform")
                image, missing = expand(service["image"], dict(variables or {}))
                problem = f"no value for {', '.join(missing)}" if missing else _problem(image)
                where = f"services.{name}"
                found.append(
                    FoundImage(image, service["image"], where, platform if isinstance(platform, str) else "", problem)
                )
    return found


def read_kubernetes(text: str, what: str = "Kubernetes manifest") -> list[FoundImage]:
    """Return the images of every container in every document, each text once, in order.

    Lists and custom resources are looked through as well: an image is the ``image`` of an entry of ``containers``,
    ``initContainers`` or ``ephemeralContainers``. Raises as ``read_compose``.
    """
    found: dict[str, FoundImage] = {}
    for document in _documents(text, what):
        kind = document.get("kind", "") if isinstance(document, dict) else ""
        metadata = document.get("metadata") if isinstance(document, dict) else None
        name = metadata.get("name", "") if isinstance(metadata, dict) else ""
        for image, where in _images(document):
            found.setdefault(image, FoundImage(image, image, f"{kind}/{name} {where}".strip(), "", _problem(image)))
    return list(found.values())


def _images(document: Any) -> Iterator[tuple[str, str]]:
    """Yield (image, path) of containers at any depth; an anchor that contains itself ends."""
    waiting: list[tuple[Any, str]] = [(document, "")]
    seen: set[int] = set()
    while waiting:
        node, path = waiting.pop()
        if not isinstance(node, (dict, list)) or id(node) in seen:
            continue
        seen.add(id(node))
        if len(seen) > _MOST_NODES:
            raise _wrong("it", f"it has more than {_MOST_NODES} parts", "a manifest that can be read")
        if isinstance(node, list):
            waiting.extend((child, f"{path}[{at}]") for at, child in reversed(list(enumerate(node))))
            continue
        for key in _CONTAINERS:
            for at, container in enumerate(node[key] if isinstance(node.get(key), list) else ()):
                if isinstance(container, dict) and isinstance(container.get("image"), str):
                    yield container["image"], f"{path}.{key}[{container.get('name', at)}]".lstrip(".")
        waiting.extend(
            (child, f"{path}.{key}") for key, child in reversed(list(node.items())) if key not in _CONTAINERS
        )


def _documents(text: str, what: str) -> list[Any]:
    if len(text) > SIZE_LIMIT:
        raise _wrong(what, f"it is larger than {SIZE_LIMIT} bytes", "a YAML file that can be read")
    try:
        import yaml
    except ImportError:
        raise UnsupportedError("reading YAML", "this installation", "PyYAML is not installed").with_hint(
            "pip install 'orlop[yaml]'"
        ) from None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return [document for document in yaml.load_all(text, loader) if document is not None]  # a safe loader
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark is not None else ""
        raise _wrong(what, f"it is not YAML{where}", "a YAML file that can be read") from None


def _problem(image: str) -> str:
    from orlop.model.reference import Reference

    try:
        Reference.parse(image)
    except InputError as error:
        return error.reason
    return ""


def _wrong(text: str, reason: str, noun: str) -> InputError:
    error = InputError(text, reason)
    error.noun = noun
    return error
