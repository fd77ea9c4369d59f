"""Why a build failed, read from what it said: the lines that matter, a remedy, whose fault."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from kernelspec_lib.errors import CommandFailed

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
        r"cannot connect to the docker daemon|error during connect|closing transport",
        "the Docker engine went away: start it again",
        _WORLD,
    ),
    _cause(
        r"certificate verify failed|certificate signed by unknown authority|unknown issuer",
        "name the bundle with your site's certificates in REQUESTS_CA_BUNDLE",
        _WORLD,
    ),
    _cause(
        r"temporary failure (in name resolution|resolving)|could not resolve|no such host"
        r"|connection refused|network is unreachable|i/o timeout|max retries exceeded|proxyerror"
        r"|connect timeout|connection timed out|failed to fetch|error sending request",
        "the build did not reach the network: see to the proxy (HTTPS_PROXY), or try --network=host"
        " if the index listens on this machine only",
        _WORLD,
    ),
    _cause(
        r"401 (error|unauthorized)|403 (error|forbidden)|407 proxy",
        "the index or the proxy wants another user or password",
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
        r"|repository does not exist|not found: manifest|manifest for .* not found",
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
        r"no matching distribution found|could not find a version",
        "the index does not give what the lock asks for: see that it answers, and run "
        "`kernelspec resolve` again",
        _WORLD,
    ),
    _cause(
        r"command '[^']*(gcc|g\+\+|cc|clang)[^']*' failed|fatal error: .*\.h: no such file"
        r"|unable to find .*compiler|no such file or directory: '(gcc|g\+\+|cc|cmake)'"
        r"|failed building wheel|failed to build",
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


def build_failed(returncode: int, lines: Sequence[str]) -> BuildFailed:
    """The error of a build that said *lines* and ended with *returncode*."""
    bare = [_PREFIX.sub("", line).strip() for line in lines]
    whole = "\n".join(bare)
    cause = next((one for one in _CAUSES if one.said.search(whole)), None)
    return BuildFailed(
        returncode,
        _telling(bare, cause),
        cause.remedy if cause else "",
        exit_code=cause.exit_code if cause else _WORLD,
    )


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
