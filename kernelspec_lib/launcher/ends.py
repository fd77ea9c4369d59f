"""How a kernel ended, and what its user is told of it."""

from __future__ import annotations

import signal
import time

from kernelspec_lib.launcher import notes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kernelspec_lib.launcher.call import Call
    from kernelspec_lib.launcher.ear import Ear
    from kernelspec_lib.launcher.terms import Terms


_BY_SIGNAL = 128
_KILLED = _BY_SIGNAL + signal.SIGKILL
"""Exit codes, as a shell gives them."""
REAPED = signal.SIGUSR2
"""By which `kernelspec reap` ends a kernel that was idle for too long: it ends like no other."""


class End:
    """How a kernel ended."""

    __slots__ = ("cell", "code", "oom", "said", "started", "wanted")

    def __init__(self, code: int | None, said: str, ear: Ear, *, oom: bool, wanted: bool) -> None:
        self.code = code
        """Its exit code; None: the engine does not know, or is down."""
        self.said, self.oom, self.wanted = said, oom, wanted
        """said: the last that it wrote. wanted: it was told to end."""
        self.started, self.cell = ear.heard, ear.cell
        """started: whether it has answered once. cell: the header of its last cell's request."""

    @property
    def reaped(self) -> bool:
        """Whether it was ended because it was idle. Nobody needs another at once."""
        return not self.wanted and self.code == _BY_SIGNAL + REAPED


def note(end: End, call: Call, terms: Terms, *, together: bool) -> str:
    """Why the kernel ended, for the notebook; empty where nobody has to be told.

    together: all kernels of the user came upon their common limit while it ran.
    """
    if end.wanted or end.code == 0:
        return ""
    if end.reaped:
        return notes.reaped(time.strftime("%H:%M"), terms.idle)
    if together and end.code == _KILLED and "memory" in terms.budget:
        return (
            f"The kernel was killed at {time.strftime('%H:%M')}: your kernels together needed more "
            f"memory than the {notes.size(terms.budget['memory'])} that this site gives to one "
            f"user. All its variables are gone; the files in {terms.work.target} are kept. Shut "
            "down kernels that you do not need."
        )
    if end.oom:
        return _out_of_memory(call, terms)
    lost = "All its variables are gone" if end.started else "It never answered"
    if end.code is None:
        return f"The kernel has ended: Docker was stopped, or its container was removed. {lost}."
    if not end.started:
        return f"The kernel ended while it started, with exit code {end.code}.{_last(end.said)}"
    number = end.code - _BY_SIGNAL
    if number == signal.SIGTERM:
        return f"The kernel was ended from outside, most often because Docker was stopped. {lost}."
    if number == signal.SIGKILL:
        return f"The kernel was killed from outside, by an administrator or by the machine. {lost}."
    if number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE):
        name = signal.Signals(number).name
        return (
            f"The kernel crashed in compiled code ({name}), most often that of the library that "
            f"the last cell used. {lost}.{_last(end.said)}"
        )
    return f"The kernel ended with exit code {end.code}. {lost}.{_last(end.said)}"


def _last(said: str) -> str:
    lines = [line for line in said.splitlines() if line.strip()][-10:]
    return "\n".join([" The last that it wrote:", *lines]) if lines else ""


def _out_of_memory(call: Call, terms: Terms) -> str:
    limit, most = terms.limits.get("memory"), terms.maximum.get("memory")
    of = f" of {notes.size(limit)}" if limit else ""
    if limit and most and limit >= most:
        more = "That is the most this site gives to one kernel: work on less at once"
    else:
        upto = f", up to {notes.size(most)}" if most else ""
        twice = f"{max(int((limit or 2**30) * 2 // 2**20), 1)}m"
        if most and limit and limit * 2 > most:
            twice = f"{int(most // 2**20)}m"
        more = (
            f'For more{upto}, write "resources": {{"memory": "{twice}"}} into requirements.json of '
            f"the kernel {call.asked['kernel']} and let its pipeline run; or work on less at once"
        )
    return (
        f"The kernel was killed at {time.strftime('%H:%M')}: it needed more memory than its limit"
        f"{of}. All its variables are gone; the files in {terms.work.target} are kept. {more}."
    )
