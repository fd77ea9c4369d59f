"""What an index says of one package: the page, from JSON (PEP 691) or HTML (PEP 503)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from math import prod
from typing import Any, TypeAlias
from urllib.parse import unquote, urljoin, urlsplit

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag, parse_tag
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from kernelspec_lib.packages.target import Target

_SDIST = (".tar.gz", ".zip")
_LONGEST = 255
_MOST_TAGS = 1000
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
        return min((known[tag] for tag in _tags(self.tags) if tag in known), default=None)

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
    releases: Mapping[Version, tuple[File, ...]] = field(default_factory=dict)

    def of(self, version: Version) -> tuple[File, ...]:
        """The files of *version*; none where there is no such release."""
        return self.releases.get(version, ())

    @property
    def tells_pythons(self) -> bool:
        """Whether the page says of any file which Pythons it is for. Old indexes never do."""
        # Newest first: they are the likeliest to tell it, and no file is made in vain.
        newest = sorted(self.releases, reverse=True)
        return any(one.requires_python for version in newest for one in self.of(version))

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
    return Page(name=name, releases=_Releases(name, files, url))


_Row: TypeAlias = tuple[str, str | None, object, object, object, object, object, object]
"""filename, tags, url, sha256, requires-python, yanked, metadata, size; as yet unchecked."""


class _Releases(Mapping[Version, tuple[File, ...]]):
    """The releases of a page. Most are never asked for: their files are made when they are."""

    def __init__(self, name: str, files: list[Any], base: str) -> None:
        self._base = base
        self._made: dict[Version, tuple[File, ...]] = {}
        self._rows: dict[Version, list[_Row]] = {}
        for row in files:
            if isinstance(row, dict) and isinstance(filename := row.get("filename"), str):
                version, tags = _named(name, filename)
                if version is not None:
                    self._rows.setdefault(version, []).append(_row(filename, tags, row))

    def __getitem__(self, version: Version) -> tuple[File, ...]:
        if version not in self._made:
            rows = self._rows[version]
            self._made[version] = tuple(_from_row(version, row, self._base) for row in rows)
        return self._made[version]

    def __iter__(self) -> Iterator[Version]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def _row(filename: str, tags: str | None, told: dict[str, Any]) -> _Row:
    hashes = told.get("hashes")
    return (
        filename,
        tags,
        told.get("url"),
        hashes.get("sha256") if isinstance(hashes, dict) else None,
        told.get("requires-python"),
        told.get("yanked", False),
        told.get("core-metadata", told.get("dist-info-metadata", False)),
        told.get("size"),
    )


def _from_row(version: Version, row: _Row, base: str) -> File:
    filename, tags, where, sha256, requires, yanked, metadata, size = row
    return File(
        filename=filename,
        version=version,
        url=_joined(base, where) if isinstance(where, str) else "",
        tags=tags,
        requires_python=requires if isinstance(requires, str) else "",
        yanked=(yanked if isinstance(yanked, str) else "") if yanked else None,
        sha256=_sha256(sha256),
        metadata=bool(metadata),
        size=size if isinstance(size, int) and size >= 0 else None,
    )


def from_html(name: str, text: bytes, url: str) -> Page:
    """The page in *text*, which was found at *url*. Raises NoPage.

    Source: PEP 503, PEP 592. A login page is HTML too: one without a single file must at least
    have the title of an index.
    """
    reader = _Links(name, url)
    decoded = text.decode("utf-8", errors="replace")
    try:
        reader.feed(decoded)
        reader.close()
    except AssertionError as error:
        # html.parser gives up so on a section such as <![x[ that HTML has not.
        raise NoPage("it is HTML that cannot be read") from error
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
            filename = unquote(parts.path.rpartition("/")[2])
            version, tags = _named(self.name, filename)
            if version is not None:
                file = File(
                    filename=filename,
                    version=version,
                    url=address.partition("#")[0],
                    tags=tags,
                    requires_python=given.get("data-requires-python") or "",
                    yanked=(given["data-yanked"] or "") if "data-yanked" in given else None,
                    sha256=_sha256(digest),
                    metadata="data-core-metadata" in given or "data-dist-info-metadata" in given,
                )
                self.files.append(file)


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


def _sha256(told: object) -> str | None:
    return told if isinstance(told, str) and _SHA256.fullmatch(told) else None


def _named(name: str, filename: str) -> tuple[Version | None, str | None]:
    """Version and tags; no version for what is no wheel and no source distribution, or has a
    version that nobody can order."""
    # A longer name is no file, and may stand for more tags than there is memory.
    stem, tags = _split(name, filename) if len(filename) <= _LONGEST else ("", None)
    return _version(stem), tags


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


def _page(name: str, files: list[File]) -> Page:
    releases: dict[Version, list[File]] = {}
    for one in files:
        releases.setdefault(one.version, []).append(one)
    return Page(name=name, releases={version: tuple(some) for version, some in releases.items()})


@cache
def _tags(text: str) -> frozenset[Tag]:
    """The tags of a wheel; none where its name stands for more than anybody needs, or is no name.

    Each of the three parts of "py2.py3-none-any" is a list, and a name of 255 letters can stand for
    seventy thousand tags.
    """
    if prod(part.count(".") + 1 for part in text.split("-")) > _MOST_TAGS:
        return frozenset()
    try:
        return parse_tag(text)
    except ValueError:
        return frozenset()


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
