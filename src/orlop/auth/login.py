"""Signing in and out for good: credentials into a helper or a config file, and what is there.

All functions block. They try nothing at the registry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orlop.auth import configfile
from orlop.auth.credential import ACR_TOKEN_USER, TOKEN_USER, Credential
from orlop.auth.dockerconfig import HUB_KEY, ConfigFile, credential_of, normal_key
from orlop.auth.helper import DEFAULT_TIMEOUT_S, Helper, HelperAbsentError
from orlop.auth.keychain import is_docker_file
from orlop.errors import ConfigError, CredentialError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from orlop.model.reference import RegistryHost


class Status(NamedTuple):
    """One sign-in that is stored. host: as its key stands for it, with a namespace after it in Podman's files.

    source: ``file PATH`` or ``docker-credential-NAME``; note: what is wrong with it, or empty.
    """

    host: str
    source: str
    username: str
    note: str = ""


def store(
    path: str,
    host: RegistryHost,
    credential: Credential,
    *,
    environ: Mapping[str, str],
    helper_timeout_s: float = DEFAULT_TIMEOUT_S,
) -> str:
    """Store the credential in the helper that the config file names for the host, else in the file itself.

    Return a warning to show, or empty. path: of the config file, made when it is missing; what else it holds stays.
    A sign-in of the same host is replaced. Raises ConfigError, CredentialError (a helper failed or is absent),
    StorageError, UnsupportedError (a ready-made token, which no helper keeps).
    """
    document = configfile.read(path) or {}
    auths, helper_name = _own(document, path, host)
    key = _key(path, host)
    kept = _own_key(auths, host.value) or key
    if not helper_name:
        auths[kept] = {**_unknown(auths.get(kept)), **_entry(credential)}
        for other in [other for other in _keys_of(auths, host.value) if other != kept]:
            del auths[other]
        configfile.write(path, document)
        return f"the password is stored unencrypted in {path}; a credential helper (credsStore) would keep it safe"
    if credential.registry_token:
        raise UnsupportedError("keeping a ready-made token", f"docker-credential-{helper_name}")
    helper = Helper(helper_name, environ=environ, timeout_s=helper_timeout_s)
    try:
        helper.store(kept, *_for_helper(credential))
    except HelperAbsentError as error:
        raise CredentialError(host.value, f"{path} names {helper.program}, which is not there").with_hint(
            f"install {helper.program}, or take it out of {path}"
        ) from error
    for other in _keys_of(auths, host.value):
        del auths[other]
    # Docker finds its sign-ins by these, and a secret that stood here before goes.
    auths[kept] = {}
    configfile.write(path, document)
    return ""


def erase(
    path: str, host: RegistryHost, *, environ: Mapping[str, str], helper_timeout_s: float = DEFAULT_TIMEOUT_S
) -> bool:
    """Remove the sign-in of the host from the config file and its helper; return whether there was one.

    Raises ConfigError, StorageError; CredentialError when the helper failed or is absent: the file is cleared then too.
    """
    document = configfile.read(path)
    if document is None:
        return False
    auths, helper_name = _own(document, path, host)
    keys = list(_keys_of(auths, host.value))
    found = any(auths[key] for key in keys)  # an empty entry is the mark of a helper
    for key in keys:
        del auths[key]
    if keys:
        configfile.write(path, document)
    if helper_name:
        helper = Helper(helper_name, environ=environ, timeout_s=helper_timeout_s)
        for address in dict.fromkeys((*keys, _key(path, host))):
            if helper.get(address) is not None:
                helper.erase(address)
                found = True
    return found


def status(
    paths: Iterable[tuple[str, bool]],
    *,
    environ: Mapping[str, str],
    helper_timeout_s: float = DEFAULT_TIMEOUT_S,
) -> list[Status]:
    """Return the sign-ins of the files, as ``keychain.config_files`` lists them, and of the helpers they name.

    A helper that fails is told in the note of its line. Raises ConfigError.
    """
    found: list[Status] = []
    for path, namespaces in paths:
        document = configfile.read(path)
        if document is not None:
            found += _status(ConfigFile(path, document, namespaces=namespaces), environ, helper_timeout_s)
    return found


def _status(file: ConfigFile, environ: Mapping[str, str], timeout_s: float) -> Iterator[Status]:
    listed: dict[str, dict[str, str]] = {}
    for name in dict.fromkeys((*map(str, file.helpers.values()), file.store)):
        if not name:
            continue
        helper = Helper(name, environ=environ, timeout_s=timeout_s)
        try:
            listed[name] = helper.list()
        except CredentialError as error:
            yield Status("", helper.program, "", error.reason)
    for key in file.helpers:
        name = configfile.text_of(file.helpers, key, file.path)
        for address, username in listed.get(name, {}).items():
            if normal_key(address) == normal_key(key):
                yield Status(_shown(key), f"docker-credential-{name}", username)
    helped = {normal_key(key) for key in file.helpers}
    for address, username in listed.get(file.store, {}).items():
        if normal_key(address) not in helped:
            yield Status(_shown(address), f"docker-credential-{file.store}", username)
    for key, entry in file.auths.items():
        try:
            credential = credential_of(entry, key, file.path)
        except ConfigError as error:
            yield Status(_shown(key), f"file {file.path}", "", error.reason)
            continue
        if credential is not None:
            yield Status(_shown(key), f"file {file.path}", _username(credential))


def _username(credential: Credential) -> str:
    return credential.username or TOKEN_USER


def _shown(key: str) -> str:
    host, path = normal_key(key)
    return f"{host}/{path}" if path else host


def _own(document: configfile.Document, path: str, host: RegistryHost) -> tuple[configfile.Document, str]:
    """Return the document's ``auths``, put into it when missing, and the helper that it names for the host."""
    helper = ConfigFile(path, document, namespaces=not is_docker_file(path)).place(host.value).helper
    auths = configfile.section(document, "auths", path)
    document["auths"] = auths
    return auths, helper


def _keys_of(auths: Mapping[str, object], host: str) -> list[str]:
    """Return the keys that stand for the host as a whole."""
    return [key for key in auths if normal_key(key) == (host, "")]


def _own_key(auths: Mapping[str, object], host: str) -> str | None:
    return next(iter(_keys_of(auths, host)), None)


def _key(path: str, host: RegistryHost) -> str:
    return HUB_KEY if host.value == "docker.io" and is_docker_file(path) else host.value


_SECRET_FIELDS = frozenset({"auth", "username", "password", "identitytoken", "registrytoken"})


def _unknown(entry: object) -> dict[str, object]:
    """Return the fields of an entry that are not ours to replace, such as ``email``."""
    return (
        {name: value for name, value in entry.items() if name not in _SECRET_FIELDS} if isinstance(entry, dict) else {}
    )


def _entry(credential: Credential) -> dict[str, object]:
    import binascii

    if credential.registry_token:
        return {"registrytoken": credential.registry_token}
    if credential.identity_token and credential.username != ACR_TOKEN_USER:
        username, password, extra = credential.username or TOKEN_USER, "", {"identitytoken": credential.identity_token}
    else:
        username, password, extra = credential.username, credential.password or credential.identity_token, {}
    auth = binascii.b2a_base64(f"{username}:{password}".encode(), newline=False).decode("ascii")
    return {"auth": auth, **extra}


def _for_helper(credential: Credential) -> tuple[str, str]:
    if credential.identity_token:
        return (credential.username if credential.username == ACR_TOKEN_USER else TOKEN_USER), credential.identity_token
    return credential.username, credential.password
