"""Brings a page of the index here, or says in one sentence why it cannot.

Whatever is not an answer of a package index is an IndexUnreachable: a sick index is never told as
a mistake of the user's.
"""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Lock
from urllib.parse import urljoin, urlsplit

import requests
from requests import exceptions
from requests.adapters import HTTPAdapter
from requests.utils import should_bypass_proxies
from urllib3.exceptions import HTTPError, ReadTimeoutError

from kernelspec_lib.errors import IndexUnreachable
from kernelspec_lib.packages import connections
from kernelspec_lib.packages.keyring import Login
from kernelspec_lib.packages.settings import IndexConfig

_PIECE = 64 * 1024
_MAX_REDIRECTS = 5
_REDIRECTS = {301, 302, 303, 307, 308}
_PASSING = {429, 500, 502, 503, 504}
"""Statuses that another try may mend."""
CONNECTIONS = 12
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
    """For one page from its first byte to its last."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer of the index: a text, or that it has no such page."""

    found: bool
    url: str
    """Where it came from in the end."""
    content_type: str = ""
    body: bytes = b""


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
        self._session.verify = False if config.trusted else config.ca_bundle or True
        plain = HTTPAdapter(pool_connections=4, pool_maxsize=CONNECTIONS)
        checked = connections.adapter(config.ca_bundle, most=CONNECTIONS)
        self._session.mount("http://", plain)
        self._session.mount("https://", plain if config.trusted else checked)
        self._proxied: dict[str, dict[str, str]] = {}
        self._thinking, self._trying = Lock(), Lock()
        self._answered = False
        self.down: IndexUnreachable | None = None
        """Why the index as a whole cannot be used, once that is known."""

    def close(self) -> None:
        """Ends the session."""
        self._session.close()

    def get(self, url: str, limit: int | None = None, *, whole: bool = True) -> Reply:
        """What stands at *url*. Raises IndexUnreachable.

        limit: in bytes; None: that of a page. Not whole: the first *limit* bytes will do, and a
        longer text is no failure.
        """
        limit = limit or self.patience.largest
        if self.down is not None:
            raise self.down
        try:
            return self._follow(url, limit, whole)
        except _Passing as passing:
            failure = passing
        # As long as it has not answered once, one thread tries again for all.
        with self._trying:
            if self.down is not None:
                raise self.down
            if not self._answered:
                return self._again(url, limit, whole, failure)
        return self._again(url, limit, whole, failure)

    def _again(self, url: str, limit: int, whole: bool, failure: _Passing) -> Reply:
        """The tries after the first, which ended in *failure*."""
        patience = self.patience
        for number in range(1, patience.tries):
            pause = patience.pause * 2 ** (number - 1) if failure.pause is None else failure.pause
            if pause > patience.longest_pause:
                break
            patience.sleep(pause)
            try:
                return self._follow(url, limit, whole)
            except _Passing as again:
                failure = again
        if failure.wholly or not self._answered:
            self.down = failure.error
        raise failure.error from failure

    def _follow(self, url: str, limit: int, whole: bool) -> Reply:
        for _ in range(_MAX_REDIRECTS + 1):
            response = self._ask(url)
            with response:
                if response.status_code in _REDIRECTS and "location" in response.headers:
                    url = self._sent_on(url, response.headers["location"])
                    continue
                self._judge(response)
                if response.status_code in (404, 410):
                    self._answered = True
                    return Reply(found=False, url=url)
                kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
                body = self._body(response, limit, whole)
                self._answered = True
                return Reply(found=True, url=url, content_type=kind, body=body)
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

    def _ask(self, url: str) -> requests.Response:
        """The answer to a request with the login that is known, or else the keyring's."""
        parts, home = urlsplit(url), urlsplit(self.config.url)
        # Only the index itself is told who asks, and never over a lesser scheme.
        own = parts.netloc == home.netloc and (parts.scheme, home.scheme) != ("http", "https")
        login = self.config.login if own else None
        response = self._send(url, login)
        keyring = self.config.keyring
        if own and response.status_code == 401 and keyring is not None:
            found = keyring.ask()
            if found is not None and found != login:
                response.close()
                return self._send(url, found)
        return response

    def _send(self, url: str, login: Login | None) -> requests.Response:
        config, patience = self.config, self.patience
        try:
            with warnings.catch_warnings() if config.trusted else _Nothing():
                if config.trusted:
                    warnings.simplefilter("ignore")
                return self._session.get(
                    url,
                    headers={"Accept": ACCEPT, "User-Agent": "kernelspec"},
                    auth=login,
                    proxies=self._proxies(url),
                    timeout=(patience.connect, patience.read),
                    allow_redirects=False,
                    stream=True,
                )
        except (exceptions.RequestException, OSError, ValueError) as error:
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
        status = response.status_code
        proxy = response.headers.get("x-squid-error", "").partition(" ")[0]
        if status in (200, 404, 410) and not proxy:
            return
        meaning = _MEANING.get(status, (f"it answers with status {status}", ""))
        if proxy and status != 407:
            meaning = (f"the proxy answers with status {status} ({proxy})", _PROXY_REMEDY)
        error = self._unreachable(*meaning)
        if status in _PASSING:
            pause = _retry_after(response.headers.get("retry-after", ""), self.patience.today())
            raise _Passing(error, pause, wholly=status == 429)
        if status in (401, 407):
            self.down = error
        raise error

    def _body(self, response: requests.Response, limit: int, whole: bool) -> bytes:
        deadline = self.patience.now() + self.patience.whole
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
                if self.patience.now() > deadline:
                    raise self._unreachable("it sends a page too slowly")
        except (exceptions.RequestException, HTTPError, OSError, ValueError) as error:
            raise self._told(error) from error
        return bytes(body)

    def _told(self, error: Exception) -> Exception:
        """*error* as one of ours. Its own text is not repeated: it may hold the URL's secrets."""
        text = str(error)
        if refused := re.search(r"Tunnel connection failed: (\d{3})|\b(407) Proxy", text):
            status = int(refused[1] or refused[2])
            self.down = self._unreachable(f"the proxy refuses with status {status}", _PROXY_REMEDY)
            return self.down
        if isinstance(error, exceptions.ProxyError):
            return _Passing(self._unreachable("the proxy does not answer", _PROXY_REMEDY))
        if isinstance(error, exceptions.SSLError) or "CERTIFICATE_VERIFY" in text:
            self.down = self._unreachable("its certificate is not trusted here", _CA_REMEDY)
            return self.down
        if isinstance(error, OSError) and "TLS CA certificate bundle" in text:
            return self._unreachable("the file of CA certificates does not exist", "see $PIP_CERT")
        if isinstance(error, (exceptions.Timeout, ReadTimeoutError)) or "timed out" in text:
            return _Passing(self._unreachable("it does not answer in time", _NETWORK_REMEDY))
        if "resolve" in text or "Name or service" in text or "getaddrinfo" in text:
            return _Passing(self._unreachable("its host is not known", _NETWORK_REMEDY))
        if "refused" in text:
            return _Passing(self._unreachable("it refuses the connection", _NETWORK_REMEDY))
        if isinstance(error, (exceptions.InvalidURL, exceptions.InvalidSchema, UnicodeError)):
            return self._unreachable("its URL, or the proxy's, cannot be used")
        if isinstance(error, ValueError) and not isinstance(error, exceptions.RequestException):
            # requests looks at where it is sent on to before it is asked to go there.
            return self._unreachable("it sends on to an address that is no web page")
        return _Passing(self._unreachable("the connection broke off", _NETWORK_REMEDY))

    def _unreachable(self, reason: str, remedy: str = "") -> IndexUnreachable:
        return IndexUnreachable(self.config.shown, reason, remedy)


class _Nothing:
    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


_NETWORK_REMEDY = "check the URL, the network and the proxy settings, then try again"
_PROXY_REMEDY = "check $HTTPS_PROXY and $NO_PROXY, and that the proxy lets the index through"
_LOGIN_REMEDY = "put user name and password into netrc, or into the URL in $PIP_INDEX_URL"
_CA_REMEDY = "hand in the site's CA with $PIP_CERT, $REQUESTS_CA_BUNDLE or pip's cert setting"
_MEANING = {
    401: ("it wants a login (401)", _LOGIN_REMEDY),
    403: ("it, or a proxy before it, forbids the access (403)", _PROXY_REMEDY),
    407: ("the proxy wants a login (407)", "put user name and password into $HTTPS_PROXY"),
    429: ("it is asked too often (429)", "try again later"),
}


def _piece(response: requests.Response) -> bytes:
    """What has come by now, unpacked, at most some 64 KiB of it; nothing at the end.

    Not iter_content: it waits for a piece to be full, and so for ever where a page drips.
    """
    return bytes(response.raw.read1(_PIECE, decode_content=True))


def _retry_after(text: str, today: datetime) -> float | None:
    """Seconds that a Retry-After header asks for at *today*; None: it asks for none.

    Source: RFC 9110, section 10.2.3: seconds, or a date.
    """
    if text.strip().isdecimal():
        return float(text[:10])
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    if when.tzinfo is None:
        return None
    return max(0.0, (when - today).total_seconds())
