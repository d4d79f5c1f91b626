"""What a command works with: settings, environment and options, made into a client and an output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.cli.streams import Streams
from orlop.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from orlop import Cache, Client, Credential, CredentialSource, Exchange, HostOptions, PlatformSelector, RegistryHost
    from orlop.cli.credentials import NamedRegistrySource
    from orlop.cli.settings import Settings

CONNECT_TIMEOUT_S = 10.0
"""Longest time to a connection, unless a setting or a shorter --timeout says otherwise."""

_CONNECTION = {
    "timeout": "timeout_s",
    "ca_file": "ca_file",
    "client_cert": "client_cert",
    "client_key": "client_key",
    "plain_http": "plain_http",
    "insecure": "insecure",
}


class App:
    """One run of the program. environ: the environment; nothing below reads it by itself."""

    def __init__(self, environ: Mapping[str, str], *, debug: bool = False) -> None:
        self.environ, self.debug = environ, debug
        self.options: dict[str, Any] = {}
        """What the shared options were given, by name."""
        self.streams = Streams(environ.get("NO_COLOR", ""))
        self.status = 0
        self.draws = False
        """Whether the command draws on the terminal by itself, beside what it writes."""
        self.exchanges: list[Exchange] = []
        self.curl_to = ""
        """The file that --curl names for the answer."""
        self.curl_data = ""
        """The file that --curl names as what is sent."""
        self.held: object = None
        """What is not to be taken apart before the end: for a tree of many paths that takes a tenth of the time it is there for."""
        self._client: Client | None = None
        self._settings: Settings | None = None
        self._source: NamedRegistrySource | None = None
        self._source_known = False

    # --- settings and choices ------------------------------------------------------------------

    @property
    def settings(self) -> Settings:
        """The settings file, read when first asked for. Raises ConfigError."""
        if self._settings is None:
            from orlop.cli.folders import settings_file
            from orlop.cli.settings import Settings

            self._settings = Settings.load(settings_file(self.environ))
        return self._settings

    def selector(self, *, settings: bool) -> PlatformSelector | None:
        """Return the wish for a platform: options first, then, where they apply, the settings; None for no wish."""
        options = self.options
        platform, parts = options.get("platform"), [options.get(key) or "" for key in ("os", "arch", "os_version")]
        if platform:
            if any(parts):
                raise usage("--platform says it all: leave out --os, --arch and --os-version")
            from orlop.model.platform import PlatformSelector

            return PlatformSelector.parse(platform)
        if settings:
            names = ("platform.os", "platform.arch", "platform.osVersion")
            parts = [part or self.settings.text(name) for part, name in zip(parts, names, strict=True)]
        if not any(parts):
            return None
        from orlop.model.platform import PlatformSelector

        architecture, _, variant = parts[1].partition("/")
        return PlatformSelector(os=parts[0], architecture=architecture, variant=variant, os_version=parts[2])

    @property
    def platform_given(self) -> bool:
        """Whether an option chooses a platform."""
        return any(self.options.get(name) for name in ("platform", "os", "arch", "os_version"))

    @property
    def concurrency(self) -> int | None:
        """How many references at once; None for the client's own number."""
        given = self.options.get("concurrency") or self.settings.checked("concurrency")
        return given if isinstance(given, int) else None

    @property
    def curl(self) -> bool:
        """Whether the requests are shown instead of the answer."""
        return bool(self.options.get("curl"))

    # --- the client ----------------------------------------------------------------------------

    def name_registry(self, host: RegistryHost) -> None:
        """Note that the command names this registry. Raises InputError when credentials of the environment met another."""
        source = self._source if self._source_known else self._environment()
        if source is not None:
            source.name(host)

    def _environment(self) -> NamedRegistrySource | None:
        from orlop.cli.credentials import environment_source

        self._source, self._source_known = environment_source(self.environ), True
        return self._source

    @property
    def one_registry(self) -> bool:
        """Whether credentials of the environment allow for one registry only."""
        return (self._source if self._source_known else self._environment()) is not None

    def client(self, *, credential: tuple[RegistryHost, Credential] | None = None) -> Client:
        """Return the client that options, settings and environment make together.

        credential: to show to one registry, instead of all that is kept anywhere.
        """
        self.streams.silent = self.curl
        from orlop.auth.keychain import Chain, ExplicitSource, default_keychain
        from orlop.cli.folders import home
        from orlop.sync import Client

        environ = self.environ
        source: CredentialSource | None = None
        if credential is not None:
            keychain: CredentialSource = ExplicitSource(*credential)
        else:
            authfile = self.options.get("authfile") or ""
            keychain = default_keychain(environ, home(environ), authfile=authfile, warn=self.warn)
            source = self._source if self._source_known else self._environment()
        hosts, defaults = self.connection()
        limit = self.settings.checked("manifestLimit")
        more: dict[str, Any] = {"manifest_limit": limit} if limit else {}
        layers = {"unpacked": "layers.unpackedLimit", "entries": "layers.entryLimit"}
        bounds = {field: int(str(bound)) for field, name in layers.items() if (bound := self.settings.checked(name))}
        if bounds:
            from orlop.layer.limits import Limits

            more["layer_limits"] = Limits(**bounds)
        self._client = Client(
            credentials=keychain if source is None else Chain([source, keychain]),
            hosts=hosts,
            defaults=defaults,
            cache=None if self.curl else self.cache(),
            concurrency=self.concurrency or 32,
            trace=self._trace if self.debug or self.curl else None,
            engine=environ.get("DOCKER_HOST", ""),
            reading=self._reading(),
            **more,
        )
        return self._client

    def _reading(self) -> Callable[[int, int], None] | None:
        """Return what shows that layers are read, on a terminal."""
        if self.debug or self.curl or self.draws or not self.streams.error_terminal:
            return None
        from orlop.cli.progress import LayerProgress

        return LayerProgress(self).at

    def connection(self) -> tuple[dict[str, HostOptions], HostOptions]:
        """Return the connection options by host, and those of all other hosts: an option goes before a setting."""
        from orlop import HostOptions
        from orlop.model.reference import RegistryHost

        given = {field: self.options[name] for name, field in _CONNECTION.items() if self.options.get(name)}
        if given.get("client_key") and not given.get("client_cert"):
            raise usage("--client-key needs --client-cert as well")
        hosts: dict[str, HostOptions] = {}
        for host, fields in self.settings.hosts().items():
            try:
                host = RegistryHost(host).value
            except InputError:
                host = host.lower()  # a storage host, for which a single word is enough
            hosts[host] = HostOptions(**_hurried({**fields, **given}))
        for name in self.settings.unknown:
            self.warn(f"the settings file {self.settings.path} holds {name}, which is not known")
        return hosts, HostOptions(**_hurried(given))

    def cache(self) -> Cache | None:
        """Return the cache, or None where the settings want none."""
        limit = self.settings.checked("cache.limit")
        if limit == 0:
            return None
        from orlop.content.cache import Cache

        return Cache(self.cache_folder) if limit is None else Cache(self.cache_folder, int(str(limit)))

    @property
    def cache_folder(self) -> str:
        """The folder of the cache."""
        from orlop.cli.folders import cache_folder

        return self.settings.text("cache.path") or cache_folder(self.environ)

    def _trace(self, exchange: Exchange) -> None:
        if self.debug:
            for line in exchange.lines():
                self.streams.note(line)
        if self.curl:
            self.exchanges.append(exchange)

    # --- what is told --------------------------------------------------------------------------

    def warn(self, text: str) -> None:
        """Tell the user something that stops nothing."""
        self.streams.note(f"warning: {text}")

    def finish(self) -> None:
        """Write what is left to write, after a command that ended well."""
        if self.curl:
            self._print_curl()
        self.streams.flush()
        if self._client is not None and self.streams.error_terminal:
            for line in _nearly_spent(self._client):
                self.streams.note(line)

    def failing(self) -> None:
        """Write what is there, before the error is told or after Ctrl-C."""
        try:
            self.finish()
        except Exception:  # noqa: BLE001  # the first error is the one to tell
            return

    def _print_curl(self) -> None:
        from orlop.curl import to_curl

        self.streams.silent = False
        if not self.exchanges:
            self.streams.note("no request was sent")
            return
        options = {name: self.options.get(name) for name in _CONNECTION}
        self.streams.text(to_curl(self.exchanges, options, to=self.curl_to, data=self.curl_data))


def _hurried(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields with no longer time for a connection than without a byte."""
    longest = fields.get("timeout_s")
    if longest is not None and longest < fields.get("connect_timeout_s", CONNECT_TIMEOUT_S):
        return {**fields, "connect_timeout_s": longest}
    return fields


def _nearly_spent(client: Client) -> Iterator[str]:
    """Yield a line for each host that grants no more than a tenth of its limit."""
    for host, limit in client.rate_limits().items():
        if limit.remaining is None or limit.limit is None or limit.remaining * 10 > limit.limit:
            continue
        window = f" in {limit.window_s // 3600} hours" if limit.window_s and limit.window_s >= 7200 else ""
        yield f"note: {host} grants {limit.remaining} more of {limit.limit} requests{window}"


def usage(message: str) -> InputError:
    """Return the error for options that do not go together. Its text is the message alone."""
    return UsageError(message, "")


class UsageError(InputError):
    """Options that do not go together."""

    def __str__(self) -> str:
        return self.text
