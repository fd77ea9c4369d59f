"""What can be wrong with the way to an index, from how it shows: cause, remedy, and what it means.

The texts of libraries are read and never repeated: they may hold a URL's secrets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

from requests import exceptions
from urllib3.exceptions import ReadTimeoutError

from kernelspec_lib.packages.connections import TooSlow


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One failure."""

    reason: str
    remedy: str = ""
    passing: bool = False
    """Whether another try may mend it."""
    pause: float | None = None
    """Seconds to wait before it, if the index says so."""
    whole: bool = False
    """Whether no other page can be had either."""
    telling: bool = True
    """Whether a page that keeps failing so says something of the index as a whole."""


_PASSING = {408, 429, 500, 502, 503, 504, 520, 522, 524}
_NETWORK = "check the URL, the network and the proxy settings, then try again"
_PROXY = "check $HTTPS_PROXY and $NO_PROXY, and that the proxy lets the index through"
_LOGIN = "put user name and password into netrc, or into the URL in $PIP_INDEX_URL"
_WRONG = "correct user name and password in the URL, netrc, the environment or the keyring"
_RIGHT = "ask who looks after it: your login may lack a right, or it holds this page back"
_SOCKS = "install what speaks with it: pip install PySocks"
_CA = "hand in the site's CA with $PIP_CERT, $REQUESTS_CA_BUNDLE or pip's cert setting"
UNTRUSTED = Fault(reason="its certificate is not trusted here", remedy=_CA, whole=True)
_SQUID = {
    "ERR_ACCESS_DENIED": "the proxy forbids the way to it",
    "ERR_CONNECT_FAIL": "the proxy cannot connect to it",
    "ERR_DNS_FAIL": "the proxy does not know its host",
    "ERR_READ_TIMEOUT": "the proxy gets no answer from it in time",
    "ERR_SECURE_CONNECT_FAIL": "the proxy cannot make a TLS connection to it",
}
"""What squid's names for its own errors mean."""
_WORDS = {
    401: ("it wants a login (401)", _LOGIN),
    403: ("it forbids the access (403)", _RIGHT),
    407: ("the proxy wants a login (407)", "put user name and password into $HTTPS_PROXY"),
    429: ("it is asked too often (429)", "try again later"),
}


def of_status(
    status: int, headers: Mapping[str, str], *, proxied: bool, known: bool, today: datetime
) -> Fault | None:
    """None: it is an answer, be it that there is no such page.

    proxied, known: whether the request went through a proxy, and had a login.
    """
    # squid says in a header that an answer is its own; other proxies say nothing.
    proxy = headers.get("x-squid-error", "").partition(" ")[0]
    if status in (200, 404, 410) and not proxy:
        return None
    reason, remedy = _WORDS.get(status, (f"it answers with status {status}", ""))
    if status == 403 and proxied:
        reason, remedy = "it, or the proxy before it, forbids the access (403)", _PROXY
    if status == 401 and known:
        reason, remedy = "it refuses this login (401)", _WRONG
    if proxy and status != 407:
        told = _SQUID.get(proxy, f"the proxy answers with status {status}")
        reason, remedy = f"{told} ({proxy})", _PROXY
    return Fault(
        reason=reason,
        remedy=remedy,
        passing=status in _PASSING,
        pause=retry_after(headers.get("retry-after", ""), today) if status in _PASSING else None,
        # A proxy's rules are for hosts, and not for pages.
        whole=status in (401, 407) or proxy == "ERR_ACCESS_DENIED",
        telling=status not in _PASSING or status == 429,
    )


def of_error(error: Exception) -> Fault:
    """What *error* of requests or urllib3 says of the index."""
    text = str(error)
    if isinstance(error, TooSlow):
        return Fault(reason="it answers too slowly", remedy=_NETWORK)
    if isinstance(error, exceptions.InvalidSchema) and "SOCKS" in text:
        return Fault(reason="the proxy is one of SOCKS", remedy=_SOCKS, whole=True)
    if refused := re.search(r"Tunnel connection failed: (\d{3})|\b(407) Proxy", text):
        status = int(refused[1] or refused[2])
        if status in _PASSING:
            reason = f"the proxy gets no answer from it (status {status})"
            return Fault(reason=reason, remedy=_PROXY, passing=True)
        reason = f"the proxy refuses with status {status}"
        return Fault(reason=reason, remedy=_PROXY, whole=True)
    if isinstance(error, exceptions.ProxyError):
        return Fault(reason="the proxy does not answer", remedy=_PROXY, passing=True)
    if isinstance(error, exceptions.SSLError) or "CERTIFICATE_VERIFY" in text:
        return _of_tls(text)
    if isinstance(error, exceptions.Timeout | ReadTimeoutError) or "timed out" in text:
        return Fault(reason="it does not answer in time", remedy=_NETWORK, passing=True)
    if "resolve" in text or "Name or service" in text or "getaddrinfo" in text:
        return Fault(reason="its host is not known", remedy=_NETWORK, passing=True)
    if "refused" in text:
        return Fault(reason="it refuses the connection", remedy=_NETWORK, passing=True)
    if isinstance(error, exceptions.InvalidURL | exceptions.InvalidSchema | UnicodeError):
        return Fault(reason="its URL, or the proxy's, cannot be used")
    if isinstance(error, ValueError) and not isinstance(error, exceptions.RequestException):
        # requests looks at where it is sent on to before it is asked to go there.
        return Fault(reason="it sends on to an address that is no web page")
    return Fault(reason="the connection broke off", remedy=_NETWORK, passing=True)


def _of_tls(text: str) -> Fault:
    """Source: what OpenSSL calls it."""
    if "certificate has expired" in text:
        remedy = "ask who looks after the index to renew it"
        return Fault(reason="its certificate has expired", remedy=remedy, whole=True)
    if "mismatch" in text or "doesn't match" in text or "is not valid for" in text:
        remedy = "check the host in the URL"
        return Fault(reason="its certificate is for another host", remedy=remedy, whole=True)
    if "certificate required" in text.lower().replace("_", " "):
        remedy = "name one in $PIP_CLIENT_CERT"
        return Fault(reason="it wants a client certificate", remedy=remedy, whole=True)
    if "WRONG_VERSION_NUMBER" in text or "HTTP_REQUEST" in text or "RECORD_LAYER" in text:
        remedy = "does its URL begin with http, and not https?"
        return Fault(reason="it does not speak TLS", remedy=remedy, whole=True)
    if "CERTIFICATE_VERIFY" in text:
        return UNTRUSTED
    return Fault(reason="the TLS connection broke off", remedy=_NETWORK, passing=True)


def retry_after(text: str, today: datetime) -> float | None:
    """Seconds that a Retry-After header asks for at *today*; None: it asks for none.

    Source: RFC 9110, section 10.2.3: seconds, or a date.
    """
    if text.strip().isdecimal():
        return float(text.strip()[:10])
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    if when.tzinfo is None:
        return None
    return max(0.0, (when - today).total_seconds())
