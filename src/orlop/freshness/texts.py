"""Verdicts as JSON text. Thousands of images share their bases: what verdicts have in common is written once."""

from __future__ import annotations

import json
from json.encoder import encode_basestring_ascii as quoted
from typing import TYPE_CHECKING

from orlop.freshness.report import base_json, evidence_json, verdict_json
from orlop.freshness.values import platform_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.freshness.values import Verdict

_MOST = 4096

encoded = json.JSONEncoder(separators=(",", ":")).encode
"""Return a value as JSON without white space."""


class Texts:
    """Writes verdicts. One belongs to one run: it keeps the texts of up to 4,096 parts."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[object, str]] = {}

    def shared(self, value: object, made: Callable[[], object]) -> str:
        """Return the JSON text of a value that others hold as well. made: what is to be written of it."""
        found = self._known.get(id(value))
        if found is not None and found[0] is value:
            return found[1]
        text = encoded(made())
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[id(value)] = (value, text)
        return text

    def verdict(self, verdict: Verdict, more: str = "") -> str:
        """Return what ``verdict_json`` makes, as text. more: further fields, each with a comma before it."""
        if verdict.build_inputs or verdict.others or verdict.absent is not None:  # few have any
            return f"{encoded(verdict_json(verdict))[:-1]}{more}}}"
        parts = [f'{{"state":{quoted(verdict.state)},"reason":{quoted(verdict.reason)}']
        put = parts.append
        if verdict.platform is not None:
            put(f',"platform":{quoted(platform_text(verdict.platform))}')
        if verdict.digest is not None:
            put(f',"digest":"{verdict.digest.value}"')
        if verdict.then_digest is not None:
            put(f',"thenDigest":"{verdict.then_digest.value}"')
        if verdict.now_digest is not None:
            put(f',"nowDigest":"{verdict.now_digest.value}"')
        base, evidence, ancestors = verdict.base, verdict.evidence, verdict.ancestors
        if base is not None:
            put(f',"base":{self.shared(base, lambda: base_json(base))}')
        if evidence:
            put(f',"evidence":{self.shared(evidence, lambda: [evidence_json(one) for one in evidence])}')
        if verdict.upstream:
            put(f',"upstream":{quoted(verdict.upstream)}')
        if verdict.detail:
            put(f',"detail":{quoted(verdict.detail)}')
        if verdict.hint:
            put(f',"hint":{quoted(verdict.hint)}')
        if verdict.waiting_until is not None:
            put(f',"waitingUntil":{encoded(verdict.waiting_until)}')
        if ancestors:
            put(f',"ancestors":{self.shared(ancestors, lambda: [verdict_json(one) for one in ancestors])}')
        put(f"{more}}}")
        return "".join(parts)
