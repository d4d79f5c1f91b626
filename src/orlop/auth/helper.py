"""The ``docker-credential-*`` programs.

Protocol (docker/docker-credential-helpers): the verb is the argument. ``get`` and ``erase`` read an address from
standard input, ``store`` a JSON object, ``list`` nothing; ``get`` and ``list`` print JSON. An error is exit
status 1 with a text on standard output.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orlop.auth.credential import Credential
from orlop.errors import CredentialError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_TIMEOUT_S = 30.0
"""How long a helper may take; gcloud needs seconds, a person who unlocks a keychain more."""

OUTPUT_LIMIT = 1 << 20
"""Bytes that a helper may print."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z", re.ASCII)
_NOT_FOUND = b"credentials not found"
"""``credentials not found in native keychain``, and what helpers of others make of it."""


class HelperAbsentError(CredentialError):
    """The helper is no program of this machine."""


class Helper:
    """One helper program, by its short name: ``ecr-login`` for docker-credential-ecr-login.

    environ: its environment; its PATH says where the program is looked for. All methods block.
    Raises CredentialError; no text of the program is ever shown, since it may hold the secret.
    """

    def __init__(self, name: str, *, environ: Mapping[str, str], timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        self.program = f"docker-credential-{name}"
        self._usable = _NAME.match(name) is not None
        self._environ, self._timeout_s = environ, timeout_s
        self._memo: dict[str, Credential | CredentialError | None] = {}

    def knows(self, address: str) -> bool:
        """Whether ``get`` would answer at once."""
        return address in self._memo

    def get(self, address: str) -> Credential | None:
        """Return what the helper knows of the address; None when it knows nothing.

        The program is started once for an address: some take seconds. Its failure is remembered as well.
        """
        if address not in self._memo:
            try:
                self._memo[address] = self._get(address)
            except CredentialError as error:
                self._memo[address] = error
        known = self._memo[address]
        if isinstance(known, CredentialError):
            copy: CredentialError = type(known)(*known.args)
            copy.hint = known.hint
            raise copy
        return known

    def store(self, address: str, username: str, secret: str) -> None:
        """Keep user and secret under the address, in place of what was there."""
        import json

        self._memo.pop(address, None)
        data = json.dumps({"ServerURL": address, "Username": username, "Secret": secret}).encode()
        status, _ = self._run("store", data, address)
        if status != 0:
            raise self._failed(address, status, "store")

    def erase(self, address: str) -> bool:
        """Drop what is kept under the address; return whether there was something, as far as the helper tells."""
        self._memo.pop(address, None)
        status, output = self._run("erase", address.encode(), address)
        if status != 0 and _NOT_FOUND not in output:
            raise self._failed(address, status, "erase")
        return status == 0

    def list(self) -> dict[str, str]:
        """Return the user name of each address that the helper knows."""
        import json

        status, output = self._run("list", b"", self.program)
        if status != 0:
            raise self._failed(self.program, status, "list")
        try:
            document = json.loads(output or b"{}")
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise CredentialError(self.program, "its list is not a JSON object")
        return {address: name for address, name in document.items() if isinstance(name, str)}

    def _get(self, address: str) -> Credential | None:
        import json

        status, output = self._run("get", address.encode(), address)
        if status != 0:
            if _NOT_FOUND in output:
                return None
            raise self._failed(address, status, "get")
        try:
            document = json.loads(output)
        except (ValueError, RecursionError):
            document = None
        found = document if isinstance(document, dict) else {}
        username, secret = found.get("Username"), found.get("Secret")
        if not isinstance(username, str) or not isinstance(secret, str):
            raise CredentialError(address, f"what {self.program} printed is not a user name and a secret in JSON")
        return Credential.from_pair(username, secret, self.program) if secret else None

    def _failed(self, address: str, status: int, verb: str) -> CredentialError:
        ended = f"exit status {status}" if status >= 0 else f"signal {-status}"
        error = CredentialError(address, f"{self.program} {verb} failed with {ended}")
        error.hint = (
            f"what it says is not shown, since it may hold a secret; try: echo {address} | {self.program} {verb}"
        )
        return error

    def _run(self, verb: str, data: bytes, address: str) -> tuple[int, bytes]:
        """Run the program to its end; return its exit status and what it printed."""
        import os
        import shutil

        if not self._usable:
            raise CredentialError(address, f"{self.program!r} cannot be the name of a credential helper")
        path = shutil.which(self.program, path=self._environ.get("PATH", os.defpath))
        if path is None:
            raise HelperAbsentError(address, f"{self.program} is not on the PATH")
        from orlop.auth.process import Overflow, run_program

        try:
            return run_program([path, verb], data, self._environ, timeout_s=self._timeout_s, limit=OUTPUT_LIMIT)
        except TimeoutError:
            reason = f"{self.program} {verb} did not end within {self._timeout_s:g} s"
        except Overflow:
            reason = f"{self.program} {verb} printed more than {OUTPUT_LIMIT} bytes"
        except OSError as error:
            reason = f"{self.program} could not be started: {error.strerror or type(error).__name__}"
        raise CredentialError(address, reason)
