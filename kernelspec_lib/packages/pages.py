"""What an index says of one package: its page, with the files of every release."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from math import prod
from typing import TypeAlias
from urllib.parse import urljoin, urlsplit

import msgspec
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag, parse_tag
from packaging.version import InvalidVersion, Version

from kernelspec_lib.packages.target import Target

_MOST_TAGS = 1000
_MOST_MADE = 16
"""Releases of a page whose files are kept at hand."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_WHOLE = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?/")


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
        return _admits(self.requires_python, target.python_full_version)

    def fits(self, target: Target) -> bool:
        """Whether it is a wheel with a tag of *target*."""
        return self.rank(target) is not None

    def rank(self, target: Target) -> int | None:
        """How much pip of *target* likes this wheel, 0 most; None: it does not fit."""
        return None if self.tags is None else _rank(self.tags, target)

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

    def usable(self, version: Version, target: Target, *, built: bool) -> bool:
        """Whether *version* installs on *target*, if need be from its sources where it may be
        *built*."""
        return any(
            one.installs(target) or (built and one.is_source_for(target))
            for one in self.of(version)
        )

    def has_source_for(self, target: Target) -> bool:
        """Whether *target* may build a final release of it."""
        return any(
            one.is_source_for(target)
            for version, files in self.releases.items()
            if not version.is_prerelease
            for one in files
        )

    def without_sources(self, target: Target) -> Iterator[Version]:
        """The releases that install on *target* as they are, and that it cannot build."""
        for version, files in self.releases.items():
            standing = (one for one in files if one.yanked is None)
            built = any(one.is_source_for(target) for one in files)
            if not built and any(one.installs(target) for one in standing):
                yield version

    def newest_in(self, specifier: SpecifierSet) -> Version | None:
        """The newest release in *specifier*, pre-releases included; None: there is none."""
        admitted = (one for one in self.releases if specifier.contains(one, prereleases=True))
        return max(admitted, default=None)

    def newest_usable(self, specifier: SpecifierSet, target: Target) -> Version | None:
        """The newest final release in *specifier* that *target* installs, if need be from its
        sources; None: there is none."""
        for version in sorted(self.releases, reverse=True):
            admitted = not version.is_prerelease and version in specifier
            if admitted and self.usable(version, target, built=True):
                return version
        return None

    def newest_for(self, target: Target) -> Version | None:
        """The newest final release that installs on *target* as it is; None: there is none."""
        for version in sorted(self.releases, reverse=True):
            if not version.is_prerelease and any(
                one.installs(target) and one.yanked is None for one in self.releases[version]
            ):
                return version
        return None


Row: TypeAlias = tuple[str, str, str | None, str, str | None, bool, int | None]
"""A file as its page tells it: name, url, sha256, Requires-Python, yanked, metadata, size."""
_rows = msgspec.msgpack.Decoder(list[Row]).decode


def packed(base: str, rows: Mapping[str, list[Row]]) -> Releases:
    """The releases of a page at *base*, from the *rows* of each text of a version."""
    pack = msgspec.msgpack.Encoder().encode
    addresses = " ".join(row[1] for some in rows.values() for row in some)
    return Releases(
        base,
        {text: pack(some) for text, some in rows.items() if version(text)},
        plain="?" not in addresses and "@" not in addresses,
    )


class Releases(Mapping[Version, tuple[File, ...]]):
    """The releases of a page. Most are never asked for: they lie here packed, a quarter of the
    page's size, and their files are made when they are wanted."""

    def __init__(self, base: str, rows: Mapping[str, bytes], *, plain: bool = True) -> None:
        """plain: no address in *rows* may hold a signature or a login."""
        self.base, self.rows, self.plain = base, rows, plain
        self._made: dict[Version, tuple[File, ...]] = {}
        self._texts: dict[Version, list[str]] | None = None

    def __getitem__(self, wanted: Version) -> tuple[File, ...]:
        found = self._made.get(wanted)
        if found is None:
            found = tuple(
                file_of(wanted, row, self.base)
                for text in self._spelt()[wanted]
                for row in _rows(self.rows[text])
            )
            if len(self._made) >= _MOST_MADE:
                self._made.clear()
            self._made[wanted] = found
        return found

    def __iter__(self) -> Iterator[Version]:
        return iter(self._spelt())

    def __len__(self) -> int:
        return len(self._spelt())

    def _spelt(self) -> Mapping[Version, list[str]]:
        """The spellings of each version: 1.0 and 1.0.0 are one."""
        if self._texts is None:
            found: dict[Version, list[str]] = {}
            for text in self.rows:
                found.setdefault(version(text) or _NONE, []).append(text)
            self._texts = found
        return self._texts


def file_of(told: Version, row: Row, base: str = "") -> File:
    """The file of the release *told* that *row* says of. base: the address of its page."""
    filename, url, sha256, requires_python, yanked, metadata, size = row
    return File(
        filename=filename,
        version=told,
        url=joined(base, url),
        tags="-".join(filename[:-4].rsplit("-", 3)[1:]) if filename.endswith(".whl") else None,
        requires_python=requires_python,
        yanked=yanked,
        sha256=sha256 if sha256 and _SHA256.fullmatch(sha256) else None,
        metadata=metadata,
        size=size if size is not None and size >= 0 else None,
    )


def joined(base: str, href: str) -> str:
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


# A page has hundreds of files alike, and each is asked for more than once.
@cache
def _rank(tags: str, target: Target) -> int | None:
    known = target.tags
    return min((known[tag] for tag in _tags(tags) if tag in known), default=None)


@cache
def _admits(requires_python: str, python: str) -> bool:
    specifier = _specifier(requires_python)
    return specifier is None or specifier.contains(python, prereleases=True)


@cache
def version(text: str) -> Version | None:
    try:
        return Version(text)
    except (InvalidVersion, ValueError):
        return None


_NONE = Version("0")


@cache
def _specifier(text: str) -> SpecifierSet | None:
    """None where there is no bound, or one that cannot be read, which pip ignores too."""
    try:
        return SpecifierSet(text) if text else None
    except (InvalidSpecifier, ValueError):
        return None
