"""uv in a subprocess: which releases stand together on a Python that is not the running one.

It is handed re-serialised requirements and a configuration of our own, and no file of the user's.
It builds nothing: code of a package never runs here.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from kernelspec_lib import waking
from kernelspec_lib.errors import IndexUnreachable
from kernelspec_lib.packages import binaries, children, settings
from kernelspec_lib.packages.metadata import NOTHING, Metadata
from kernelspec_lib.packages.settings import IndexConfig
from kernelspec_lib.packages.target import Target

if TYPE_CHECKING:
    from kernelspec_lib.packages.pylock import Pin

TIMEOUT = 120
"""Seconds for one resolution; a cold one of a hundred packages takes two."""
_INDEX = "site"
_KNOWN_GLIBC = (17, 28, *range(31, 41))
"""The minor versions of manylinux_2_N that uv knows as platforms."""
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A set of releases that stand together."""

    pins: tuple[Pin, ...]
    remarks: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """uv found none, or could not look. Its exit code does not tell the two apart."""

    text: str
    nearest: Compiled | None = None
    """What it chose before those releases were barred that do not install."""


class Question:
    """uv, at work on what it was asked. It is ended by `answer` or by `end`."""

    def __init__(
        self, process: subprocess.Popen[str], config: IndexConfig, until: ExitStack, *, new: bool
    ) -> None:
        """until: what uv needs until it has ended, itself included."""
        self._process, self._config, self._until = process, config, until
        self.new = new
        """Whether nothing was kept before: all that it says is of this very run."""

    def answer(self, timeout: float = TIMEOUT) -> Compiled | Refused:
        """What uv says, once it does. timeout: seconds for which it is waited for.

        Raises IndexUnreachable where it came to no end.
        """
        # While it is at work.
        from kernelspec_lib.packages import pylock

        with self._until:
            try:
                done = children.finish(self._process, timeout)
            except subprocess.TimeoutExpired:
                reason = f"uv came to no end in {timeout:.0f} s"
                remedy = "bound the libs more narrowly, or try again"
                raise IndexUnreachable(self._config.shown, reason, remedy) from None
            if done.returncode != 0:
                return Refused(text=self._config.hidden(done.stderr))
            pins = pylock.read(done.stdout, done.stderr)
            return Compiled(pins=tuple(pins), remarks=done.stderr)

    def end(self) -> None:
        """Nobody wants the answer any more, if it was not given yet."""
        self._until.close()


def ask(
    requirements: Sequence[Requirement],
    config: IndexConfig,
    target: Target,
    environment: Mapping[str, str],
    cache: Path | None,
    *,
    sources: Mapping[str, Mapping[Version, Metadata]] | None = None,
    without_sources: Collection[tuple[str, Version]] = (),
    constraints: Sequence[str] = (),
    finals_only: bool = False,
    preferred: Mapping[str, Version] | None = None,
    fresh: bool = False,
) -> Question:
    """uv, asked for releases for *requirements* on *target*. Raises ToolMissing.

    cache: where uv keeps what it downloaded; None: nowhere. fresh: ask the index for everything.
    sources: the packages that may have no wheel, with what is known of their releases. A release
    of which nothing is known is taken to need nothing, so that no code ever runs to say what.
    without_sources: their releases that have wheels alone. uv sees no wheel of what it may build:
    it is shown empty archives in their place, and never opens one. constraints: requirements that
    ask for nothing, and bind what is there. finals_only: no pre-releases but of what the
    requirements themselves want so. preferred: releases to take where they can be, by name.
    """
    binary = binaries.find(environment)
    sources = sources or {}
    with ExitStack() as until:
        folder = Path(until.enter_context(tempfile.TemporaryDirectory(prefix="kernelspec-")))
        kept = until.enter_context(_cache(cache))
        new = not any(kept.glob("simple-v*"))
        options = _written(folder, requirements, constraints, _settings(config, sources, fresh))
        options += _preferring(folder, preferred or {})
        options += ["--cache-dir", str(kept), *(["--refresh"] if fresh else [])]
        options += ["--prerelease", "explicit"] if finals_only else []
        options += _building(folder, sources, without_sources)
        command = [binary, "pip", "compile", *options, *_options(target)]
        seen = _environment(config, environment)
        process = children.start(command, folder=str(folder), environment=seen)
        until.callback(children.give_up, process)
        return Question(process, config, until.pop_all(), new=new)


def _written(
    folder: Path, requirements: Sequence[Requirement], constraints: Sequence[str], settings_: str
) -> list[str]:
    """The options with which uv reads what is written to *folder*."""
    asked, bounds, ours = folder / "libs.in", folder / "constraints.in", folder / "uv.toml"
    asked.write_text("".join(f"{one}\n" for one in requirements), encoding="ascii")
    bounds.write_text("".join(f"{one}\n" for one in constraints), encoding="ascii")
    ours.touch(0o600)
    ours.write_text(settings_, encoding="utf-8")
    options = [str(asked), "--config-file", str(ours)]
    return [*options, "--constraint", str(bounds)] if constraints else options


def _building(
    folder: Path, names: Iterable[str], without_sources: Collection[tuple[str, Version]]
) -> list[str]:
    """The options with which uv takes sources of *names*, and finds empty ones in *folder*."""
    stock = folder / "stock"
    if without_sources:
        stock.mkdir()
        for name, version in without_sources:
            (stock / f"{name.replace('-', '_')}-{version}.tar.gz").touch()
    shown = ["--find-links", str(stock)] if without_sources else []
    return [*shown, *(f"--no-binary={name}" for name in names)]


def _preferring(folder: Path, preferred: Mapping[str, Version]) -> list[str]:
    """The options with which uv prefers what it finds in the lock that it is to write anew."""
    if not preferred:
        return []
    lines = ['lock-version = "1.0"', 'created-by = "kernelspec"']
    for name, version in preferred.items():
        lines += ["[[packages]]", f"name = {json.dumps(name)}", f'version = "{version}"']
    lock = folder / "pylock.toml"
    lock.write_text("\n".join(lines) + "\n", encoding="ascii")
    return ["--output-file", str(lock)]


def _options(target: Target) -> list[str]:
    aimed = ["--python-version", target.python_full_version, "--python-platform", _platform(target)]
    # The interpreter that runs is named so that uv looks for no other; it decides nothing.
    still = ["--only-binary", ":all:", "--python", sys.executable, "--no-python-downloads"]
    plain = ["--no-header", "--format", "pylock.toml", "--color", "never", "--no-progress"]
    return [*aimed, *still, *plain]


def _platform(target: Target) -> str:
    if target.musl:
        return f"{target.machine}-unknown-linux-musl"
    major, minor = target.glibc
    known = max((one for one in _KNOWN_GLIBC if one <= minor), default=_KNOWN_GLIBC[0])
    return f"{target.machine}-manylinux_{major}_{known}"


def _settings(
    config: IndexConfig, sources: Mapping[str, Mapping[Version, Metadata]], fresh: bool
) -> str:
    # Index servers seldom say how long anything is good for; without that uv asks for every page
    # at every run, and for the metadata inside each wheel. Ten minutes; before anything is called
    # wrong, the pages are asked for afresh. What is told here counts more than --refresh does.
    kept = ['files = "max-age=600"', *([] if fresh else ['api = "max-age=600"'])]
    lines = [
        "[[index]]",
        f'name = "{_INDEX}"',
        f"url = {json.dumps(config.url)}",
        "default = true",
        f"cache-control = {{ {', '.join(kept)} }}",
    ]
    if config.trusted:
        host = json.dumps(urlsplit(config.url).netloc)
        lines.insert(0, f"allow-insecure-host = [{host}]")
    for name, releases in sources.items():
        # Without a version, so that it holds for every other one: where uv finds no metadata it
        # builds, and runs the package's own code.
        lines += _metadata(name, None, NOTHING)
        for version, metadata in releases.items():
            lines += _metadata(name, version, metadata)
    return "\n".join(lines) + "\n"


def _metadata(name: str, version: Version | None, metadata: Metadata) -> Iterator[str]:
    yield "[[dependency-metadata]]"
    yield f"name = {json.dumps(name)}"
    if version is not None:
        yield f'version = "{version}"'
    yield f"requires-dist = {json.dumps(list(metadata.requires))}"
    yield f"provides-extra = {json.dumps(_extras(metadata))}"


def _extras(metadata: Metadata) -> list[str]:
    """Normalised, and only what uv can read: one bad name would make it refuse all."""
    return sorted({canonicalize_name(one) for one in metadata.extras if _NAME.fullmatch(one)})


def _environment(config: IndexConfig, environment: Mapping[str, str]) -> dict[str, str]:
    """What uv may see: no setting of the user's, and the credentials, which no argv ever holds."""
    seen = waking.bare(environment) | settings.for_uv(config)
    seen |= {"UV_HTTP_RETRIES": "1", "UV_HTTP_TIMEOUT": f"{min(config.timeout or 30, 300):.0f}"}
    if config.login is not None:
        seen[f"UV_INDEX_{_INDEX.upper()}_USERNAME"] = config.login[0]
        seen[f"UV_INDEX_{_INDEX.upper()}_PASSWORD"] = config.login[1]
    return seen


@contextmanager
def _cache(wanted: Path | None) -> Iterator[Path]:
    """*wanted* if it can be written to, as a home need not be; else a folder that goes away."""
    if wanted is not None:
        try:
            wanted.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=wanted):
                pass
        except OSError:
            wanted = None
    if wanted is not None:
        yield wanted
        return
    with tempfile.TemporaryDirectory(prefix="kernelspec-cache-") as folder:
        yield Path(folder)
