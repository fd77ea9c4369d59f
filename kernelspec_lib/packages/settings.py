"""Where the package index is, and how it is reached, as users of pip and uv expect it."""

from __future__ import annotations

import configparser
import netrc
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from kernelspec_lib.errors import ToolMissing, UsageError
from kernelspec_lib.policy import Policy

_TOKEN = re.compile(r"(?=[^/]*[0-9])[^/]{20,}")
"""A part of a path that is likely a secret: some indexes are reached by a token in the path."""
_SECTIONS = ("global", "install", "download")


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexConfig:
    """One package index and the way to it."""

    url: str
    """Its root, without user name and password, and without a slash at its end."""
    origin: str
    """Who named it, such as "--index-url" or "$PIP_INDEX_URL"."""
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By scheme, as requests takes them; they may hold a password. Empty: straight to the index."""
    no_proxy: str = ""
    ca_bundle: str | None = None
    """A file of certificates; None: those that requests brings."""
    trusted: bool = False
    """Whether pip was told to take the index's certificate as it is."""
    extra_urls: bool = False
    """Whether pip knows further indexes, which are not asked."""

    @property
    def shown(self) -> str:
        """The URL, fit for a message: no query, and no part of the path that may be a token."""
        parts = urlsplit(self.url)
        path = "/".join(_TOKEN.sub("…", part) for part in parts.path.split("/"))
        return urlunsplit((parts.scheme, parts.netloc, path, "", ""))

    def hidden(self, text: str) -> str:
        """*text* of another program, without what of the URL and the login is secret."""
        for secret, told in ((self.url, self.shown), (self.password, "…"), (self.username, "…")):
            text = text.replace(secret, told) if secret else text
        return text


def configure(option: str | None, policy: Policy, environment: Mapping[str, str]) -> IndexConfig:
    """The index in force: *option*, the policy's, the environment's, pip's files', pip's own.

    Raises UsageError for a URL that is none, and ToolMissing where nobody names an index.
    """
    pip = _pip_files(environment)
    url, origin = _named(option, policy, environment, pip)
    bare, username, password = _parted(url, origin)
    host = urlsplit(bare).hostname or ""
    if not username:
        username, password = _from_netrc(host, environment)
    trusted = f"{environment.get('PIP_TRUSTED_HOST', '')} {pip.get('trusted-host', '')}".split()
    return IndexConfig(
        url=bare,
        origin=origin,
        username=username,
        password=password,
        proxies=_proxies(environment, pip),
        no_proxy=environment.get("no_proxy") or environment.get("NO_PROXY") or "",
        ca_bundle=_ca_bundle(environment, pip),
        trusted=host in trusted or urlsplit(bare).netloc in trusted,
        extra_urls=bool(environment.get("PIP_EXTRA_INDEX_URL") or pip.get("extra-index-url")),
    )


def _named(
    option: str | None, policy: Policy, environment: Mapping[str, str], pip: Mapping[str, str]
) -> tuple[str, str]:
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
            # uv lets an index have a name in front: name=https://…
            return re.sub(r"^[A-Za-z0-9_-]+=(?=https?://)", "", url.strip()), origin
    return _default(environment), "pip's default"


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
        parts = urlsplit(url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
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


def _from_netrc(host: str, environment: Mapping[str, str]) -> tuple[str, str]:
    home = environment.get("HOME")
    named = environment.get("NETRC") or (f"{home}/.netrc" if home else "")
    try:
        found = netrc.netrc(named).authenticators(host) if named else None
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError):
        found = None  # as requests: a netrc that cannot be read says nothing
    return (found[0] or found[1] or "", found[2] or "") if found else ("", "")


def _proxies(environment: Mapping[str, str], pip: Mapping[str, str]) -> dict[str, str]:
    if proxy := environment.get("PIP_PROXY") or pip.get("proxy"):
        return {"http": proxy, "https": proxy}
    found = {}
    for scheme in ("http", "https"):
        names = (f"{scheme}_proxy", f"{scheme}_proxy".upper(), "all_proxy", "ALL_PROXY")
        for name in names:
            if environment.get(name):
                found[scheme] = environment[name]
                break
    return found


def _ca_bundle(environment: Mapping[str, str], pip: Mapping[str, str]) -> str | None:
    """In pip's order; SSL_CERT_FILE is what uv and OpenSSL read."""
    return (
        environment.get("PIP_CERT")
        or pip.get("cert")
        or environment.get("REQUESTS_CA_BUNDLE")
        or environment.get("CURL_CA_BUNDLE")
        or environment.get("SSL_CERT_FILE")
        or None
    )


def _pip_files(environment: Mapping[str, str]) -> dict[str, str]:
    """What pip's configuration files say, later ones over earlier ones.

    Source: "Configuration Files" in pip's documentation.
    """
    settings: dict[str, str] = {}
    for path in _pip_paths(environment):
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(path.read_text(encoding="utf-8", errors="replace"))
        except (OSError, configparser.Error):
            continue  # not there, or not to be read: pip would say so itself
        for section in _SECTIONS:
            if parser.has_section(section):
                items = parser.items(section)
                settings |= {key.replace("_", "-"): value for key, value in items}
    return settings


def _pip_paths(environment: Mapping[str, str]) -> Iterator[Path]:
    named = environment.get("PIP_CONFIG_FILE")
    if named == "/dev/null":
        return
    for folder in reversed((environment.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")):
        yield Path(folder) / "pip" / "pip.conf"
    yield Path("/etc/pip.conf")
    if home := environment.get("HOME"):
        yield Path(home) / ".pip" / "pip.conf"
        yield Path(environment.get("XDG_CONFIG_HOME") or f"{home}/.config") / "pip" / "pip.conf"
    if prefix := environment.get("VIRTUAL_ENV"):
        yield Path(prefix) / "pip.conf"
    if named:
        yield Path(named)
