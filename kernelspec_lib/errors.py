"""What goes wrong in the world: network, disk, Docker. A mistake in a user's file is a Finding."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from kernelspec_lib.wording import printable

_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")


def without_credentials(url: str) -> str:
    """*url* without user name, password, query and fragment, fit for a message or a log."""
    bare = _USERINFO.sub("", url)
    return bare.split("?", 1)[0].split("#", 1)[0]


class KernelspecError(Exception):
    """Base of all errors that the command line tells in one sentence."""

    exit_code = 3


class UsageError(KernelspecError):
    """The call itself is wrong: a path that does not exist, an option's value."""

    exit_code = 2

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return self.problem


class PolicyInvalid(UsageError):
    """The site policy has a mistake. Nothing is checked against a policy that cannot be read."""

    def __init__(self, path: str, mistakes: Sequence[str]) -> None:
        super().__init__(path)
        self.path, self.mistakes = path, tuple(mistakes)

    def __str__(self) -> str:
        return "\n".join(("the site policy has a mistake, so nothing was checked:", *self.mistakes))


class FileUnusable(KernelspecError):
    """A file could not be read or written, though its path is right."""

    def __init__(self, path: str, deed: str, reason: str) -> None:
        super().__init__(path, deed, reason)
        self.path, self.deed, self.reason = path, deed, reason

    def __str__(self) -> str:
        return f"cannot {self.deed} {printable(self.path)}: {self.reason}"


@contextmanager
def unusable(path: str, deed: str) -> Iterator[None]:
    """Raises FileUnusable for what the system refuses inside: to *deed* the file *path*."""
    try:
        yield
    except OSError as error:
        raise FileUnusable(path, deed, error.strerror or str(error)) from error


class IndexUnreachable(KernelspecError):
    """The package index did not answer, or not as a package index does."""

    def __init__(self, url: str, reason: str, remedy: str = "", unseen: Sequence[str] = ()) -> None:
        """unseen: the libs that could not be checked, where others could."""
        super().__init__(url, reason, remedy, tuple(unseen))
        self.url, self.reason, self.remedy = url, reason, remedy
        self.unseen = tuple(unseen)

    def __str__(self) -> str:
        told = f"cannot use the package index at {without_credentials(self.url)}: {self.reason}"
        if self.unseen:
            more = f" and {len(self.unseen) - 10} more" if len(self.unseen) > 10 else ""
            told += f"; not checked: {', '.join(self.unseen[:10])}{more}"
        return f"{told}; {self.remedy}" if self.remedy else told


class ToolMissing(KernelspecError):
    """A program that a command needs is not on this machine."""

    def __init__(self, tool: str, purpose: str, remedy: str) -> None:
        super().__init__(tool, purpose, remedy)
        self.tool, self.purpose, self.remedy = tool, purpose, remedy

    def __str__(self) -> str:
        return f"{self.tool} is needed to {self.purpose}, and was not found; {self.remedy}"


class CommandFailed(KernelspecError):
    """A program that a command called ended with an error.

    output: its last lines, most telling last.
    """

    def __init__(self, what: str, returncode: int, output: Sequence[str], remedy: str = "") -> None:
        super().__init__(what, returncode, output, remedy)
        self.what, self.returncode = what, returncode
        self.output, self.remedy = tuple(output), remedy

    def __str__(self) -> str:
        head = f"{self.what} failed (exit {self.returncode})"
        told = "\n".join((head, *(f"  {line}" for line in self.output)))
        return f"{told}\n{self.remedy}" if self.remedy else told


class KernelFailed(KernelspecError):
    """A kernel did not start, or stopped answering."""

    def __init__(self, kernel: str, reason: str, output: Sequence[str] = ()) -> None:
        super().__init__(kernel, reason, output)
        self.kernel, self.reason, self.output = kernel, reason, tuple(output)

    def __str__(self) -> str:
        return "\n".join(
            (f"the kernel {self.kernel} {self.reason}", *(f"  {line}" for line in self.output))
        )


class HubFailed(KernelspecError):
    """The hub's machine cannot be reached, or could not do what was asked. Nothing is half done."""

    def __init__(self, hub: str, reason: str, remedy: str = "") -> None:
        super().__init__(hub, reason, remedy)
        self.hub, self.reason, self.remedy = hub, reason, remedy

    def __str__(self) -> str:
        told = f"{self.hub}: {self.reason}"
        return f"{told}; {self.remedy}" if self.remedy else told
