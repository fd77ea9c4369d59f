"""A page of an index as it is sent: JSON (PEP 691) or HTML (PEP 503)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import msgspec
from packaging.utils import canonicalize_name

from kernelspec_lib.packages.pages import Page, Row, joined, packed

if TYPE_CHECKING:
    from kernelspec_lib.packages.markup import Attributes

_SDIST = (".tar.gz", ".zip")
_LONGEST = 255
_TITLE = re.compile(r"<title>\s*(links for|index of|simple|directory listing)", re.IGNORECASE)
"""How indexes head a page of a package that has no file (any more)."""


class NoPage(Exception):
    """The text is no page of a package index, whatever its status said."""


class _Hashes(msgspec.Struct, gc=False):
    sha256: str | None = None


class _Digests(msgspec.Struct, gc=False):
    """That a file's metadata lies beside it, with its digests, which are not looked at."""


class _Told(msgspec.Struct, gc=False, rename="kebab"):
    """One file, in the words of PEP 691, PEP 700 and PEP 714."""

    filename: str
    url: str = ""
    hashes: _Hashes | None = None
    requires_python: str | None = None
    yanked: bool | str | None = False
    core_metadata: bool | _Digests | msgspec.UnsetType | None = msgspec.UNSET
    dist_info_metadata: bool | _Digests | None = False
    size: int | None = None


class _Whole(msgspec.Struct, gc=False):
    files: list[_Told]


_whole = msgspec.json.Decoder(_Whole)


def from_json(name: str, text: bytes, url: str) -> Page:
    """The page in *text*, which was found at *url*. Raises NoPage.

    Source: PEP 691, PEP 700. A file that is not as they say is left out, and the rest is used.
    """
    try:
        told = _whole.decode(text).files
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        told = list(_by_and_by(text))
    return Page(name=name, releases=packed(url, _rows(name, told)))


def _by_and_by(text: bytes) -> Iterator[_Told]:
    """The files on a page that is not wholly as it should be. Raises NoPage."""
    try:
        told: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NoPage("it breaks off, or is not JSON") from error
    files = told.get("files") if isinstance(told, dict) else None
    if not isinstance(files, list):
        raise NoPage("it is JSON without a list of files")
    for row in files:
        if isinstance(row, dict) and isinstance(row.get("filename"), str):
            hashes = row.get("hashes")
            sha256 = hashes.get("sha256") if isinstance(hashes, dict) else None
            yanked, size = row.get("yanked"), row.get("size")
            yield _Told(
                filename=_text(row["filename"]),
                url=_text(row.get("url")),
                hashes=_Hashes(sha256=_text(sha256)),
                requires_python=_text(row.get("requires-python")),
                yanked=_text(yanked) if isinstance(yanked, str) else bool(yanked),
                core_metadata=bool(row.get("core-metadata", row.get("dist-info-metadata"))),
                # True is an int, and no size.
                size=size if type(size) is int else None,
            )


def _text(told: object) -> str:
    """*told*, if it is a text; halves of surrogate pairs, which JSON can spell, are no letters."""
    return told.encode("utf-8", "replace").decode("utf-8") if isinstance(told, str) else ""


def _size(told: int | None) -> int | None:
    """A number of bytes that can be one: a page may tell any."""
    return told if told is not None and 0 <= told < 2**63 else None


def _rows(name: str, files: list[_Told]) -> dict[str, list[Row]]:
    grouped: dict[str, list[Row]] = {}
    for one in files:
        text = _version(name, one.filename)
        metadata, yanked = one.core_metadata, one.yanked
        if metadata is msgspec.UNSET:
            metadata = one.dist_info_metadata
        row = (
            one.filename,
            one.url,
            one.hashes.sha256 if one.hashes else None,
            one.requires_python or "",
            (yanked if isinstance(yanked, str) else "") if yanked else None,
            metadata is not None and metadata is not False,
            _size(one.size),
        )
        if text in grouped:
            grouped[text].append(row)
        elif text:
            grouped[text] = [row]
    return grouped


def from_html(name: str, text: bytes, url: str) -> Page:
    """The page in *text*, which was found at *url*. Raises NoPage.

    Source: PEP 503, PEP 592. A login page is HTML too: one without a single file must at least
    have the title of an index.
    """
    # Most indexes send JSON.
    from kernelspec_lib.packages import markup

    decoded = text.decode("utf-8", errors="replace")
    rows: dict[str, list[Row]] = {}
    is_index, base = False, url
    for tag, given in markup.tags(decoded):
        href = given.get("href")
        is_index = is_index or given.get("name") == "pypi:repository-version"
        if tag == "base" and href:
            base = joined(base, href) or base
        if tag == "a" and href:
            version, row = _link(name, joined(base, href), given)
            if version:
                rows.setdefault(version, []).append(row)
    page = Page(name=name, releases=packed(url, rows))
    if not page.releases and not is_index and not _TITLE.search(decoded[:4096]):
        raise NoPage("it is HTML without a single file, such as a login page")
    return page


def _link(name: str, address: str, given: Attributes) -> tuple[str, Row]:
    """The text of the version, and the file; no version where the link leads to no file."""
    parts = urlsplit(address)
    filename = unquote(parts.path.rpartition("/")[2])
    return _version(name, filename), (
        filename,
        address.partition("#")[0],
        parts.fragment.removeprefix("sha256="),
        given.get("data-requires-python") or "",
        (given["data-yanked"] or "") if "data-yanked" in given else None,
        "data-core-metadata" in given or "data-dist-info-metadata" in given,
        None,
    )


def _version(name: str, filename: str) -> str:
    """The text of the version in *filename*; empty for what is no wheel and no sources.

    Source: the specification of binary distributions, for name-version(-build)?-tags.whl.
    """
    # A longer name is no file, and may stand for more tags than there is memory.
    if len(filename) > _LONGEST:
        return ""
    if filename.endswith(".whl"):
        parts = filename.split("-")
        return parts[1] if len(parts) in (5, 6) else ""
    for suffix in _SDIST:
        if filename.endswith(suffix):
            return _behind(name, filename[: -len(suffix)])
    return ""


def _behind(name: str, stem: str) -> str:
    """The version in the *stem* of a source distribution of *name*.

    Old ones have hyphens in either: functools32-3.2.3-1 is 3.2.3.post1.
    """
    parts = stem.split("-")
    for count in range(1, len(parts)):
        if canonicalize_name("-".join(parts[:count])) == name:
            return "-".join(parts[count:])
    return parts[-1]
