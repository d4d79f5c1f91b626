"""What the tour visits: four registries in the manner of known ones, with the same real images in each."""

from __future__ import annotations

import secrets
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from orlop.server.store.store import Store
from orlop.testing.builders import artifact, push_now
from orlop.testing.profiles import profile
from orlop.testing.samples import tour_images, tour_tags

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.testing.builders import Built
    from orlop.testing.profiles import Profile
    from orlop.testing.samples import Samples

TAGS = 2000
APP = "tour/app"
USER = "sailor"
SBOM_TYPE = "application/spdx+json"

_SBOM = b'{"spdxVersion":"SPDX-2.3","name":"tour/app","packages":[{"name":"python3"}]}\n'


class Message(NamedTuple):
    """One request as the server saw it. place: which server. shown: the scheme of its Authorization, or empty.

    status: of the answer; 0 where the server keeps none (token services).
    """

    place: str
    method: str
    target: str
    status: int
    shown: str


@dataclass(frozen=True, slots=True)
class Harbour:
    """The registries, running, and what was put into them.

    tags: of ``tour/app``, all of the same image. secrets: what may never be printed.
    """

    samples: Samples
    tags: list[str]
    sbom: Built
    mcr: Profile
    hub: Profile
    acr: Profile
    ghcr: Profile
    password: str
    token: str

    @property
    def secrets(self) -> tuple[str, str]:
        """The password for the registry like ACR, and the access token for the one like GHCR."""
        return self.password, self.token

    def child(self, platform: str) -> Built:
        """Return the application image of one platform, as its canonical text says it."""
        return next(child for child in self.samples.app.children if str(child.platform) == platform)


@contextmanager
def harbour() -> Iterator[Harbour]:
    """Run the registries, filled, while the ``with`` block runs."""
    samples, tags = tour_images(), [*tour_tags(TAGS - 1), "latest"]
    sbom = artifact({"sbom.spdx.json": _SBOM}, artifact_type=SBOM_TYPE, subject=samples.app)
    store = Store.memory()
    password, token = secrets.token_urlsafe(18), f"ghp_{secrets.token_hex(18)}"
    with ExitStack() as stack:
        stack.callback(store.close)
        for name, built in samples.repositories():
            push_now(built, store, name, tags=tags if name == APP else ["latest"])
        push_now(sbom, store, APP)
        yield Harbour(
            samples,
            tags,
            sbom,
            mcr=stack.enter_context(profile("mcr", store=store)),
            hub=stack.enter_context(profile("hub", store=store)),
            acr=stack.enter_context(profile("acr", store=store, users={USER: password})),
            ghcr=stack.enter_context(profile("ghcr", store=store, users={USER: token}, private=["tour/*"])),
            password=password,
            token=token,
        )


class Watch:
    """What a registry, its token service and its storage are asked from now on."""

    def __init__(self, watched: Profile) -> None:
        self._watched = watched
        self._from = [len(one) for one in (watched.requests, watched.token_requests, watched.blob_requests)]

    def messages(self) -> list[Message]:
        """Return the requests in the order that they must have come in: to tokens after a 401, to storage after a 307."""
        watched, (first, first_token, first_blob) = self._watched, self._from
        tokens = [
            Message("token service", one.method, one.target, 0, _scheme(one.headers.get("authorization", "")))
            for one in watched.token_requests[first_token:]
        ]
        stored = [
            Message("storage", one.method, one.target, one.status, _scheme(one.headers.get("authorization", "")))
            for one in watched.blob_requests[first_blob:]
        ]
        found: list[Message] = []
        for one in watched.requests[first:]:
            shown = _scheme(one.headers.get("authorization", ""))
            found.append(Message("registry", one.method, one.target, one.status, shown))
            behind = tokens if one.status == 401 else stored if one.status == 307 else []
            while behind:
                found.append(behind.pop(0))
        return found + tokens + stored


def _scheme(authorization: str) -> str:
    return authorization.partition(" ")[0].capitalize()
