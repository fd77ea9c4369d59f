"""Why a build failed, read from what it said: the lines that matter, a remedy, whose fault."""

from __future__ import annotations

import platform
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from packaging.utils import canonicalize_name

from kernelspec_lib.errors import CommandFailed
from kernelspec_lib.packages import system_packages as compiling

MAX_TOLD = 8
MAX_WIDTH = 200

_WORLD, _FILES = 3, 1
_PREFIX = re.compile(r"^#\d+ (?:\d+\.\d+ )?")
_ECHO = re.compile(r"executor failed running|did not complete successfully|^> \[")
"""The failed step once more, with its whole command."""
_TELLING = re.compile(
    r"\berror\b|\bE: |\bfailed\b|\bcannot\b|no space left|not found|do not match|mismatch"
    r"|no matching distribution|unable to|denied|no such",
    re.IGNORECASE,
)


_UNCOMPILED = (
    re.compile(r"Failed to build `([^`]+)`"),
    re.compile(r"Failed building wheel for (\S+)"),
    re.compile(r"Failed to build '?([\w.-]+)'?"),
)
"""How uv and pip name the library whose build failed."""


class BuildFailed(CommandFailed):
    """`docker build` ended with an error.

    exit_code: 1 where the kernel's own files are the cause, 3 where the world is.
    """

    def __init__(
        self, returncode: int, output: Sequence[str], remedy: str, *, exit_code: int
    ) -> None:
        super().__init__("docker build", returncode, output, remedy)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class _Cause:
    """What a build says when it fails for one reason. An earlier one explains later ones."""

    said: re.Pattern[str]
    remedy: str
    exit_code: int


def _cause(said: str, remedy: str, exit_code: int) -> _Cause:
    return _Cause(re.compile(said, re.IGNORECASE), remedy, exit_code)


_CAUSES = (
    _cause(
        r"no space left on device",
        "the engine's disk is full: `docker builder prune` and `docker image prune` empty it",
        _WORLD,
    ),
    _cause(
        r"cannot allocate memory|Killed signal terminated program",
        "this machine has too little memory for the build: choose a release with a wheel, or "
        "build on a larger one",
        _WORLD,
    ),
    _cause(
        r"cannot connect to the docker daemon|error during connect|closing transport",
        "the Docker engine went away: start it again",
        _WORLD,
    ),
    _cause(
        r"exec format error|no match for platform|does not match the (detected|specified|expected)"
        r"(?: \S+)* platform",
        f"base_image is made for other machines than this one ({platform.machine()}): choose a tag "
        "that has this architecture, or build on a machine that has that one",
        _FILES,
    ),
    _cause(
        r"no basic auth credentials|unauthorized: |failed to authorize|authorization failed"
        r"|denied: requested access|status code \[manifests [^]]*\]: 40[13]",
        "the registry of base_image wants another login: `docker login` there, as the user that "
        "builds",
        _WORLD,
    ),
    _cause(
        r"certificate verify failed|certificate signed by unknown authority|unknown issuer"
        r"|invalid peer certificate",
        "name the bundle with your site's certificates in REQUESTS_CA_BUNDLE",
        _WORLD,
    ),
    _cause(
        r"\b401\s+(error|unauthorized)|\b403\s+(error|forbidden)|\b407\s+proxy"
        r"|tunnel error: proxy authorization required|tunnel connection failed: 40[37]",
        "the index or the proxy wants another user or password",
        _WORLD,
    ),
    _cause(
        r"tunnel error: unsuccessful",
        "the proxy (HTTPS_PROXY) lets nobody through to the index: have it allowed there, or name "
        "the index in NO_PROXY",
        _WORLD,
    ),
    _cause(
        r"status server error|\b50[0234] server error",
        "the index, or the proxy before it, is ill: try again later",
        _WORLD,
    ),
    _cause(
        r"temporary failure (in name resolution|resolving)|could not resolve|no such host"
        r"|name or service not known|connection refused|network is unreachable|i/o timeout"
        r"|max retries exceeded|proxyerror|connect timeout|connection timed out|operation timed out"
        r"|failed to fetch|error sending request",
        "the build did not reach the network: see to the proxy (HTTPS_PROXY), or try --network=host"
        " if the index listens on this machine only",
        _WORLD,
    ),
    _cause(
        r"failed to extract archive|invalid zip file|zip file is (broken|invalid)|badzipfile",
        "the index, or a proxy before it, gives broken files: try again, and tell who runs it",
        _WORLD,
    ),
    _cause(
        r"do not match the hashes|hash mismatch",
        "the index gives other files than those of the lock: run `kernelspec resolve`, and find "
        "out who changed a release",
        _FILES,
    ),
    _cause(
        r"pull access denied|manifest unknown|failed to resolve source metadata"
        r"|repository does not exist|not found: manifest|manifest for .* not found"
        r"|failed to (?:solve|create llb definition): \S+: not found",
        "base_image is neither on this machine nor in its registry: see to its name, or "
        "`docker login`",
        _FILES,
    ),
    _cause(
        r"unable to locate package|has no installation candidate",
        "Debian knows no such package: see to system_packages",
        _FILES,
    ),
    _cause(
        r"wheels with a matching|does not satisfy python|requires a different python"
        r"|is not a supported wheel",
        "base_image has another Python, or another system, than the lock is made for: let "
        "python_version and base_image agree, and run `kernelspec resolve`",
        _FILES,
    ),
    _cause(
        r"no matching distribution found|could not find a version|no solution found",
        "the index does not give what the lock asks for: see that it answers, and run "
        "`kernelspec resolve` again",
        _WORLD,
    ),
    _cause(
        r"command '[^']*(gcc|g\+\+|cc|clang)[^']*' failed|fatal error: .*\.h: no such file"
        r"|unable to find .*compiler|no such file or directory: '(gcc|g\+\+|cc|cmake)'"
        r"|failed building wheel|failed to build[ `']",
        "a library without a wheel is compiled here: add build-essential and the headers it wants "
        "to system_packages, or choose a release with a wheel",
        _FILES,
    ),
    _cause(
        r"no module named pip\b|python3: not found",
        "base_image has no Python with pip: choose another",
        _FILES,
    ),
    _cause(
        r"dockerfile parse error|unknown instruction|failed to read dockerfile",
        "see to the Dockerfile",
        _FILES,
    ),
    _cause(
        r"executor failed running|did not complete successfully|failed to compute cache key",
        "see to the step of the Dockerfile that is named above",
        _FILES,
    ),
)


def build_failed(returncode: int, lines: Sequence[str], given: Collection[str] = ()) -> BuildFailed:
    """The error of a build that said *lines* and ended with *returncode*.

    given: the system packages that it installed.
    """
    bare = [_PREFIX.sub("", line).strip() for line in lines]
    whole = "\n".join(bare)
    cause = _uncompiled(bare, given)
    cause = cause or next((one for one in _CAUSES if one.said.search(whole)), None)
    return BuildFailed(
        returncode,
        _telling(bare, cause),
        cause.remedy if cause else "",
        exit_code=cause.exit_code if cause else _WORLD,
    )


def _uncompiled(lines: Sequence[str], given: Collection[str]) -> _Cause | None:
    """The library that could not be compiled, and what it misses; None where nothing tells."""
    library = next(
        (found for one in _UNCOMPILED for line in lines if (found := one.search(line))), None
    )
    # uv's own advice names a header, and no package.
    clue = compiling.clue([line for line in lines if not line.startswith("hint: ")], given)
    if library is None or clue is None:
        return None
    said = re.compile(f"{re.escape(clue.line)}|{re.escape(library[0])}")
    name = library[1]
    if not clue.packages:
        remedy = (
            f"{name} is compiled here and wants {clue.missing}: add the Debian package that holds "
            "it to system_packages, or choose a release with a wheel"
        )
        return _Cause(said, remedy, _FILES)
    remedy = f"{name} is compiled here: add {_listed(clue.packages, given)} to system_packages"
    usual = compiling.helping(canonicalize_name(re.split("[=@]", name)[0]))
    if others := _listed(usual, (*given, *clue.packages)):
        remedy += f"; it usually needs {others} as well, where the base image lacks them"
    return _Cause(said, remedy, _FILES)


def _listed(packages: Collection[str], given: Collection[str]) -> str:
    """Those of *packages* that are not *given*, as requirements.json writes them."""
    return ", ".join(f'"{one}"' for one in packages if one not in given)


def _telling(lines: Sequence[str], cause: _Cause | None) -> list[str]:
    """The few of *lines* that say what is wrong, in their order; the cause's own first of all."""
    said = [line for line in lines if line and not line.startswith("---")]
    own = [line for line in said if cause and cause.said.search(line)]
    others = [line for line in said if _TELLING.search(line) and not (own and _ECHO.search(line))]
    chosen = set(own[: MAX_TOLD // 2])
    for line in reversed(others or said):
        if len(chosen) >= MAX_TOLD:
            break
        chosen.add(line)
    return list(dict.fromkeys(line[:MAX_WIDTH] for line in said if line in chosen))
