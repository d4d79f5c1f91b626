"""Every Python block of the README and the guide runs, against registries that behave like the named ones."""

from __future__ import annotations

import re
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orlop.testing import registry as embedded
from orlop.testing.builders import push_now
from orlop.testing.profiles import profile
from orlop.testing.samples import Samples, tour_images

if TYPE_CHECKING:
    from collections.abc import Iterator


ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("docs/guide/*.md"), *ROOT.glob("docs/registries/*.md")]
)
BLOCK = re.compile(r"^(<!-- not run: .+ -->\n\n?)?```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
USERS = {
    "me": "not-a-real-token",
    "octocat": "not-a-real-token",
    "AWS": "not-a-real-password",
    "oauth2accesstoken": "not-a-real-token",
    "org+robot": "not-a-real-password",
    "robot$ci": "not-a-real-secret",
}
# The names that pages use, the profile that answers for them, and what is there.
PRIVATE = {
    "ghcr.io": ("ghcr", "owner/private"),
    "name.azurecr.io": ("acr", "repo"),
    "123456789012.dkr.ecr.eu-west-1.amazonaws.com": ("ecr", "repo"),
    "europe-docker.pkg.dev": ("google", "project/repository/image"),
    "quay.io": ("quay", "org/private"),
    "registry.gitlab.com": ("gitlab", "group/project"),
    "harbor.example": ("harbor", "project/repository"),
}


@pytest.fixture(scope="session")
def samples() -> Samples:
    return tour_images(limit=64 * 1024)


def pages_with_python() -> list[Path]:
    return [page for page in PAGES if BLOCK.search(page.read_text("utf-8")) and page.name != "style.md"]


@contextmanager
def stand_ins(text: str, samples: Samples) -> Iterator[dict[str, str]]:
    """Start a registry for each name that the page uses; yield what to write for each name."""
    with ExitStack() as stack:
        hosts: dict[str, str] = {}
        if "mcr.microsoft.com" in text:
            mcr = stack.enter_context(profile("mcr"))
            push_now(samples.runtime, mcr.registry, "dotnet/runtime", tags=["8.0", "9.0", "8.0-jammy"])
            hosts["mcr.microsoft.com"] = mcr.host
        if "docker.io/" in text:
            hub = stack.enter_context(profile("hub", users=USERS))
            push_now(samples.base, hub.registry, "library/debian", tags=["12", "11", "latest"])
            hosts["docker.io"] = hub.host
        for name, (kind, repository) in PRIVATE.items():
            if name in text:
                other = stack.enter_context(profile(kind, users=USERS, private=[repository]))
                push_now(samples.app.children[0], other.registry, repository, tags=["1"])
                if kind == "acr":
                    hosts["not-a-real-refresh-token"] = other.tokens.refresh_token("me")
                hosts[name] = other.host
        yield hosts


@pytest.mark.parametrize("page", pages_with_python(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_code_of_a_page_runs(page: Path, samples: Samples, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    blocks = [code for skipped, code in BLOCK.findall(page.read_text("utf-8")) if not skipped]
    names: dict[str, Any] = {"__name__": page.stem}
    with stand_ins("".join(blocks), samples) as hosts:
        for code in blocks:
            text = code
            for name, host in hosts.items():
                text = text.replace(name, host)
            exec(compile(text, str(page), "exec"), names)
            run_tests(names)


def run_tests(names: dict[str, Any]) -> None:
    """Run the test functions that a block defined, each with a registry of its own."""
    for name in [name for name in names if name.startswith("test_")]:
        with embedded() as one:
            names.pop(name)(one)
