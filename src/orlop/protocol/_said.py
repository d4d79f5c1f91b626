"""What the body of a refusal says: an error document, a page, XML of a storage, plain text or nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from orlop.errors import InvalidDocumentError
from orlop.model.jsondoc import load_json
from orlop.protocol._text import one_line

if TYPE_CHECKING:
    from orlop.protocol.message import Response

BODY_LIMIT = 64 * 1024
"""How much of an error's body is looked at, in bytes."""

REASON_LIMIT = 300
"""How much of it is shown, in characters."""

_ENTRY_LIMIT = 8


class Said(NamedTuple):
    """The codes, the message on one clean line, and the first detail. is_page: it was HTML."""

    codes: tuple[str, ...]
    reason: str
    detail: dict[str, object]
    is_page: bool = False


# S3 and its like. ArgumentValue may repeat the Authorization header, so nothing beside these two is shown.
_XML = re.compile(r"<Error>.{0,200}?<Code>([^<]{1,100})</Code>(?:\s*<Message>([^<]{0,2000})</Message>)?", re.DOTALL)
_PAGE = re.compile(r"<(?:!doctype\s+html|html|head|body|title|h1|center)\b", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]{0,200}>([^<]{0,1000})</title>", re.IGNORECASE)
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&#39;", "'"), ("&nbsp;", " "), ("&amp;", "&"))


def read_body(response: Response) -> Said:
    """Return what the body says, whatever it is."""
    text = response.body[:BODY_LIMIT].decode("utf-8", "replace").lstrip("\ufeff").strip()
    if text.startswith("{"):
        said = _document(response.body)
        if said is not None:
            return said
    if text.startswith("<"):
        if (found := _XML.search(text)) is not None:
            return Said((), one_line(": ".join(filter(None, found.groups())), REASON_LIMIT), {})
        if _PAGE.search(text[:4096]):
            title = _TITLE.search(text)
            named = f": {one_line(_unescaped(title[1]), 120)}" if title else ""
            return Said((), f"a web page came back{named}", {}, is_page=True)
    return Said((), one_line(text, REASON_LIMIT), {})


def _unescaped(text: str) -> str:
    for name, character in _ENTITIES:
        text = text.replace(name, character)
    return text


def _document(body: bytes) -> Said | None:
    """Return what an error document says; None when it cannot be read as one."""
    try:
        document = load_json(body, "the error document", limit=BODY_LIMIT)
    except InvalidDocumentError:
        return None
    if not isinstance(document, dict):
        return None
    entries = document.get("errors")
    if not isinstance(entries, list):
        # What proxies and token services write: {"message": ..}, {"error": .., "error_description": ..}, {"details": ..}.
        entries = [document]
    codes: dict[str, None] = {}
    reasons: dict[str, None] = {}
    detail: dict[str, object] = {}
    for entry in entries[:_ENTRY_LIMIT]:
        if not isinstance(entry, dict):
            continue
        code = entry.get("code")
        if isinstance(code, str | int) and not isinstance(code, bool) and (shown := one_line(str(code)[:256], 64)):
            codes[shown] = None
        for key in ("message", "error_description", "error", "details"):
            if isinstance(said := entry.get(key), str) and (line := one_line(said, REASON_LIMIT)):
                reasons[line] = None
                break
        if not detail and isinstance(told := entry.get("detail"), dict):
            detail = told
    return Said(tuple(codes), one_line("; ".join(reasons), REASON_LIMIT), detail)
