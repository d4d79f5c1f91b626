"""Images and their bases, one rule each: the right verdict, and what lucy and ``regctl image check-base`` say on the same images.

docs/guide/freshness-rules.md is made of this table. lucy's answers are those of its model (lucy.py), regctl's were recorded.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.unit.freshness.world import (
    altered,
    annotated,
    attestation,
    attested,
    build,
    entry,
    purl,
    rewritten,
    statement,
    step,
)

from orlop.model.annotations import BASE_DIGEST, BASE_NAME
from orlop.model.platform import Platform
from orlop.testing.builders import Built, image, index

if TYPE_CHECKING:
    from tests.interop.shelf import Shelf

from tests.interop.freshness_case import (
    ARM,
    CASES,
    NEW,
    OLD,
    OTHER,
    REGCTL_VERSION,
    RULES,
    Case,
    Setting,
    app,
    case,
    child,
    given,
    named,
)

__all__ = ["CASES", "REGCTL_VERSION", "RULES", "Case"]


# --- what everybody gets right -----------------------------------------------------------------


@case("V2 E5", "fresh", "same-base", lucy="fresh", regctl="match")
def unmoved(shelf: Shelf) -> Setting:
    """The base has not moved."""
    return named(shelf, OLD, OLD)


@case("V2 C1", "stale", "layers", lucy="stale", regctl="mismatch")
def moved(shelf: Shelf) -> Setting:
    """The base has other layers now."""
    return named(shelf, OLD, NEW)


# --- comparing ---------------------------------------------------------------------------------


@case("C2", "fresh", "same-content", lucy="stale", regctl="mismatch")
def recompressed(shelf: Shelf) -> Setting:
    """The base's layers were compressed anew: other digests, the same files."""
    return named(shelf, OLD, build("os-1", "tools", compression="zstd"), digest=False)


@case("C2 E4", "fresh", "same-content", lucy="stale", regctl="mismatch")
def recompressed_with_digest(shelf: Shelf) -> Setting:
    """The same, and the annotations tell the former digest."""
    return named(shelf, OLD, build("os-1", "tools", compression="zstd"))


@case("V2 C1", "fresh", "same-content", lucy="fresh", regctl="mismatch")
def moved_digest_with_the_same_layers(shelf: Shelf) -> Setting:
    """The base was pushed again with another annotation: another digest, the same layers and config."""
    return named(shelf, OLD, altered(OLD, annotations={"built": "again"}))


@case("C3", "stale", "layers", lucy="fresh", regctl="mismatch")
def base_that_lost_its_last_layer(shelf: Shelf) -> Setting:
    """The base lost its last layer: it is still a prefix of all that was built on it."""
    return named(shelf, OLD, build("os-1"))


@case("C3", "stale", "layers", lucy="fresh", regctl="match")
def base_that_lost_its_last_layer_by_name(shelf: Shelf) -> Setting:
    """The same, and regctl is told the base's name alone, so that it compares layers."""
    return replaced(named(shelf, OLD, build("os-1")))


def replaced(setting: Setting) -> Setting:
    """Return the setting with regctl told the base by name alone, so that it compares layers."""
    return replace(setting, regctl=("--base", setting.base))


@case("C4", "stale", "metadata", lucy="fresh", regctl="mismatch")
def another_command_in_the_base(shelf: Shelf) -> Setting:
    """The base has the same layers and another step in its history, which sets a command."""
    then = build("os-1", steps=[step("ADD os"), step('CMD ["sh"]', empty=True)], config={"Cmd": ["sh"]})
    now = build("os-1", steps=[step("ADD os"), step('CMD ["bash"]', empty=True)], config={"Cmd": ["bash"]})
    return named(shelf, then, now)


@case("C4", "stale", "metadata", lucy="fresh", regctl="match")
def another_environment_in_the_base(shelf: Shelf) -> Setting:
    """The base has the same layers and history, and another variable that images take over. regctl is told its name alone."""
    then, now = (build("os-1", config={"Env": [f"OPENSSL={mode}"]}) for mode in ("legacy", "strict"))
    return replaced(named(shelf, then, now))


@case("C4", "fresh", "same-content", lucy="fresh", regctl="mismatch")
def rebuilt_to_the_same_layers(shelf: Shelf) -> Setting:
    """The base was rebuilt to the same layers at another time, which only its history tells."""
    now = build(
        "os-1", "tools", steps=[step(f"RUN {one}", created="2024-02-02T00:00:00Z") for one in ("os-1", "tools")]
    )
    return named(shelf, OLD, now, digest=False)


@case("C4", "fresh", "same-content", lucy="fresh", regctl="crash")
def history_without_created(shelf: Shelf) -> Setting:
    """No step of the history says when it was made."""
    return given(shelf, app(undated(), steps=[{"created_by": "RUN app"}]), undated())


def undated() -> Built:
    """Return a base of steps without times."""
    return build("os-1", steps=[{"created_by": "ADD os"}])


@case("C4", "fresh", "same-content", lucy="fresh", regctl="match")
def history_that_does_not_fit(shelf: Shelf) -> Setting:
    """The history has more steps with a layer than there are layers."""
    base = build("os-1", steps=[step("ADD os"), step("ADD what is not there")])
    return given(shelf, app(base), base)


@case("C6", "fresh", "same-base", lucy="stale", regctl="match")
def squashed_with_digest(shelf: Shelf) -> Setting:
    """The image was squashed to one layer, and tells the digest of its base, which has not moved."""
    return named(shelf, OLD, OLD, build("flat"))


@case("C6", "unknown", "squashed", lucy="stale", regctl="mismatch")
def squashed_without_digest(shelf: Shelf) -> Setting:
    """The image was squashed to one layer, and tells its base by name alone."""
    return named(shelf, OLD, OLD, build("flat"), digest=False)


@case("C6", "fresh", "same-base", lucy="fresh", regctl="match")
def the_base_itself(shelf: Shelf) -> Setting:
    """The image is the base itself, of one layer."""
    return given(shelf, OTHER, OTHER)


@case("C7", "fresh", "same-base", lucy="stale", regctl="match")
def rewritten_times_with_digest(shelf: Shelf) -> Setting:
    """BuildKit rewrote the times in the base's layers; the annotations tell the base's digest, which is that of now."""
    return named(shelf, OLD, OLD, rewritten(build("os-1 clamped", "tools clamped", "app"), 0, 1))


@case("C7", "unknown", "rewritten-layers", lucy="stale", regctl="mismatch")
def rewritten_times_without_digest(shelf: Shelf) -> Setting:
    """BuildKit rewrote the times in the base's layers, and only a name tells the base."""
    return named(shelf, OLD, OLD, rewritten(build("os-1 clamped", "tools clamped", "app"), 0, 1), digest=False)


@case("C5 V1", "unknown", "not-based", lucy="stale", regctl="mismatch")
def never_based_on_it(shelf: Shelf) -> Setting:
    """The image was never built on the base that is given."""
    return given(shelf, app(), OTHER)


@case("C5", "stale", "layers", lucy="stale", regctl="mismatch")
def found_among_the_tags_of_its_family(shelf: Shelf) -> Setting:
    """The base is given by hand and has moved; a former release of its family is what the image was built on."""
    shelf.put("base:1.0.1", OLD)
    base = shelf.put("base:1.0.2", NEW)
    return Setting(shelf.put("app:1", app()), base, given=True)


@case("C10", "fresh", "same-content", lucy="stale", regctl="mismatch")
def several_bases(shelf: Shelf) -> Setting:
    """Several bases are given; the one that lies under the image counts. Each of the others takes one, the first."""
    base, second = shelf.put("base:1", OTHER), shelf.put("second:1", OLD)
    return Setting(shelf.put("app:1", app()), base, given=True, further=(second,))


@case("C1", "fresh", "same-content", lucy="fresh", regctl="mismatch")
def foreign_layers(shelf: Shelf) -> Setting:
    """The same layer is a foreign one in the base, and an ordinary one in the image."""
    first, *rest = OLD.document["layers"]
    foreign = {**first, "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"}
    return given(shelf, app(), altered(OLD, layers=[foreign, *rest]))


# --- bases of another shape --------------------------------------------------------------------


@case("V6", "unknown", "empty-base", lucy="fresh", regctl="error")
def empty_base(shelf: Shelf) -> Setting:
    """The base has no layers, so that it is under every image."""
    return given(shelf, app(), image([], history=[]))


@case("V6", "unknown", "not-based", lucy="crash", regctl="error")
def base_with_more_layers(shelf: Shelf) -> Setting:
    """The base that is given has more layers than the image."""
    return given(shelf, build("os-1"), OLD)


@case("V6 C6", "unknown", "squashed", lucy="crash", regctl="error")
def declared_base_with_more_layers(shelf: Shelf) -> Setting:
    """The base that the image names has more layers than the image."""
    return named(shelf, OLD, OLD, build("os-1"), digest=False)


@case("V2", "fresh", "no-base", lucy="error", regctl="error")
def scratch(shelf: Shelf) -> Setting:
    """The image says that it has no base."""
    return Setting(shelf.put("app:1", annotated(build("app"), "scratch")), "scratch")


@case("V9", "stale", "base-retagged-away", lucy="error", regctl="error")
def base_tag_gone(shelf: Shelf) -> Setting:
    """The tag of the base that the image names is not there any more."""
    return named(shelf, OLD, None)


@case("V9", "unknown", "base-unreadable", lucy="error", regctl="error")
def given_base_gone(shelf: Shelf) -> Setting:
    """A base that is given by hand is not there: an error, and nothing to rebuild for."""
    shelf.put("base:other", OLD)
    return Setting(shelf.put("app:1", app()), shelf.name("base:1"), given=True)


@case("V9", "unknown", "base-unreadable", lucy="error", regctl="error")
def base_repository_gone(shelf: Shelf) -> Setting:
    """The whole repository of the base that the image names is not there."""
    base = shelf.name("nowhere:1")
    return Setting(shelf.put("app:1", annotated(app(), base, OLD.digest)), base)


@case("V7", "fresh", "same-base", lucy="fresh", regctl="match", upstream="stale")
def stale_upstream(shelf: Shelf) -> Setting:
    """The base has not moved, and the base's own base has."""
    shelf.put("os:former", OLD)
    below = shelf.put("os:1", NEW)
    return named(shelf, middle := annotated(build("python", on=OLD), below, OLD.digest), middle)


# --- platforms ---------------------------------------------------------------------------------


@case("V5", "fresh", "same-base", lucy="fresh", regctl="mismatch")
def index_moved_and_the_platform_did_not(shelf: Shelf) -> Setting:
    """The base's index moved for another platform's sake."""
    then = index([OLD, build("arm-1", platform=ARM)])
    now = index([OLD, build("arm-2", platform=ARM)])
    shelf.put("base:former", then)
    base = shelf.put("base:1", now)
    return Setting(shelf.put("app:1", annotated(app(), base, then.digest)), base)


@case("V5", "fresh", "same-content", lucy="fresh", regctl="error")
def one_platform_on_an_index(shelf: Shelf) -> Setting:
    """An image of one platform, and a base of two, without a platform said."""
    return given(shelf, app(), index([OLD, build("arm-1", platform=ARM)]))


@case("V2", "unknown", "platform-missing-in-base", lucy="stale", regctl="error")
def platform_missing_in_base(shelf: Shelf) -> Setting:
    """The base has no image of the target's platform."""
    arm = build("app", on=build("arm-1", platform=ARM), platform=ARM)
    return given(shelf, arm, index([OLD]), "--platform", ARM)


@case("V3", "unknown", "platform-missing-in-base", lucy="stale", regctl="error")
def one_platform_missing_in_base(shelf: Shelf) -> Setting:
    """The base has one of the image's two platforms, on which it is fresh."""
    arm = build("app", on=build("arm-1", platform=ARM), platform=ARM)
    return given(shelf, index([app(), arm]), index([OLD]))


@case("V3", "stale", "layers", lucy="stale", regctl="mismatch")
def one_platform_of_two_is_stale(shelf: Shelf) -> Setting:
    """Fresh on one platform, stale on the other: both are told."""
    arm = build("arm-1", platform=ARM)
    both = [annotated(one, shelf.name("base:1")) for one in (app(), build("app", on=arm, platform=ARM))]
    shelf.put("base:0", arm)
    base = shelf.put("base:1", index([OLD, build("arm-2", platform=ARM)]))
    return Setting(shelf.put("app:1", index(both)), base, given=True)


@case("V3", "stale", "layers", lucy="stale", regctl="error")
def first_platform_missing_and_second_stale(shelf: Shelf) -> Setting:
    """The base lacks the first of the image's platforms, and has moved on the second: it is the second that counts."""
    arm = build("app", on=build("arm-1", platform=ARM), platform=ARM)
    shelf.put("base:1", OLD)
    both = [annotated(one, shelf.name("base:1"), OLD.digest) for one in (arm, app())]
    return Setting(shelf.put("app:1", index(both)), shelf.put("base:1", index([NEW])), given=True)


@case("V3", "fresh", "same-content", lucy="stale", regctl="error")
def attestations_beside_the_platforms(shelf: Shelf) -> Setting:
    """The image's index holds an attestation beside its one platform."""
    return given(shelf, attested(app(), statement(app().digest, [])), index([OLD]))


@case("V3", "fresh", "same-content", lucy="stale", regctl="mismatch")
def attestations_on_both_sides(shelf: Shelf) -> Setting:
    """Image and base hold an attestation each, of platform unknown/unknown."""
    ours = attestation(app(), statement(app().digest, []), old=True)
    theirs = attestation(OLD, statement(OLD.digest, [entry(purl("debian"), "ab" * 32)]), old=True)
    return given(shelf, index([app(), ours]), index([OLD, theirs]))


@case("V3", "fresh", "same-content", lucy="stale", regctl="crash")
def child_without_platform(shelf: Shelf) -> Setting:
    """The image's index does not say its child's platform; the child's config does."""
    return given(shelf, index([child(app(), None)]), index([OLD]))


@case("V5", "fresh", "same-content", lucy="stale", regctl="match")
def another_variant_comes_first(shelf: Shelf) -> Setting:
    """The base has arm/v6 before arm/v7, and the image is of arm/v7."""
    v6, v7 = build("v6", platform="linux/arm/v6"), build("v7", platform="linux/arm/v7")
    return given(shelf, build("app", on=v7, platform="linux/arm/v7"), index([v6, v7]), "--platform", "linux/arm/v7")


def windows(revision: int, *names: str, build_number: int = 20348, on: Built | None = None) -> Built:
    """Return an image of a build of Windows."""
    platform = Platform("windows", "amd64", os_version=f"10.0.{build_number}.{revision}")
    return build(*names, on=on, platform=platform)


@case("C8", "unknown", "platform-missing-in-base", lucy="stale", regctl="mismatch")
def build_of_windows_missing_in_base(shelf: Shelf) -> Setting:
    """The base has another build of Windows alone."""
    target = windows(1, "app", build_number=17763, on=windows(1, "1809", build_number=17763))
    return given(shelf, target, index([windows(1, "ltsc2022")]), "--platform", "windows/amd64")


@case("C8", "fresh", "same-content", lucy="stale", regctl="match")
def newer_revision_of_windows_with_the_same_layers(shelf: Shelf) -> Setting:
    """The base is a newer revision of the same build with the same layers, beside another build."""
    base = index([windows(1, "1809", build_number=17763), windows(2, "ltsc2022")])
    return given(shelf, windows(1, "app", on=windows(1, "ltsc2022")), base, "--platform", "windows/amd64")


@case("C8", "fresh", "same-content", lucy="fresh", regctl="mismatch")
def older_build_of_windows(shelf: Shelf) -> Setting:
    """The image is of the older of the two builds of Windows that the base has."""
    older = windows(1, "1809", build_number=17763)
    target = windows(1, "app", build_number=17763, on=older)
    return given(shelf, target, index([older, windows(1, "ltsc2022")]), "--platform", "windows/amd64")


@case("C8", "stale", "layers", lucy="stale", regctl="mismatch")
def newer_revision_of_windows(shelf: Shelf) -> Setting:
    """The base is a newer revision of the same build, with other layers."""
    shelf.put("base:0", windows(1, "ltsc2022"))
    base = index([windows(1, "1809", build_number=17763), windows(2, "ltsc2022 newer")])
    return given(shelf, windows(1, "app", on=windows(1, "ltsc2022")), base, "--platform", "windows/amd64")


# --- finding the base --------------------------------------------------------------------------


def proven(shelf: Shelf, *entries: tuple[str, Built], now: Built | None = None, target: Built | None = None) -> Setting:
    """Put up an image whose provenance lists these images; the first one's tag names ``now`` by now."""
    listed = []
    for what, built in entries:
        name = shelf.put(what, built)
        listed.append(entry(purl(name.rpartition(":")[0], what.rpartition(":")[2]), built.digest))
    base = shelf.name(entries[0][0])
    if now is not None:
        shelf.put(entries[0][0], now)
    target = target or app()
    return Setting(shelf.put("app:1", attested(target, statement(target.digest, listed))), base)


@case("E1 E3", "fresh", "same-base", lucy="stale", regctl="error")
def provenance_names_the_base(shelf: Shelf) -> Setting:
    """Nothing but BuildKit's provenance names the base, among the other images of the build."""
    return proven(shelf, ("base:1", index([OLD])), ("frontend:1", OTHER))


@case("E1 C3", "stale", "layers", lucy="stale", regctl="error")
def provenance_names_a_base_that_lost_a_layer(shelf: Shelf) -> Setting:
    """The base that provenance names lost its last layer."""
    return proven(shelf, ("base:1", index([OLD])), now=index([build("os-1")]))


@case("E4", "unknown", "conflict", lucy="error", regctl="error")
def provenance_that_lies(shelf: Shelf) -> Setting:
    """Provenance names a base that is no prefix of the image."""
    return proven(shelf, ("base:1", OTHER))


@case("E4", "unknown", "conflict", lucy="stale", regctl="match")
def annotations_that_lie(shelf: Shelf) -> Setting:
    """The annotations name a base with its digest, and it is no prefix of the image."""
    return named(shelf, OTHER, OTHER, app())


@case("E4", "stale", "layers", lucy="stale", regctl="mismatch")
def claimed_digest_that_is_gone(shelf: Shelf) -> Setting:
    """The digest that the annotations tell is not served any more, and the base is no prefix now."""
    base = shelf.put("base:1", NEW)
    return Setting(shelf.put("app:1", annotated(app(), base, OLD.digest)), base)


@case("E5", "unknown", "no-evidence", lucy="error", regctl="error")
def annotations_of_junk(shelf: Shelf) -> Setting:
    """The annotation that names the base is no reference, nor is its digest one."""
    return Setting(
        shelf.put("app:1", annotated(app(), "Not A/../Reference:\u202e", "sha256:junk")), "Not A/../Reference"
    )


@case("E5", "fresh", "same-base", lucy="error", regctl="error")
def annotations_of_the_index(shelf: Shelf) -> Setting:
    """The annotations are on the platform's entry in the index."""
    base = shelf.put("base:1", OLD)
    entry_ = app().descriptor.with_platform(app().platform).to_json()
    notes = {BASE_NAME: base, BASE_DIGEST: str(OLD.digest)}
    listed = index([app()])
    return Setting(shelf.put("app:1", altered(listed, manifests=[{**entry_, "annotations": notes}])), base)


@case("E6", "fresh", "same-base", lucy="fresh", regctl="error")
def label_names_the_base(shelf: Shelf) -> Setting:
    """Labels of the config name the base, as .NET's SDK writes them."""
    base = shelf.put("base:1", OLD)
    return Setting(shelf.put("app:1", app(labels={BASE_NAME: base, BASE_DIGEST: str(OLD.digest)})), base)


@case("E6", "stale", "layers", lucy="stale", regctl="mismatch")
def label_inherited_from_the_base(shelf: Shelf) -> Setting:
    """The label was inherited and names the base's base, which has not moved; an annotation names the base, which has."""
    below = shelf.put("os:1", OLD)
    labels = {BASE_NAME: below, BASE_DIGEST: str(OLD.digest)}
    python = build("python", on=OLD, labels=labels)
    return named(shelf, python, build("python-2", on=OLD, labels=labels), app(python, labels=labels))


@case("E7", "fresh", "same-base", lucy="fresh", regctl="mismatch")
def digest_of_the_platform(shelf: Shelf) -> Setting:
    """The annotations tell the digest of the base's platform manifest, and the tag names its index."""
    base = shelf.put("base:1", index([OLD]))
    return Setting(shelf.put("app:1", annotated(app(), base, OLD.digest)), base)


@case("E9", "stale", "layers", lucy="stale", regctl="error")
def buildpacks(shelf: Shelf) -> Setting:
    """Buildpacks' label tells the run image and where the application begins; the run image has moved."""
    base = shelf.put("run:1", NEW)
    return Setting(shelf.put("app:1", app(labels=packed(base))), base)


@case("E9", "fresh", "same-content", lucy="fresh", regctl="error")
def buildpacks_unmoved(shelf: Shelf) -> Setting:
    """Buildpacks' label tells the run image, which has not moved."""
    base = shelf.put("run:1", OLD)
    return Setting(shelf.put("app:1", app(labels=packed(base))), base)


def packed(base: str) -> dict[str, str]:
    """Return the label that buildpacks write."""
    run = {"image": base, "topLayer": str(OLD.layers[-1].diff_id)}
    return {"io.buildpacks.lifecycle.metadata": json.dumps({"runImage": run})}


@case("E10", "fresh", "same-base", lucy="fresh", regctl="error")
def found_by_its_layers(shelf: Shelf) -> Setting:
    """Nothing names the base, which was met before under another image."""
    base = shelf.put("base:1", OLD)
    other = shelf.put("other:1", build("other", on=OLD))
    return Setting(shelf.put("app:1", app()), base, known=((other, base),))


@case("E10 C3", "stale", "layers", lucy="fresh", regctl="error")
def found_by_its_layers_and_moved(shelf: Shelf) -> Setting:
    """Nothing names the base, which was met before and has lost its last layer since."""
    setting = found_by_its_layers(shelf)
    return replace(setting, afterwards=lambda: shelf.put("base:1", build("os-1")))


@case("E11", "unknown", "no-evidence", lucy="fresh", regctl="error", told_more=True)
def nothing_names_the_base(shelf: Shelf) -> Setting:
    """Nothing names the base, and nothing was met before; lucy alone is told the base."""
    return Setting(shelf.put("app:1", app()), shelf.put("base:1", OLD))


@case("V1", "fresh", "same-content", lucy="error", regctl="match")
def media_types_of_oci(shelf: Shelf) -> Setting:
    """An image and a base in OCI's media types, as they are stored."""
    return given(shelf, app(), OLD, as_stored=True)
