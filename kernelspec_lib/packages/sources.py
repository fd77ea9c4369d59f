"""What a release needs, read from its files. No code of a package ever runs for it.

A wheel has a METADATA file, most indexes beside it (PEP 658). A source distribution has a
PKG-INFO, near the front of its archive: of pyspark's 317 MB the first 64 KiB are enough. It is the
truth where it says so (metadata 2.2, PEP 643), and else an approximation: what setup.py would say
is known to setup.py only.
"""

from __future__ import annotations

import io
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from email import policy as email_policy
from email.parser import BytesParser

from packaging.markers import InvalidMarker, Marker
from packaging.version import InvalidVersion, Version

from kernelspec_lib.packages import ranges
from kernelspec_lib.packages.index import Index
from kernelspec_lib.packages.metadata import NOTHING, Metadata, Trust, parsed
from kernelspec_lib.packages.pages import File

_NEAR, _FAR = 64 * 1024, 2 * 1024 * 1024
"""Bytes of a tar.gz that are read: first, and where PKG-INFO did not say all."""
_UNPACKED = 32 * 1024 * 1024
_TEXT = 4 * 1024 * 1024
_MEMBER = re.compile(r"[^/]+/(?:[^/]+/)*?(?P<what>PKG-INFO|[^/]+\.egg-info/requires\.txt)")
_EXACT = Version("2.2")
_LINE = 1000
_UNRULY = re.compile(
    r"(?P<who>[A-Za-z0-9][A-Za-z0-9._-]{0,100}\s*(?:\[[^\]]*\])?)\s*"
    r"(?:\([^()@;]*\)|[<>=!~][^@;]*)(?P<when>;.*)?"
)
_DIST_INFO = re.compile(r"[^/]+\.dist-info/METADATA")
_BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError, EOFError,
    OSError, ValueError, OverflowError,
)  # fmt: skip
"""What zipfile raises for what is no zip, or none that it can read."""


# Its archives end with what setup.py left, 300 MB behind the PKG-INFO, which tells it from 4.0 on.
# Read from whole archives, whose py4j-*.jar is of the version that setup.py pins: tests name which.
_PYSPARK = (
    ("3.4", "py4j==0.10.9.7"),
    ("3.2.2", "py4j==0.10.9.5"),
    ("3.2.1", "py4j==0.10.9.3"),
    ("3.2", "py4j==0.10.9.2"),
    ("3.0", "py4j==0.10.9"),
    ("2.4", "py4j==0.10.7"),
)


def read(
    index: Index,
    name: str,
    files: Sequence[File],
    *,
    built: bool = False,
    most: int = ranges.WHOLE,
) -> Metadata:
    """What the release of *name* with *files* needs. Raises IndexUnreachable.

    files: those of the release that count, wheels before others. built: its sources are meant.
    most: bytes of a wheel, read whole because its server sends no parts of it.
    """
    wheel = next((one for one in files if one.tags is not None and not built), None)
    source = next((one for one in files if one.tags is None), None)
    chosen = wheel or source
    if chosen is None:
        return NOTHING
    if chosen.metadata and (text := _beside(index, chosen)):
        told = _parsed(text)
        return told if wheel is None else replace(told, trust=Trust.EXACT)
    if wheel is not None:
        return _of_wheel(ranges.opened(index, wheel.url, most))
    return _of_source(index, name, chosen, files)


def _beside(index: Index, file: File) -> bytes | None:
    """The metadata beside *file*; None where there is none, or something else."""
    text = index.beginning(f"{file.url}.metadata", _TEXT)
    return text if text and b"Metadata-Version:" in text else None


def _of_source(index: Index, name: str, source: File, files: Sequence[File]) -> Metadata:
    # Wheels for other machines need what the one that is built here will need; those for PyPy may
    # need what stands in there for a part of CPython.
    others = [one for one in files if one.tags is not None and not one.tags.startswith("pp")]
    for other in others:
        if other.metadata and (text := _beside(index, other)):
            return replace(_parsed(text), trust=Trust.APPROXIMATE)
    if source.filename.endswith(".zip"):
        told = _of_zip(index, source)
    else:
        told = _of_tar(index, source, _NEAR)
    if name == "pyspark":
        return _of_pyspark(told, source.version)
    if told.trust is Trust.UNKNOWN and others:
        inside = _of_wheel(ranges.opened(index, others[-1].url, 0))
        if inside.trust is not Trust.UNKNOWN:
            return replace(inside, trust=Trust.APPROXIMATE)
    if told.trust is Trust.UNKNOWN and source.filename.endswith(".tar.gz"):
        return _of_tar(index, source, _FAR)
    return told


def _of_pyspark(told: Metadata, version: Version) -> Metadata:
    for first, needed in _PYSPARK:
        if not told.requires and Version(first) <= version < Version("4"):
            return replace(told, requires=(needed,), trust=Trust.APPROXIMATE)
    return told


def _of_wheel(packed: io.BytesIO | ranges.Remote | None) -> Metadata:
    """What the METADATA of a wheel says; NOTHING where there is no such thing, or more of them."""
    if packed is None:
        return NOTHING
    try:
        with zipfile.ZipFile(packed) as archive:
            inside = [one for one in archive.infolist() if _DIST_INFO.fullmatch(one.filename)]
            text = _unpacked(archive, inside[0]) if len(inside) == 1 else b""
            if b"Metadata-Version:" in text:
                return replace(_parsed(text), trust=Trust.EXACT)
    except _BROKEN:
        pass
    return NOTHING


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """The file *info*, unless it grows beyond all bounds: what it says of its size may be a lie."""
    if info.file_size > _TEXT or info.compress_type not in (
        zipfile.ZIP_STORED,
        zipfile.ZIP_DEFLATED,
    ):
        raise zipfile.BadZipFile("it is too long, or packed so that its length is not known")
    with archive.open(info) as member:
        return member.read(_TEXT)


def _of_zip(index: Index, file: File) -> Metadata:
    found: dict[str, bytes] = {}
    packed = ranges.opened(index, file.url)
    if packed is None:
        return NOTHING
    try:
        with zipfile.ZipFile(packed) as archive:
            for info in archive.infolist():
                _keep(found, info.filename, lambda info=info: _unpacked(archive, info))
    except _BROKEN:
        pass
    return _together(found)


def _of_tar(index: Index, file: File, limit: int) -> Metadata:
    """What the first *limit* bytes of the archive say."""
    # Asked for as a part, it leaves the connection good for the next one.
    part = index.part(file.url, 0, limit)
    packed = part.body if part else index.beginning(file.url, limit)
    return _together(_members(packed or b""))


def _members(packed: bytes) -> dict[str, bytes]:
    """PKG-INFO and requires.txt in what there is of a tar.gz, which may break off anywhere."""
    found: dict[str, bytes] = {}
    try:
        plain = zlib.decompressobj(31).decompress(packed, _UNPACKED)
        with tarfile.open(fileobj=io.BytesIO(plain), mode="r|") as archive:
            for member in archive:
                if member.isfile() and member.size <= _TEXT:
                    _keep(found, member.name, lambda one=member: _contents(archive, one))
    except (tarfile.TarError, zlib.error, EOFError, ValueError):
        pass  # the end of what was read
    return found


def _contents(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    opened = archive.extractfile(member)
    text = opened.read() if opened else b""
    if len(text) < member.size:
        raise EOFError
    return text


def _keep(found: dict[str, bytes], path: str, contents: object) -> None:
    """Keeps what of *path* counts: the PKG-INFO at the root before one deeper in."""
    named = _MEMBER.fullmatch(path.removeprefix("./"))
    if named is None or not callable(contents):
        return
    what = "PKG-INFO" if named["what"] == "PKG-INFO" else "requires.txt"
    if what not in found or path.removeprefix("./").count("/") == 1:
        found[what] = contents()


def _together(found: dict[str, bytes]) -> Metadata:
    """What PKG-INFO says, and requires.txt where that is silent."""
    told = _parsed(found["PKG-INFO"]) if "PKG-INFO" in found else NOTHING
    if told.trust is Trust.EXACT or told.requires:
        return told
    if "requires.txt" in found:
        texts, extras = _from_egg(found["requires.txt"].decode("utf-8", "replace"))
        return replace(
            told,
            requires=_readable(texts),
            unreadable=_unreadable(texts),
            extras=extras,
            trust=Trust.APPROXIMATE,
        )
    return replace(told, trust=Trust.UNKNOWN)


def _parsed(text: bytes) -> Metadata:
    """Source: the specification of core metadata; PEP 643 for what may be relied on."""
    message = BytesParser(policy=email_policy.compat32).parsebytes(text, headersonly=True)
    all_of = {
        name: tuple(str(one).strip() for one in message.get_all(name) or ())
        for name in ("Requires-Dist", "Provides-Extra", "Dynamic")
    }
    try:
        version = Version(str(message.get("Metadata-Version", "1.0")).strip())
    except InvalidVersion:
        version = Version("1.0")
    dynamic = {one.lower() for one in all_of["Dynamic"]}
    texts = all_of["Requires-Dist"]
    requires = _readable(texts)
    exact = version >= _EXACT and "requires-dist" not in dynamic
    return Metadata(
        requires=requires,
        unreadable=_unreadable(texts),
        extras=all_of["Provides-Extra"],
        requires_python=str(message.get("Requires-Python", "")).strip(),
        trust=Trust.EXACT if exact and requires == texts else Trust.APPROXIMATE,
    )


def _readable(texts: Sequence[str]) -> tuple[str, ...]:
    """What of *texts* can be made a requirement."""
    return tuple(one for one in map(_requirement, texts) if one)


def _unreadable(texts: Sequence[str]) -> tuple[str, ...]:
    """Those of *texts* that are none as they stand."""
    return tuple(one for one in texts if parsed(one) is None)


def _requirement(text: str) -> str:
    """*text*, if it can be read; else without its version, if that can: "pytz>=2011k" was written
    before there was a rule. Empty for what names no package of the index.
    """
    told = parsed(text)
    if told is None and len(text) <= _LINE and (found := _UNRULY.fullmatch(text)):
        text = f"{found['who'].strip()}{found['when'] or ''}"
        told = parsed(text)
    return text if told is not None and told.url is None else ""


def _from_egg(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Requirements, as they are written, and extras of an egg's requires.txt.

    Source: "requires.txt" in setuptools' description of eggs: sections [extra:marker].
    """
    requires, extras = [], []
    for extra, marker, line in _lines(text):
        conditions = [f"({marker})"] if marker else []
        if extra:
            extras.append(extra)
            conditions.append(f'extra == "{extra}"')
        own, _, inner = line.partition(";")
        conditions += [f"({inner.strip()})"] if inner.strip() else []
        joined = " and ".join(conditions)
        requires.append(f"{own.strip()}; {joined}" if joined else own.strip())
    return tuple(requires), tuple(dict.fromkeys(extras))


def _lines(text: str) -> Iterator[tuple[str, str, str]]:
    extra = marker = ""
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith("[") and line.endswith("]"):
            extra, _, marker = line[1:-1].partition(":")
            try:
                marker = str(Marker(marker)) if marker else ""
            except (InvalidMarker, RecursionError):
                marker = ""
        elif line and not line.startswith("#"):
            yield extra.strip(), marker, line
