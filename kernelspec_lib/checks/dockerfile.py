"""KS4xx: the Dockerfile."""

from __future__ import annotations

from collections.abc import Iterator

from kernelspec_lib.findings import Finding


def check(text: str | None, path: str) -> Iterator[Finding]:
    """What is wrong with the Dockerfile *text* at *path*; None: there is no such file."""
    if text is None:
        message, hint = "this kernel has no Dockerfile", "copy the one of a new kernel"
        yield Finding.of("KS401", message, f"{hint}: kernelspec new", path=path)
    elif not any(_says_something(line) for line in text.splitlines()):
        message, hint = "this Dockerfile says nothing", "copy the one of a new kernel"
        yield Finding.of("KS401", message, f"{hint}: kernelspec new", path=path)


def _says_something(line: str) -> bool:
    bare = line.strip()
    return bool(bare) and not bare.startswith("#")
