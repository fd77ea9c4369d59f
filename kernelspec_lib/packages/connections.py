"""Connections to the index: whom they trust, and how long a server may hold them.

requests gives each read of a socket a time-out. A server that sends its headers letter by letter
stays below it for ever, so every answer has a deadline as well, which holds for each of its bytes.
It also reads the CA certificates anew for every connection, 60 ms each, and a look at an index has
a dozen: here they are read once. And each connection looks its host up for itself: a dozen
questions at once are more than some name servers answer, and the one that is lost costs five
seconds. Here a host is looked up once.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Lock
from typing import Any

from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.ssl_ import create_urllib3_context

from kernelspec_lib.packages.settings import IndexConfig, is_folder

_BUNDLES = ("ca_certs", "ca_cert_dir")
Clock = Callable[[], float]
"""Seconds."""


class TooSlow(Exception):
    """An answer was not whole at its deadline."""


class _Bounded(io.RawIOBase):
    """What comes from *sock*, until *deadline*."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: float, now: Clock) -> None:
        super().__init__()
        self._raw, self._sock, self._deadline, self._now = raw, sock, deadline, now
        self._longest = sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - self._now()
        if left <= 0:
            raise TooSlow
        self._sock.settimeout(left if self._longest is None else min(self._longest, left))
        try:
            return self._raw.readinto(buffer)
        except TimeoutError:
            if self._now() >= self._deadline:
                raise TooSlow from None
            raise

    def close(self) -> None:
        self._raw.close()
        super().close()


def _bounded(whole: float, now: Clock) -> type[http.client.HTTPResponse]:
    """Answers that end *whole* seconds after they were asked for."""

    class Bounded(http.client.HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
            super().__init__(sock, *args, **options)
            raw = self.fp.detach()
            self.fp = io.BufferedReader(_Bounded(raw, sock, now() + whole, now))

    return Bounded


class Addresses:
    """Where hosts are, each looked up once, whoever asks first."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], Sequence[str]] = {}
        self._asking = Lock()

    def of(self, host: str, port: int) -> Sequence[str]:
        """The addresses of *host*, in the order in which to try them; none: it is not known."""
        with self._asking:
            if (host, port) not in self._known:
                with suppress(OSError, UnicodeError):
                    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                    self._known[host, port] = list(dict.fromkeys(str(one[4][0]) for one in found))
            return self._known.get((host, port), ())

    def answered(self, host: str, port: int, address: str) -> None:
        """Somebody listens at *address*: it is the first to try from now on."""
        with self._asking:
            others = [one for one in self._known.get((host, port), ()) if one != address]
            self._known[host, port] = [address, *others]


def _looked_up(kind: Any, addresses: Addresses) -> Any:
    """Connections like *kind*, to hosts that *addresses* knows."""

    class LookedUp(kind):  # type: ignore[misc]
        _dns_host: str

        def _new_conn(self) -> socket.socket:
            name = self._dns_host
            refused: Exception = OSError(name)
            try:
                for address in addresses.of(name, self.port) or (name,):
                    self._dns_host = address
                    try:
                        made: socket.socket = super()._new_conn()
                    except (NewConnectionError, ConnectTimeoutError) as error:
                        refused = error
                    else:
                        addresses.answered(name, self.port, address)
                        return made
                raise refused
            finally:
                # TLS compares it with the certificate.
                self._dns_host = name

    return LookedUp


class Adapter(HTTPAdapter):
    """As requests' own, with one TLS context for all connections, and a deadline for answers."""

    def __init__(
        self, context: ssl.SSLContext | None, whole: float, now: Clock, *, most: int
    ) -> None:
        """context: None where nothing is encrypted. most: how many to one host are kept open."""
        self._context = context
        self._answer = _bounded(whole, now)
        self._addresses = Addresses()
        super().__init__(pool_connections=4, pool_maxsize=most)

    def init_poolmanager(self, *args: Any, **named: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **named)
        self._bind(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **named: Any) -> Any:
        known = proxy in self.proxy_manager
        named["ssl_context"] = self._context
        if not proxy.lower().startswith("socks"):
            named["proxy_ssl_context"] = self._context
        manager = super().proxy_manager_for(proxy, **named)
        if not known:
            self._bind(manager)
        return manager

    def build_connection_pool_key_attributes(self, *args: Any, **named: Any) -> Any:
        host, pool = super().build_connection_pool_key_attributes(*args, **named)
        # A bundle that is named is read again, whatever the context holds already.
        return host, {name: value for name, value in pool.items() if name not in _BUNDLES}

    def cert_verify(self, conn: Any, *args: Any, **named: Any) -> None:
        super().cert_verify(conn, *args, **named)  # type: ignore[no-untyped-call]
        conn.ca_certs = conn.ca_cert_dir = None

    def _bind(self, manager: Any) -> None:
        manager.pool_classes_by_scheme = {
            scheme: type(pool.__name__, (pool,), {"ConnectionCls": self._bound(pool.ConnectionCls)})
            for scheme, pool in manager.pool_classes_by_scheme.items()
        }

    def _bound(self, kind: Any) -> Any:
        bound = type(kind.__name__, (kind,), {"response_class": self._answer})
        # Behind SOCKS it is the proxy that knows where hosts are.
        plain = kind._new_conn is HTTPConnection._new_conn
        return _looked_up(bound, self._addresses) if plain else bound


def context(config: IndexConfig) -> ssl.SSLContext:
    """Whom the way of *config* trusts. Raises OSError for a file that is none, or not there."""
    made = create_urllib3_context()
    if config.trusted:
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    else:
        place = config.ca_bundle or config.system_ca or DEFAULT_CA_BUNDLE_PATH
        made.load_verify_locations(**{"capath" if is_folder(place) else "cafile": place})
    if config.client_cert is not None:
        # Without a password, OpenSSL would ask for one on a screen that may not be there.
        made.load_cert_chain(config.client_cert, password="")
    return made


def widened(context: ssl.SSLContext, config: IndexConfig) -> bool:
    """Makes *context* trust what Python brings beside what the machine does, as pip does.

    False: somebody said whom to trust, or it does already.
    """
    if config.trusted or config.ca_bundle is not None or config.system_ca is None:
        return False
    context.load_verify_locations(cafile=DEFAULT_CA_BUNDLE_PATH)
    return True
