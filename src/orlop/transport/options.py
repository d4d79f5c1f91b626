"""How to talk to one host: TLS, limits, mirrors. Values; what they mean is done in ``http`` and ``session``."""

from __future__ import annotations

from dataclasses import dataclass

TIMEOUT_S = 30.0
CONNECT_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class HostOptions:
    """Connection options of one registry host, or the defaults of all.

    plain_http: True speaks http, False https, None http to loopback hosts only (and not where TLS options are given).
    insecure: the server's certificate is not verified. ca_file, client_cert, client_key: paths of PEM files.
    timeout_s: longest time in seconds without a byte. connect_timeout_s: longest time to a connection.
    total_timeout_s: longest time for one whole exchange, body included; None for no such limit.
    mirrors: base URLs or hosts that are asked first when reading. concurrency: most requests at once;
    requests_per_second: most requests started in a second; None for no such limit.
    """

    plain_http: bool | None = None
    insecure: bool = False
    ca_file: str = ""
    client_cert: str = ""
    client_key: str = ""
    timeout_s: float = TIMEOUT_S
    connect_timeout_s: float = CONNECT_TIMEOUT_S
    total_timeout_s: float | None = None
    mirrors: tuple[str, ...] = ()
    concurrency: int | None = None
    requests_per_second: float | None = None
    proxy: str = ""

    @property
    def document_timeout_s(self) -> float:
        """Longest time in seconds for one whole document: a server that trickles bytes cannot hold a caller for ever."""
        return self.total_timeout_s or self.timeout_s * 4
