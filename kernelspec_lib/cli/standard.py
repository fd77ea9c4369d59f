"""Standard output and standard error, which say themselves that they take no more.

A write that fails is told where it happens: an error of a file that code met elsewhere looks the
same afterwards, and what could not be written is no longer in the stream that one could ask.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from kernelspec_lib.errors import KernelspecError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class OutputUnwritable(KernelspecError):
    """Standard output or standard error takes no more: a full disk, or a reader that has gone."""

    def __init__(self, descriptor: int, error: OSError) -> None:
        super().__init__(descriptor, error)
        self.descriptor = descriptor
        self.reason = error.strerror or str(error)
        self.unread = error.errno == errno.EPIPE
        """Whoever read it had enough, as `head` has: that is no news."""

    def __str__(self) -> str:
        return f"standard {_NAMES[self.descriptor]} cannot be written to: {self.reason}"

    def forget(self) -> None:
        """Lets nothing fail there again: what is left in the stream is dropped at the end."""
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.descriptor)


_NAMES = {1: "output", 2: "error"}


class _Raw(io.FileIO):
    """One of the two, below all that buffers."""

    def write(self, told: ReadableBuffer, /) -> int:
        """Raises OutputUnwritable."""
        try:
            return super().write(told)
        except OSError as error:
            raise OutputUnwritable(self.fileno(), error) from error


def take_over() -> None:
    """Lets all that prints in this process, click and rich too, raise OutputUnwritable."""
    sys.stdout.flush()
    # An arrow that the terminal's encoding does not have is no reason to fail.
    sys.stdout = _telling(sys.stdout, "replace")
    sys.stderr = _telling(sys.stderr, "backslashreplace")


def _telling(stream: TextIO, errors: str) -> TextIO:
    if type(stream) is not io.TextIOWrapper or stream.fileno() not in _NAMES:
        return stream  # closed from the start, or somebody's who collects what is printed
    return io.TextIOWrapper(
        io.BufferedWriter(_Raw(stream.fileno(), "wb", closefd=False)),
        encoding=stream.encoding,
        errors=errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
