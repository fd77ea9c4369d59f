"""What an index says of one package: the page, from JSON (PEP 691) or HTML (PEP 503)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import parse_tag
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from kernelspec_lib.packages.target import Target

_SDIST = (".tar.gz", ".zip")
_LONGEST = 255
_SHA256 = re.compile(r"[0-9a-f]{64}")
_WHOLE = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?/")
_TITLE = re.compile(r"<title>\s*(links for|index of|simple|directory listing)", re.IGNORECASE)
"""How indexes head a page of a package that has no file (any more)."""


class NoPage(Exception):
    """The text is no page of a package index, whatever its status said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file of one release."""

    filename: str
    version: Version
    url: str
    tags: str | None
    """Of a wheel, such as "cp311-cp311-manylinux_2_17_x86_64"; None: a source distribution."""
    requires_python: str = ""
    yanked: str | None = None
    """Why it was withdrawn, often without a word; None: it was not."""
    sha256: str | None = None
    metadata: bool = False
    """Whether its metadata lies beside it, at its URL and ".metadata" (PEP 658)."""
    size: int | None = None
    """Bytes; None: the page does not tell."""

    def admits(self, target: Target) -> bool:
        """Whether its Requires-Python has *target* in it. What cannot be read excludes nobody."""
        specifier = _specifier(self.requires_python)
        return specifier is None or specifier.contains(target.python_full_version, prereleases=True)

    def fits(self, target: Target) -> bool:
        """Whether it is a wheel with a tag of *target*."""
        return self.rank(target) is not None

    def rank(self, target: Target) -> int | None:
        """How much pip of *target* likes this wheel, 0 most; None: it does not fit."""
        if self.tags is None:
            return None
        known = target.tags
        return min((known[tag] for tag in parse_tag(self.tags) if tag in known), default=None)

    def installs(self, target: Target) -> bool:
        """Whether pip of *target* would install it without building anything."""
        return self.admits(target) and self.fits(target)

    def is_source_for(self, target: Target) -> bool:
        """Whether it is a source distribution that *target* may build."""
        return self.tags is None and self.admits(target)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """All files of one package."""

    name: str
    releases: dict[Version, tuple[File, ...]] = field(default_factory=dict)

    def of(self, version: Version) -> tuple[File, ...]:
        """The files of *version*; none where there is no such release."""
        return self.releases.get(version, ())

    @property
    def tells_pythons(self) -> bool:
        """Whether the page says of any file which Pythons it is for. Old indexes never do."""
        return any(one.requires_python for files in self.releases.values() for one in files)

    def newest_for(self, target: Target) -> Version | None:
        """The newest final release that installs on *target* as it is; None: there is none."""
        for version in sorted(self.releases, reverse=True):
            if not version.is_prerelease and any(
                one.installs(target) and one.yanked is None for one in self.releases[version]
            ):
                return version
        return None


def from_json(name: str, text: bytes, url: str) -> Page:
    """The page in *text*, which was found at *url*. Raises NoPage.

    Source: PEP 691, PEP 700. A file that is not as they say is left out, and the rest is used.
    """
    try:
        told: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NoPage("it breaks off, or is not JSON") from error
    files = told.get("files") if isinstance(told, dict) else None
    if not isinstance(files, list):
        raise NoPage("it is JSON without a list of files")
    return _page(name, (one for row in files if (one := _from_row(name, row, url)) is not None))


def _from_row(name: str, row: Any, base: str) -> File | None:
    if not isinstance(row, dict) or not isinstance(row.get("filename"), str):
        return None
    hashes, yanked = row.get("hashes"), row.get("yanked", False)
    requires, where = row.get("requires-python"), row.get("url")
    return _file(
        name,
        filename=row["filename"],
        url=_joined(base, where) if isinstance(where, str) else "",
        requires_python=requires if isinstance(requires, str) else "",
        yanked=(yanked if isinstance(yanked, str) else "") if yanked else None,
        sha256=hashes.get("sha256") if isinstance(hashes, dict) else None,
        metadata=bool(row.get("core-metadata", row.get("dist-info-metadata", False))),
        size=size if isinstance(size := row.get("size"), int) and size >= 0 else None,
    )


def from_html(name: str, text: bytes, url: str) -> Page:
    """The page in *text*, which was found at *url*. Raises NoPage.

    Source: PEP 503, PEP 592. A login page is HTML too: one without a single file must at least
    have the title of an index.
    """
    reader = _Links(name, url)
    decoded = text.decode("utf-8", errors="replace")
    reader.feed(decoded)
    reader.close()
    page = _page(name, reader.files)
    if not page.releases and not reader.seen and not _TITLE.search(decoded[:4096]):
        raise NoPage("it is HTML without a single file, such as a login page")
    return page


class _Links(HTMLParser):
    def __init__(self, name: str, base: str) -> None:
        super().__init__()
        self.name = name
        self.base = base
        self.files: list[File] = []
        self.seen = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        href = given.get("href")
        if tag == "base" and href:
            self.base = _joined(self.base, href) or self.base
        if tag == "meta" and given.get("name") == "pypi:repository-version":
            self.seen = True
        if tag == "a" and href:
            address = _joined(self.base, href)
            parts = urlsplit(address)
            digest = parts.fragment.removeprefix("sha256=")
            found = _file(
                self.name,
                filename=unquote(parts.path.rpartition("/")[2]),
                url=address.partition("#")[0],
                requires_python=given.get("data-requires-python") or "",
                yanked=(given["data-yanked"] or "") if "data-yanked" in given else None,
                sha256=digest,
                metadata="data-core-metadata" in given or "data-dist-info-metadata" in given,
            )
            if found is not None:
                self.files.append(found)


def _joined(base: str, href: str) -> str:
    """The address that *href* means on a page at *base*; empty where it means none."""
    # Nearly every file has a whole address, and pages have thousands: joining them takes longer
    # than reading the page does.
    if _WHOLE.match(href):
        return href
    try:
        address = urljoin(base, href)
        urlsplit(address)
    except ValueError:
        return ""
    return address


def _file(
    name: str,
    *,
    filename: str,
    url: str,
    requires_python: str,
    yanked: str | None,
    sha256: object,
    metadata: bool,
    size: int | None = None,
) -> File | None:
    """None for what is no wheel and no source distribution, or has a version nobody can order."""
    # A longer name is no file, and may stand for more tags than there is memory.
    stem, tags = _split(name, filename) if len(filename) <= _LONGEST else ("", None)
    version = _version(stem)
    if version is None:
        return None
    return File(
        filename=filename,
        version=version,
        url=url,
        tags=tags,
        requires_python=requires_python,
        yanked=yanked,
        sha256=sha256 if isinstance(sha256, str) and _SHA256.fullmatch(sha256) else None,
        metadata=metadata,
        size=size,
    )


def _split(name: str, filename: str) -> tuple[str, str | None]:
    """The text of the version, and the tags of a wheel; ("", None) for neither kind of file.

    Source: the specification of binary distributions, for name-version(-build)?-tags.whl.
    """
    if filename.endswith(".whl"):
        parts = filename[:-4].split("-")
        return (parts[1], "-".join(parts[-3:])) if len(parts) in (5, 6) else ("", None)
    for suffix in _SDIST:
        if filename.endswith(suffix):
            return _behind(name, filename[: -len(suffix)]), None
    return "", None


def _behind(name: str, stem: str) -> str:
    """The version in the *stem* of a source distribution of *name*.

    Old ones have hyphens in either: functools32-3.2.3-1 is 3.2.3.post1.
    """
    parts = stem.split("-")
    for count in range(1, len(parts)):
        if canonicalize_name("-".join(parts[:count])) == name:
            return "-".join(parts[count:])
    return parts[-1]


def _page(name: str, files: Iterator[File] | list[File]) -> Page:
    releases: dict[Version, list[File]] = {}
    for one in files:
        releases.setdefault(one.version, []).append(one)
    return Page(name=name, releases={version: tuple(some) for version, some in releases.items()})


@cache
def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except (InvalidVersion, ValueError):
        return None


@cache
def _specifier(text: str) -> SpecifierSet | None:
    """None where there is no bound, or one that cannot be read, which pip ignores too."""
    try:
        return SpecifierSet(text) if text else None
    except (InvalidSpecifier, ValueError):
        return None
