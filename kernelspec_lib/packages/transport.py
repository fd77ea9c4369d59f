"""Brings a page of the index here, or says in one sentence why it cannot.

Whatever is not an answer of a package index is an IndexUnreachable: a sick index is never told as
a mistake of the user's.
"""

from __future__ import annotations

import os
import ssl
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from urllib.parse import urljoin, urlsplit

import requests
from requests import exceptions
from requests.utils import should_bypass_proxies
from urllib3.exceptions import HTTPError

from kernelspec_lib.errors import IndexUnreachable
from kernelspec_lib.packages import connections, faults, reply
from kernelspec_lib.packages.connections import Adapter, TooSlow
from kernelspec_lib.packages.faults import Fault
from kernelspec_lib.packages.keyring import Login
from kernelspec_lib.packages.reply import Reply
from kernelspec_lib.packages.settings import CONNECTIONS, IndexConfig

_PIECE = 64 * 1024
_MAX_REDIRECTS = 5
_REDIRECTS = {301, 302, 303, 307, 308}
_PART, _NO_PARTS = 206, (416, 501)
_MOST_SECONDS, _MOST_TRIES = 300.0, 6
_NONE: Mapping[str, str] = MappingProxyType({})
ACCEPT = (
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, "
    "text/html;q=0.01"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How much an index may ask of us: times in seconds, sizes in bytes."""

    connect: float = 10
    read: float = 20
    whole: float = 90
    """For one answer, from the request to its last byte."""
    tries: int = 3
    pause: float = 0.5
    """Before the second try; twice as long before each further one."""
    longest_pause: float = 20
    """Where the index asks for more, it is not waited for."""
    largest: int = 40 * 1024 * 1024
    """Of one page, unpacked. The longest real ones have 20 MB."""
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic
    today: Callable[[], datetime] = lambda: datetime.now(UTC)

    @classmethod
    def of(cls, config: IndexConfig) -> Patience:
        """As pip was told, within bounds: nobody waits for hours."""
        usual = cls()
        read = min(config.timeout or usual.read, _MOST_SECONDS)
        tries = usual.tries if config.retries is None else min(config.retries + 1, _MOST_TRIES)
        whole = max(usual.whole, 2 * read)
        return cls(connect=min(read, usual.connect), read=read, whole=whole, tries=tries)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """How much of a text, and when: as the arguments of `Transport.get`."""

    limit: int
    whole: bool
    conditions: Mapping[str, str]


class _Passing(Exception):
    """A failure that another try may mend. pause: what the index asks for, in seconds.

    wholly: of the index, and not of one page.
    """

    def __init__(
        self, error: IndexUnreachable, pause: float | None = None, *, wholly: bool = True
    ) -> None:
        super().__init__(error, pause)
        self.error, self.pause, self.wholly = error, pause, wholly


class Transport:
    """One session with the index, for several threads."""

    def __init__(self, config: IndexConfig, patience: Patience) -> None:
        self.config, self.patience = config, patience
        self._session = requests.Session()
        # The environment was read once, into the config; requests must not read it again.
        self._session.trust_env = False
        self._session.verify = not config.trusted
        self._proxied: dict[str, dict[str, str]] = {}
        self._thinking, self._trying = Lock(), Lock()
        self._answered = False
        self._context: ssl.SSLContext | None = None
        self._widened = False
        self.down: IndexUnreachable | None = None
        """Why the index as a whole cannot be used, once that is known."""
        self._mount("http://")
        if any(one.startswith("https:") for one in (config.url, *config.proxies.values())):
            self._encrypt()

    def _encrypt(self) -> None:
        """Reads whom to trust; most indexes in tests, and some of sites, need not know."""
        try:
            self._context = connections.context(self.config)
        except OSError as error:
            self.down = self._unusable(error)
        self._mount("http://")
        self._mount("https://")

    def _mount(self, scheme: str) -> None:
        patience = self.patience
        one = Adapter(self._context, patience.whole, patience.now, most=CONNECTIONS)
        self._session.mount(scheme, one)

    def close(self) -> None:
        """Ends the session."""
        self._session.close()

    def get(
        self,
        url: str,
        limit: int | None = None,
        *,
        whole: bool = True,
        conditions: Mapping[str, str] = _NONE,
    ) -> Reply:
        """What stands at *url*. Raises IndexUnreachable.

        limit: in bytes; None: that of a page. Not whole: the first *limit* bytes will do, and a
        longer text is no failure. conditions: headers for a text that is known already.
        """
        limit = limit or self.patience.largest
        wanted = _Wanted(limit=limit, whole=whole, conditions=conditions)
        if self.down is not None:
            raise self.down
        try:
            return self._follow(url, wanted)
        except _Passing as passing:
            failure = passing
        # As long as it has not answered once, one thread tries again for all.
        with self._trying:
            if self.down is not None:
                raise self.down
            if not self._answered:
                return self._again(url, wanted, failure)
        return self._again(url, wanted, failure)

    def _again(self, url: str, wanted: _Wanted, failure: _Passing) -> Reply:
        """The tries after the first, which ended in *failure*."""
        patience = self.patience
        for number in range(1, patience.tries):
            pause = patience.pause * 2 ** (number - 1) if failure.pause is None else failure.pause
            if pause > patience.longest_pause:
                break
            patience.sleep(pause)
            try:
                return self._follow(url, wanted)
            except _Passing as again:
                failure = again
        if failure.wholly or not self._answered:
            self.down = failure.error
        raise failure.error from failure

    def _follow(self, url: str, wanted: _Wanted) -> Reply:
        for _ in range(_MAX_REDIRECTS + 1):
            response = self._ask(url, wanted.conditions)
            with response:
                if response.status_code in _REDIRECTS and "location" in response.headers:
                    url = self._sent_on(url, response.headers["location"])
                    continue
                if response.status_code == 304 and wanted.conditions:
                    self._answered = True
                    return Reply(found=True, url=url, unchanged=True)
                if response.status_code in _NO_PARTS and "Range" in wanted.conditions:
                    self._answered = True
                    return Reply(found=True, url=url)
                partly = response.status_code == _PART and "Range" in wanted.conditions
                if not partly:
                    self._judge(response)
                if response.status_code in (404, 410):
                    self._answered = True
                    return Reply(found=False, url=url)
                body = self._body(response, wanted.limit, wanted.whole)
                self._answered = True
                return reply.of(url, response.headers, body, partly=partly)
        raise self._unreachable("it sends from one address to the next without end")

    def _sent_on(self, url: str, location: str) -> str:
        try:
            there = urljoin(url, location)
            scheme = urlsplit(there).scheme
        except ValueError:
            scheme = ""
        if scheme not in ("http", "https"):
            raise self._unreachable("it sends on to an address that is no web page")
        return there

    def _ask(self, url: str, conditions: Mapping[str, str]) -> requests.Response:
        """The answer to a request with the login that is known, or else the keyring's."""
        parts, home = urlsplit(url), urlsplit(self.config.url)
        # Only the index itself is told who asks, and never over a lesser scheme.
        own = parts.netloc == home.netloc and (parts.scheme, home.scheme) != ("http", "https")
        login = self.config.login if own else None
        response = self._send(url, login, conditions)
        keyring = self.config.keyring
        if own and response.status_code == 401 and keyring is not None:
            found = keyring.ask()
            if found is not None and found != login:
                response.close()
                return self._send(url, found, conditions)
        return response

    def _send(
        self, url: str, login: Login | None, conditions: Mapping[str, str]
    ) -> requests.Response:
        config, patience = self.config, self.patience
        with self._thinking:
            if self._context is None and url.startswith("https:"):
                self._encrypt()
        if self.down is not None:
            raise self.down
        try:
            with warnings.catch_warnings() if config.trusted else nullcontext():
                if config.trusted:
                    warnings.simplefilter("ignore")
                return self._session.get(
                    url,
                    headers={"Accept": ACCEPT, "User-Agent": "kernelspec", **conditions},
                    auth=login,
                    proxies=self._proxies(url),
                    timeout=(patience.connect, patience.read),
                    allow_redirects=False,
                    stream=True,
                )
        except (TooSlow, exceptions.RequestException, OSError, ValueError) as error:
            raise self._told(error) from error

    def _proxies(self, url: str) -> dict[str, str]:
        host, no_proxy = urlsplit(url).netloc, self.config.no_proxy
        # requests puts no_proxy into the environment while it thinks: one thread at a time.
        with self._thinking:
            if host not in self._proxied:
                free = bool(no_proxy) and should_bypass_proxies(url, no_proxy=no_proxy)
                self._proxied[host] = {} if free else dict(self.config.proxies)
            return self._proxied[host]

    def _judge(self, response: requests.Response) -> None:
        """Raises for every status but success and "no such page"."""
        fault = faults.of_status(
            response.status_code,
            response.headers,
            proxied=bool(self._proxies(response.url)),
            known="Authorization" in response.request.headers,
            today=self.patience.today(),
        )
        if fault is not None:
            raise self._failure(fault)

    def _body(self, response: requests.Response, limit: int, whole: bool) -> bytes:
        told = response.headers.get("content-length", "")
        if whole and told.isdecimal() and int(told[:20]) > limit:
            raise self._unreachable("it sends a page without end")
        body = bytearray()
        try:
            while piece := _piece(response):
                body += piece
                if len(body) > limit:
                    if whole:
                        raise self._unreachable("it sends a page without end")
                    break
        except (TooSlow, exceptions.RequestException, HTTPError, OSError, ValueError) as error:
            raise self._told(error) from error
        return bytes(body)

    def _told(self, error: Exception) -> Exception:
        """*error* as one of ours."""
        fault = faults.of_error(error)
        if fault is faults.UNTRUSTED and self._wider():
            fault = replace(fault, whole=False, passing=True, pause=0.0)
        return self._failure(fault)

    def _failure(self, fault: Fault) -> Exception:
        error = self._unreachable(fault.reason, fault.remedy)
        if fault.whole:
            self.down = error
        if fault.passing:
            return _Passing(error, fault.pause, wholly=fault.telling)
        return error

    def _wider(self) -> bool:
        """Whether another try may trust more."""
        with self._thinking:
            if self._context is None or self._widened:
                return False
            self._widened = True
            return connections.widened(self._context, self.config)

    def _unusable(self, error: OSError) -> IndexUnreachable:
        """Why no TLS context could be made."""
        config = self.config
        named = (
            ("the client certificate", config.client_cert, "see $PIP_CLIENT_CERT"),
            ("the file of CA certificates", config.ca_bundle, "see $PIP_CERT"),
        )
        for what, path, remedy in named:
            if path is not None and not Path(path.partition(os.pathsep)[0]).exists():
                return self._unreachable(f"{what} does not exist", remedy)
        what = " or ".join(what for what, path, _ in named if path is not None)
        remedy = "it must be in PEM; a client certificate has its key in the same file"
        return self._unreachable(f"{what} cannot be used: {error.strerror or error}", remedy)

    def _unreachable(self, reason: str, remedy: str = "") -> IndexUnreachable:
        return IndexUnreachable(self.config.shown, reason, remedy)


def _piece(response: requests.Response) -> bytes:
    """What has come by now, unpacked, at most some 64 KiB of it; nothing at the end.

    Not iter_content: it waits for a piece to be full, and so for ever where a page drips.
    """
    return bytes(response.raw.read1(_PIECE, decode_content=True))
