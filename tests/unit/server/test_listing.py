"""Lists: tags and repositories with pages, and referrers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.unit.server.calling import Answer, Caller, index, manifest

from orlop.model import mediatype
from orlop.model.digest import Digest
from orlop.protocol.headers import parse_link
from orlop.server.core import App

if TYPE_CHECKING:
    from orlop.server.store.store import Store

TAGS = ["v1.9", "Z", "v1.10", "_x", "a-b", "a.b", "a", "9"]
BYTEWISE = ["9", "Z", "_x", "a", "a-b", "a.b", "v1.10", "v1.9"]


def pages(call: Caller, target: str) -> list[Answer]:
    found = []
    while target:
        found.append(call("GET", target))
        link = found[-1].headers.get("link")
        target = parse_link([link])[0].target if link else ""
    return found


def test_tags_come_in_bytewise_order(call: Caller) -> None:
    for tag in TAGS:
        call.push_image("a/b", tag)
    assert call("GET", "/v2/a/b/tags/list").json == {"name": "a/b", "tags": BYTEWISE}


@pytest.mark.parametrize("n", [1, 3, 7, 8, 100])
def test_pages_of_tags_give_each_tag_once_and_no_link_at_the_end(call: Caller, n: int) -> None:
    for tag in TAGS:
        call.push_image("a/b", tag)
    found = pages(call, f"/v2/a/b/tags/list?n={n}")
    assert [tag for page in found for tag in page.json["tags"]] == BYTEWISE
    assert len(found) == -(-len(TAGS) // n)


def test_no_tags_are_asked_for_with_n_0(call: Caller) -> None:
    call.push_image("a/b", "1")
    answer = call("GET", "/v2/a/b/tags/list?n=0")
    assert answer.json["tags"] == []
    assert "link" not in answer.headers


def test_a_list_may_start_after_a_tag_that_is_not_there(call: Caller) -> None:
    for tag in TAGS:
        call.push_image("a/b", tag)
    assert call("GET", "/v2/a/b/tags/list?last=aa").json["tags"] == ["v1.10", "v1.9"]


def test_a_repository_without_tags_has_an_empty_list(call: Caller) -> None:
    call.push_image("a/b", "1")
    call("DELETE", "/v2/a/b/manifests/1")
    assert call("GET", "/v2/a/b/tags/list").json["tags"] == []


def test_the_catalog_comes_in_bytewise_order_and_pages(call: Caller) -> None:
    names = ["a/b", "a-b", "a", "z/1", "a/b/c"]
    for name in names:
        call.push_image(name, "1")
    found = pages(call, "/v2/_catalog?n=2")
    assert [name for page in found for name in page.json["repositories"]] == sorted(names)


def test_a_page_is_never_longer_than_the_limit(store: Store) -> None:
    call = Caller(App(store, page_limit=3))
    for tag in TAGS:
        call.push_image("a/b", tag)
    assert [len(page.json["tags"]) for page in pages(call, "/v2/a/b/tags/list?n=5")] == [3, 3, 2]
    assert [len(page.json["tags"]) for page in pages(call, "/v2/a/b/tags/list")] == [3, 3, 2]


def subject(digest: str) -> dict[str, object]:
    return {"mediaType": mediatype.OCI_MANIFEST, "digest": digest, "size": 1}


def test_referrers_are_an_index_of_descriptors(call: Caller) -> None:
    image = call.push_image("a/b", "1")
    note = call.push_image("a/b", "n", subject=subject(image), artifactType="x/note", annotations={"k": "v"})
    answer = call("GET", f"/v2/a/b/referrers/{image}")
    assert answer.headers["content-type"] == mediatype.OCI_INDEX
    (entry,) = answer.json["manifests"]
    assert entry["digest"] == note
    assert (entry["artifactType"], entry["annotations"], entry["mediaType"]) == (
        "x/note",
        {"k": "v"},
        mediatype.OCI_MANIFEST,
    )


def test_the_type_of_a_referrer_without_artifact_type_is_its_configs(call: Caller) -> None:
    image = call.push_image("a/b", "1")
    call.push_image("a/b", "n", subject=subject(image))
    (entry,) = call("GET", f"/v2/a/b/referrers/{image}").json["manifests"]
    assert entry["artifactType"] == mediatype.OCI_EMPTY


def test_an_unknown_subject_has_an_empty_list(call: Caller) -> None:
    answer = call("GET", f"/v2/no/body/referrers/{Digest.of(b'x')}")
    assert (answer.status, answer.json["manifests"]) == (200, [])


def test_referrers_are_filtered_by_type_and_it_is_said(call: Caller) -> None:
    image = call.push_image("a/b", "1")
    for kind in ("x/one", "x/two"):
        call.push_image("a/b", kind[2:], subject=subject(image), artifactType=kind)
    answer = call("GET", f"/v2/a/b/referrers/{image}?artifactType=x%2Fone")
    assert [entry["artifactType"] for entry in answer.json["manifests"]] == ["x/one"]
    assert answer.headers["oci-filters-applied"] == "artifactType"


def test_referrers_come_in_pages_that_keep_the_filter(call: Caller) -> None:
    image = call.push_image("a/b", "1")
    for number in range(5):
        call.push_image(
            "a/b", f"n{number}", subject=subject(image), artifactType="x/note", annotations={"n": str(number)}
        )
    call.push_image("a/b", "other", subject=subject(image), artifactType="x/other")
    found = pages(call, f"/v2/a/b/referrers/{image}?n=2&artifactType=x/note")
    assert [len(page.json["manifests"]) for page in found] == [2, 2, 1]
    assert len({entry["digest"] for page in found for entry in page.json["manifests"]}) == 5


def test_pushing_a_referrer_names_its_subject(call: Caller) -> None:
    call.push_blob("a/b", b"{}")
    absent = str(Digest.of(b"not pushed"))
    answer = call("PUT", "/v2/a/b/manifests/n", manifest(subject=subject(absent)))
    assert (answer.status, answer.headers["oci-subject"]) == (201, absent)


def fallback(call: Caller, image: str, *notes: str) -> str:
    tag = image.replace(":", "-")
    assert call("PUT", f"/v2/a/b/manifests/{tag}", index(*notes, annotations={"n": str(len(notes))})).status == 201
    return tag


def test_the_fallback_tag_of_an_older_client_is_merged_into_the_list(call: Caller) -> None:
    image = call.push_image("a/b", "1")
    by_subject = call.push_image("a/b", "n", subject=subject(image))
    by_tag = call.push_image("a/b", "m", annotations={"listed": "by tag"})
    fallback(call, image, by_subject, by_tag)
    found = call("GET", f"/v2/a/b/referrers/{image}").json["manifests"]
    assert sorted(entry["digest"] for entry in found) == sorted([by_subject, by_tag])
    # What the referrer says of itself goes before what the list says of it.
    assert next(entry for entry in found if entry["digest"] == by_subject)["artifactType"] == mediatype.OCI_EMPTY


def test_a_fallback_tag_that_moves_takes_its_entries_along(call: Caller) -> None:
    image, one, two = call.push_image("a/b", "1"), call.push_image("a/b", "2", x=1), call.push_image("a/b", "3", x=2)
    fallback(call, image, one, two)
    fallback(call, image, two)
    assert [entry["digest"] for entry in call("GET", f"/v2/a/b/referrers/{image}").json["manifests"]] == [two]


@pytest.mark.parametrize("by", ["tag", "digest"])
def test_a_fallback_tag_that_is_removed_lists_nothing(call: Caller, by: str) -> None:
    image, one = call.push_image("a/b", "1"), call.push_image("a/b", "2", x=1)
    tag = fallback(call, image, one)
    name = tag if by == "tag" else call("GET", f"/v2/a/b/manifests/{tag}").headers["docker-content-digest"]
    assert call("DELETE", f"/v2/a/b/manifests/{name}").status == 202
    assert call("GET", f"/v2/a/b/referrers/{image}").json["manifests"] == []


def test_cosigns_tags_are_tags_like_any_other(call: Caller) -> None:
    image, one = call.push_image("a/b", "1"), call.push_image("a/b", "2", x=1)
    tag = image.replace(":", "-") + ".sig"
    assert call("PUT", f"/v2/a/b/manifests/{tag}", index(one)).status == 201
    assert call("GET", f"/v2/a/b/referrers/{image}").json["manifests"] == []


def test_a_list_of_many_referrers_stays_within_its_size(call: Caller) -> None:
    image = call.push_image("a/b", "1")
    for number in range(6):
        call.push_image("a/b", f"n{number}", subject=subject(image), annotations={"text": f"{number}" * 1_000_000})
    found = pages(call, f"/v2/a/b/referrers/{image}")
    assert all(len(page.body) < 4.2 * 1024 * 1024 for page in found)
    assert sum(len(json.loads(page.body)["manifests"]) for page in found) == 6
