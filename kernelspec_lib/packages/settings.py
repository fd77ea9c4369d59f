"""Where the package index is, and how it is reached, as users of pip and uv expect it."""

from __future__ import annotations

import netrc
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from kernelspec_lib.errors import ToolMissing, UsageError
from kernelspec_lib.packages import pipconf
from kernelspec_lib.packages.keyring import Keyring, Login
from kernelspec_lib.policy import Policy

_TOKEN = re.compile(r"(?=[^/]*[0-9])[A-Za-z0-9+=~]{12,}|[^/]{20,}|[^/]*(?::|%3[Aa])[^/]*")
"""A part of a path that is likely a secret: some indexes are reached by a token in the path."""
_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")
_QUERY = re.compile(r"(?<=://)([^\s?`'\"<>]+)\?[^\s`'\"<>)]*")
_NAMED = re.compile(r"([A-Za-z0-9._-]+)=(?=https?://)")
"""uv lets an index have a name in front of its URL."""
_TRUE = {"1", "true", "yes", "y", "t", "on"}
"""What pip takes for true."""
_SYSTEM_CAS = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where Debian, Red Hat, SUSE and Alpine keep them."""
CONNECTIONS = 12
"""How many an index has to bear at once; more are no faster."""
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexConfig:
    """One package index and the way to it."""

    url: str = field(repr=False)
    """Its root, without user name and password, and without a slash at its end."""
    origin: str
    """Who named it, such as "--index-url" or "$PIP_INDEX_URL"."""
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By scheme, as requests takes them; they may hold a password. Empty: straight to the index."""
    no_proxy: str = ""
    ca_bundle: str | None = None
    """A file of certificates, or a folder; None: the usual ones."""
    system_ca: str | None = None
    """The file of all certificates that this machine trusts, where it has one: pip believes it."""
    client_cert: str | None = field(default=None, repr=False)
    """A file with a certificate and its key, by which the index knows who asks."""
    timeout: float | None = None
    """Seconds that pip was told to wait for a byte; None: nothing was said."""
    retries: int | None = None
    """How often pip was told to try again; None: nothing was said."""
    trusted: bool = False
    """Whether pip was told to take the index's certificate as it is."""
    extra_urls: bool = False
    """Whether pip knows further indexes, or folders of files. They are never asked: whoever puts a
    package of a site's own name on one of them would have it installed."""
    keyring: Keyring | None = field(default=None, repr=False, compare=False)
    """Asked where the index wants a login that nobody gave."""

    @property
    def login(self) -> Login | None:
        """User name and password, as far as they are known by now; None: neither."""
        if self.keyring is not None and self.keyring.found:
            return self.keyring.found
        return (self.username, self.password) if self.username or self.password else None

    @property
    def shown(self) -> str:
        """The URL, fit for a message: no query, and no part of the path that may be a token."""
        parts = urlsplit(self.url)
        path = "/".join(_TOKEN.sub("…", part) for part in parts.path.split("/"))
        return urlunsplit((parts.scheme, parts.netloc, path, "", ""))

    @property
    def is_secret(self) -> bool:
        """Whether the URL itself may hold a token: then nothing of it is kept on disk."""
        return self.shown != self.url

    def hidden(self, text: str) -> str:
        """*text* of another program, without what is secret of URLs and logins."""
        text = _QUERY.sub(r"\1", _USERINFO.sub("", text.replace(self.url, self.shown)))
        for secret in sorted(self._secrets(), key=len, reverse=True):
            text = text.replace(secret, "…")
        return text

    def _secrets(self) -> set[str]:
        username, password = self.login or ("", "")
        # A user name alone is a token; beside a password it is a word that may stand anywhere.
        told = {password, username if not password or _TOKEN.fullmatch(username) else ""}
        told |= {unquote(urlsplit(one).password or "") for one in self.proxies.values()}
        told |= {part for part in urlsplit(self.url).path.split("/") if _TOKEN.fullmatch(part)}
        return {form for one in told if one for form in (one, quote(one, safe=""))}


def for_uv(config: IndexConfig) -> dict[str, str]:
    """The way to the index as uv reads it from its environment, logins left out."""
    told = {f"{scheme.upper()}_PROXY": proxy for scheme, proxy in config.proxies.items()}
    if config.no_proxy:
        from requests.utils import should_bypass_proxies

        # Ranges of addresses are read by requests and not by uv: of the index both think the same.
        free = should_bypass_proxies(config.url, no_proxy=config.no_proxy)
        host = urlsplit(config.url).hostname or ""
        told["NO_PROXY"] = f"{config.no_proxy},{host}" if free else config.no_proxy
    if authorities := config.ca_bundle or config.system_ca:
        told[f"SSL_CERT_{'DIR' if is_folder(authorities) else 'FILE'}"] = authorities
    if config.client_cert:
        told["SSL_CLIENT_CERT"] = config.client_cert
    return told


def is_folder(ca_bundle: str) -> bool:
    """Whether it is a folder of certificates, or several: OpenSSL takes a list of them."""
    return os.pathsep in ca_bundle or Path(ca_bundle).is_dir()


def configure(option: str | None, policy: Policy, environment: Mapping[str, str]) -> IndexConfig:
    """The index in force: *option*, the policy's, the environment's, pip's files', pip's own.

    Raises UsageError for a URL that is none, and for an *option* that names another index than
    the policy; ToolMissing where nobody names an index.
    """
    pip = pipconf.read(environment)
    candidates = list(_named(option, policy, environment, pip))
    _refuse_none(option or policy.index_url, environment, pip)
    url, origin = candidates[0] if candidates else (_default(environment), "pip's default")
    bare, username, password = _parted(url, origin)
    if option and policy.index_url and not policy.other_indexes:
        _refuse_others(bare, policy.index_url)
    if not password:
        username, password = _login(bare, username, candidates[1:], environment)
    proxies, no_proxy = _proxies(environment, pip)
    trusted = _said("trusted-host", environment, pip).split()
    config = IndexConfig(
        url=bare,
        origin=origin,
        username=username,
        password=password,
        proxies=proxies,
        no_proxy=no_proxy,
        ca_bundle=_ca_bundle(environment, pip),
        trusted=urlsplit(bare).hostname in trusted or urlsplit(bare).netloc in trusted,
        extra_urls=any(_said(name, environment, pip) for name in ("extra-index-url", "find-links")),
        system_ca=next((one for one in _SYSTEM_CAS if Path(one).is_file()), None),
        client_cert=_said("client-cert", environment, pip) or None,
        timeout=_number(("timeout", "default-timeout"), environment, pip),
        retries=_whole(_number(("retries",), environment, pip)),
    )
    # The URL itself is what logins are kept under, but it may not stand in an argv with a token.
    places = [] if config.is_secret else [bare]
    places.append(urlsplit(bare).netloc)
    keyring = Keyring(places=places, username=username, environment=environment)
    return config if password else replace(config, keyring=keyring)


def _said(name: str, environment: Mapping[str, str], pip: Mapping[str, str]) -> str:
    """What pip was told as its option *name*: variables stand before files. Empty: nothing."""
    variable = f"PIP_{name.replace('-', '_').upper()}"
    return (environment.get(variable) or pip.get(name, "")).strip()


def unheeded(environment: Mapping[str, str]) -> list[str]:
    """What of pip's settings would change the versions it takes, and has no say here.

    They are of one machine, and a lock is of the kernel: whoever resolves it gets the same.
    """
    pip = pipconf.read(environment)
    off = {"", "0", "false", "no", "off", "n", "f"}
    names = ("constraint", "pre", "no-binary", "only-binary")
    return [one for one in names if _said(one, environment, pip).lower() not in off]


def _number(
    names: tuple[str, ...], environment: Mapping[str, str], pip: Mapping[str, str]
) -> float | None:
    """The number that pip was told as one of *names*. Raises UsageError for what is none."""
    for name in names:
        if told := _said(name, environment, pip):
            if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", told):
                return float(told)
            raise UsageError(f"pip's setting {name} is no number: mend it where pip reads it")
    return None


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def _refuse_none(named: str | None, environment: Mapping[str, str], pip: Mapping[str, str]) -> None:
    """Raises UsageError where pip may ask no index, and nobody *named* one for us."""
    if not named and _said("no-index", environment, pip).lower() in _TRUE:
        raise UsageError(
            "pip is told to ask no index ($PIP_NO_INDEX, or no-index in its configuration); "
            "name the one to check against with --index-url, or as index_url in the site policy"
        )


def _refuse_others(url: str, allowed: str) -> None:
    if url != _parted(allowed, "the site policy")[0]:
        raise UsageError(
            "--index-url names another package index than the site policy, which allows that one "
            "alone; leave the option out, or let the policy say other_indexes: true"
        )


def _named(
    option: str | None, policy: Policy, environment: Mapping[str, str], pip: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Who names an index, the first in force."""
    candidates = (
        (option, "--index-url"),
        (policy.index_url, "the site policy"),
        (environment.get("PIP_INDEX_URL"), "$PIP_INDEX_URL"),
        (environment.get("UV_DEFAULT_INDEX"), "$UV_DEFAULT_INDEX"),
        (environment.get("UV_INDEX_URL"), "$UV_INDEX_URL"),
        (pip.get("index-url"), "pip's configuration"),
    )
    for url, origin in candidates:
        if url and url.strip():
            yield url.strip(), origin


def _login(
    url: str, username: str, others: list[tuple[str, str]], environment: Mapping[str, str]
) -> tuple[str, str]:
    """What the environment has for the index at *url*, whose URL holds no password.

    The policy names an index without a login; the variables and files of each user may name the
    same one with it. *others* are those that are not in force.
    """
    known: list[tuple[str, ...]] = []
    for other, origin in others:
        try:
            bare, *own = _parted(other, origin)
        except UsageError:
            continue  # it is not in force
        if bare == url:
            known.append(tuple(own))
    named = environment.get("UV_DEFAULT_INDEX", "")
    name = _NAMED.match(named)
    if name and _NAMED.sub("", named, count=1).rstrip("/") == url:
        variable = f"UV_INDEX_{re.sub('[^A-Za-z0-9]', '_', name[1]).upper()}"
        parts = ("USERNAME", "PASSWORD")
        known.append(tuple(environment.get(f"{variable}_{part}", "") for part in parts))
    known.append(_from_netrc(urlsplit(url).hostname or "", environment))
    for user, password in known:
        if (user or password) and username in ("", user):
            return user, password
    return username, ""


def _default(environment: Mapping[str, str]) -> str:
    """The index that pip asks when nobody names one. Taken from pip itself: it is pip's to say."""
    try:
        from pip._internal.models.index import PyPI
    except ImportError:
        from kernelspec_lib.packages import binaries

        url = binaries.default_index(environment)
    else:
        url = str(PyPI.simple_url)
    if not url:
        remedy = "name one with --index-url, or as index_url in the site policy"
        raise ToolMissing("pip", "know its default package index", remedy)
    return url


def _parted(url: str, origin: str) -> tuple[str, str, str]:
    """*url* without credentials, the user name, the password."""
    try:
        parts = urlsplit(_NAMED.sub("", url, count=1) if _NAMED.match(url) else url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
        port = "" if parts.port in (None, _PORTS.get(parts.scheme)) else f":{parts.port}"
    except ValueError:
        host, port = "", ""
    if not host or parts.scheme not in ("http", "https") or re.search(r"[\s\x00-\x1f]", url):
        # The URL is not repeated: it may hold a password that stands at a wrong place.
        raise UsageError(
            f"the package index named by {origin} is no http or https URL; "
            "write it as in https://index.example/simple"
        )
    bare = urlunsplit((parts.scheme, host + port, parts.path.rstrip("/"), "", ""))
    return bare, unquote(parts.username or ""), unquote(parts.password or "")


def netrc_path(environment: Mapping[str, str]) -> str:
    """The file with the logins; empty where the environment names none."""
    home = environment.get("HOME")
    return environment.get("NETRC") or (f"{home}/.netrc" if home else "")


def _from_netrc(host: str, environment: Mapping[str, str]) -> tuple[str, str]:
    named = netrc_path(environment)
    try:
        found = netrc.netrc(named).authenticators(host) if named else None
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError):
        found = None  # as requests: a netrc that cannot be read says nothing
    return (found[0] or found[1] or "", found[2] or "") if found else ("", "")


def _proxies(environment: Mapping[str, str], pip: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """By scheme, and the hosts that are reached without.

    As pip: its own setting is for every host. As requests: a variable in small letters stands
    before the same in capitals, and switches it off where it is empty.
    """
    if proxy := _said("proxy", environment, pip):
        return dict.fromkeys(("http", "https"), _with_scheme(proxy)), ""
    found = {}
    for scheme in ("http", "https"):
        for name in (f"{scheme}_proxy", "all_proxy"):
            if proxy := environment.get(name, environment.get(name.upper(), "")):
                found[scheme] = _with_scheme(proxy)
                break
    return found, environment.get("no_proxy", environment.get("NO_PROXY", ""))


def _with_scheme(proxy: str) -> str:
    return proxy if "://" in proxy else f"http://{proxy}"


def _ca_bundle(environment: Mapping[str, str], pip: Mapping[str, str]) -> str | None:
    """In pip's order; SSL_CERT_FILE and SSL_CERT_DIR are what uv and OpenSSL read."""
    return (
        _said("cert", environment, pip)
        or environment.get("REQUESTS_CA_BUNDLE")
        or environment.get("CURL_CA_BUNDLE")
        or environment.get("SSL_CERT_FILE")
        or environment.get("SSL_CERT_DIR")
        or None
    )
