"""Registries as dictionaries, which answer what an inquiry asks and remember that it was asked."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from orlop.errors import ManifestNotFoundError
from orlop.freshness.asking import Desk
from orlop.freshness.images import image_of, images_in
from orlop.freshness.inquiry import Outcome, inquire
from orlop.freshness.values import DEFAULTS, Absent, BaseName, PlatformImage
from orlop.model.annotations import BASE_DIGEST, BASE_NAME
from orlop.model.descriptor import Descriptor
from orlop.model.digest import Digest
from orlop.model.imageconfig import parse_config
from orlop.model.manifest import parse_manifest
from orlop.model.mediatype import OCI_EMPTY, OCI_MANIFEST
from orlop.model.platform import Platform
from orlop.testing.builders import Blob, Built, image, index
from orlop.testing.layers import LayerBlob, layer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orlop.freshness.asking import Answer, ChainMatch, Steps, Want
    from orlop.freshness.values import Options

HERE = "registry.test/team/app:1"
IN_TOTO = "application/vnd.in-toto+json"
V02 = "https://slsa.dev/provenance/v0.2"
V1 = "https://slsa.dev/provenance/v1"
BUILDKIT_02 = "https://mobyproject.org/buildkit@v1"
BUILDKIT_1 = "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md"


class World:
    """What every repository holds. ``asked`` lists the Wants, ``own`` is the place of the image that is asked about."""

    def __init__(self) -> None:
        self.own = BaseName.parse(HERE)
        self.manifests: dict[tuple[str, Digest], Built] = {}
        self.tags: dict[str, Digest] = {}
        self.blobs: dict[Digest, bytes] = {}
        self.refers: dict[Digest, list[Descriptor]] = {}
        self.families: dict[str, tuple[BaseName, ...]] = {}
        self.chains: list[ChainMatch] = []
        self.broken: dict[str, Absent] = {}
        self.asked: list[Want] = []

    def put(self, name: str, built: Built) -> Built:
        """Store an image and let its tag name it."""
        base = BaseName.parse(name)
        for one in built.walk():
            self.manifests[str(base.repository), one.digest] = one
            self.blobs.update({blob.descriptor.digest: blob.data for blob in one.blobs})
        if base.tag is not None:
            self.tags[f"{base.repository}:{base.tag}"] = built.digest
        return built

    def drop(self, name: str, built: Built) -> None:
        """Serve the manifest no more, nor those below it."""
        for one in built.walk():
            self.manifests.pop((str(BaseName.parse(name).repository), one.digest), None)

    def counted(self, kind: str) -> int:
        return sum(want.kind == kind for want in self.asked)

    def answer(self, want: Want) -> Answer:
        self.asked.append(want)
        place = want.place or self.own
        repository = str(place.repository)
        if repository in self.broken:
            return self.broken[repository]
        if want.kind == "manifest":
            digest = want.digest or self.tags.get(f"{repository}:{place.tag}")
            built = self.manifests.get((repository, digest)) if digest else None
            if built is None:
                return Absent.of(ManifestNotFoundError(str(digest or place.tag), repository))
            return parse_manifest(built.raw, built.descriptor.media_type)
        if want.kind == "referrers":
            assert want.digest is not None
            return tuple(self.refers.get(want.digest, ()))
        if want.kind == "family":
            return self.families.get(repository, ())
        if want.kind == "chain":
            return tuple(self.chains)
        assert want.descriptor is not None
        data = self.blobs.get(want.descriptor.digest)
        if data is None:
            return Absent("not-found", "no such blob")
        if want.kind == "config":
            return parse_config(data, want.descriptor.media_type, expected=want.descriptor.digest)
        return data

    def run(self, steps: Steps[Any]) -> Any:
        answer: Any = None
        try:
            while True:
                answer = self.answer(steps.send(answer))
        except StopIteration as done:
            return done.value

    def platforms(self, built: Built) -> list[PlatformImage]:
        """Return the image's platforms as an inquiry takes them."""
        found = self.run(images_in(Desk(), parse_manifest(built.raw, built.descriptor.media_type)))
        return [one for one in found if isinstance(one, PlatformImage)]

    def outcome(self, built: Built, *bases: str, options: Options = DEFAULTS) -> Outcome:
        """Return what is found of an image of one platform, stored where the image belongs."""
        self.put(HERE, built)
        (target,) = self.platforms(built)
        self.asked.clear()
        made = self.run(inquire(target, [BaseName.parse(base) for base in bases], options))
        assert isinstance(made, Outcome)
        return made

    def check(self, built: Built, *bases: str, options: Options = DEFAULTS) -> tuple[str, str]:
        """Return state and reason."""
        verdict = self.outcome(built, *bases, options=options).verdict
        return verdict.state, verdict.reason


def blob(name: str) -> LayerBlob:
    """Return the layer of this name."""
    return layer({name: name.encode()}, compression="gzip")


def build(
    *names: str,
    on: Built | None = None,
    platform: Platform | str = "linux/amd64",
    steps: Sequence[Mapping[str, Any]] | None = None,
    config: Mapping[str, Any] | None = None,
    compression: Any = "gzip",
    **more: Any,
) -> Built:
    """Return an image of layers of these names above a base, with the base's history and config taken over."""
    below = list(on.layers) if on else []
    own = [layer({name: name.encode()}, compression=compression) for name in names]
    was = json.loads(on.config) if on else {}
    history = [*was.get("history", ()), *(steps if steps is not None else [step(f"RUN {name}") for name in names])]
    inner = {**was.get("config", {}), **(config or {})}
    return image([*below, *own], platform=platform, history=history, config=inner, **more)


def step(created_by: str, *, empty: bool = False, **more: str) -> dict[str, Any]:
    made: dict[str, Any] = {"created": "2024-01-01T00:00:00Z", "created_by": created_by, **more}
    return {**made, "empty_layer": True} if empty else made


def annotated(built: Built, name: str, digest: Digest | str | None = None) -> Built:
    """Return the image with base.* annotations on its manifest."""
    document = built.document
    notes = {BASE_NAME: name, **({BASE_DIGEST: str(digest)} if digest else {})}
    return altered(built, annotations={**document.get("annotations", {}), **notes})


def altered(built: Built, **fields: Any) -> Built:
    """Return the image with these fields of its manifest, where None takes one out."""
    document = {key: value for key, value in {**built.document, **fields}.items() if value is not None}
    raw = json.dumps(document).encode()
    descriptor = Descriptor(built.descriptor.media_type, Digest.of(raw), len(raw), platform=built.platform)
    return Built(raw, descriptor, built.blobs, built.children, built.config, built.layers, built.platform)


def rewritten(built: Built, *at: int) -> Built:
    """Return the image with layers marked as rewritten by BuildKit."""
    layers = built.document["layers"]
    for n in at:
        layers[n]["annotations"] = {"buildkit/rewritten-timestamp": "1700000000"}
    return altered(built, layers=layers)


def purl(name: str, tag: str = "latest", platform: str = "linux/amd64", **more: str) -> str:
    extra = "".join(f"&{key}={value}" for key, value in more.items())
    return f"pkg:docker/{name}@{tag}?platform={platform.replace('/', '%2F')}{extra}"


def entry(uri: str, digest: Digest | str) -> dict[str, Any]:
    return {"uri": uri, "digest": {"sha256": str(digest).removeprefix("sha256:")}}


def statement(
    subject: Digest, entries: Iterable[Mapping[str, Any]], *, form: str = V02, build_type: str = "", **more: Any
) -> bytes:
    """Return provenance of the image in one of its two forms."""
    listed = list(entries)
    if form == V02:
        predicate: dict[str, Any] = {"buildType": build_type or BUILDKIT_02, "materials": listed, **more}
    else:
        predicate = {"buildDefinition": {"buildType": build_type or BUILDKIT_1, "resolvedDependencies": listed}, **more}
    return json.dumps(
        {
            "_type": "https://in-toto.io/Statement/v0.1",
            "predicateType": form,
            "subject": [{"name": "app", "digest": {"sha256": subject.hex}}],
            "predicate": predicate,
        }
    ).encode()


def dsse(raw: bytes) -> bytes:
    payload = base64.b64encode(raw).decode()
    return json.dumps({"payloadType": IN_TOTO, "payload": payload, "signatures": [{"sig": "bm9uZQ=="}]}).encode()


def bundle(raw: bytes) -> bytes:
    made = {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "verificationMaterial": {}}
    return json.dumps({**made, "dsseEnvelope": json.loads(dsse(raw))}).encode()


def attestation(
    target: Built, raw: bytes, *, form: str = V02, media_type: str = IN_TOTO, old: bool = False, predicate: bool = True
) -> Built:
    """Return an attestation manifest in BuildKit's new shape, or in its old one, which looks like an image."""
    held = Descriptor(media_type, Digest.of(raw), len(raw))
    notes = {"in-toto.io/predicate-type": form} if predicate else {}
    config = json.dumps({"architecture": "unknown", "os": "unknown", "config": {}}).encode() if old else b"{}"
    config_type = "application/vnd.oci.image.config.v1+json" if old else OCI_EMPTY
    config_descriptor = Descriptor(config_type, Digest.of(config), len(config))
    document: dict[str, Any] = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config_descriptor.to_json()}
    if not old:
        document["artifactType"] = "application/vnd.docker.attestation.manifest.v1+json"
        document["subject"] = target.descriptor.with_platform(None).to_json()
    document["layers"] = [{**held.to_json(), **({"annotations": notes} if notes else {})}]
    made = json.dumps(document).encode()
    descriptor = Descriptor(
        OCI_MANIFEST,
        Digest.of(made),
        len(made),
        annotations={
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": target.digest.value,
        },
        platform=Platform("unknown", "unknown"),
    )
    return Built(made, descriptor, (Blob(held, raw), Blob(config_descriptor, config)))


def attested(target: Built, raw: bytes, **more: Any) -> Built:
    """Return an index of the image and its attestation."""
    return index([target, attestation(target, raw, **more)])


def platform_image(built: Built, *, config: bool = True) -> PlatformImage:
    """Return an image as a decision takes it, with its config."""
    manifest = parse_manifest(built.raw, built.descriptor.media_type)
    return image_of(manifest, parse_config(built.config) if config and built.config else None)
