"""How a kernel ended, and what its user is told of it."""

from __future__ import annotations

import math
import signal
import time

from kernelspec_lib.launcher import notes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from kernelspec_lib.launcher.call import Call
    from kernelspec_lib.launcher.cgroups import Strain
    from kernelspec_lib.launcher.ear import Ear
    from kernelspec_lib.launcher.terms import Terms


_BY_SIGNAL = 128
_KILLED = _BY_SIGNAL + signal.SIGKILL
"""Exit codes, as a shell gives them."""
REAPED = signal.SIGUSR2
"""By which `kernelspec reap` ends a kernel that was idle for too long: it ends like no other."""


class End:
    """How a kernel ended."""

    __slots__ = ("cell", "code", "limit", "oom", "said", "started", "together", "wanted")

    def __init__(
        self, told: Any, said: str, ear: Ear, strain: Strain, own: Strain, wanted: bool
    ) -> None:
        """told: the engine's last words of the container; empty: it does not know, or is down.
        strain: of its user's kernels together. own: of this one."""
        state = told.get("State", {})
        self.code: int | None = state.get("ExitCode")
        """Its exit code; None: nobody knows."""
        starved = own.surely()
        if state.get("Status") == "created" and starved:
            # podman, now and then, of a kernel that has run: with an exit code of 0.
            self.code = _KILLED
        self.said, self.wanted = said, wanted
        """said: the last that it wrote. wanted: it was told to end."""
        self.started, self.cell = ear.heard, ear.cell
        """started: whether it has ever said a word. cell: the header of its last cell's request."""
        # The engine says it of a kernel, too, that has outlived a child or a neighbour.
        self.oom = self.code == _KILLED and (bool(state.get("OOMKilled")) or starved)
        limit = own.limit() if starved else None
        self.limit: float | None = limit or told.get("HostConfig", {}).get("Memory") or None
        """Bytes of memory that it had at last, which need not be what it had at first: podman goes
        on saying that."""
        self.together: float | None = strain.limit() if strain.lately() else None
        """The same of all kernels of its user, where that was too little; None: it was not."""

    @property
    def reaped(self) -> bool:
        """Whether it was ended because it was idle. Nobody needs another at once."""
        return not self.wanted and self.code == _BY_SIGNAL + REAPED


def note(end: End, call: Call, terms: Terms) -> str:
    """Why the kernel ended, for the notebook; empty where nobody has to be told."""
    if end.wanted or end.code == 0:
        return ""
    if end.reaped:
        return notes.reaped(time.strftime("%H:%M"), terms.idle)
    if end.together is not None and end.code == _KILLED:
        return (
            f"The kernel was killed at {time.strftime('%H:%M')}: your kernels together needed more "
            f"memory than the {notes.size(end.together)} that this site gives to one user, though "
            "it need not have been this one that asked for more. All its variables are gone; the "
            f"files in {terms.work.target} are kept. Shut down kernels that you do not need."
        )
    if end.oom:
        return _out_of_memory(end.limit, call, terms)
    engine, lost = call.engine, "All its variables are gone" if end.started else "It never answered"
    if end.code is None:
        return f"The kernel has ended: {engine} was stopped, or its container was removed. {lost}."
    if not end.started:
        return f"The kernel ended while it started, with exit code {end.code}.{_last(end.said)}"
    number = end.code - _BY_SIGNAL
    if number == signal.SIGTERM:
        return (
            f"The kernel was ended from outside, most often because {engine} was stopped. {lost}."
        )
    if number == signal.SIGKILL:
        return (
            "The kernel was killed from outside: by the machine, which does so when memory runs "
            f"out, or by an administrator. {lost}."
        )
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


def _out_of_memory(limit: float | None, call: Call, terms: Terms) -> str:
    bounds = [one["memory"] for one in (terms.maximum, terms.budget) if "memory" in one]
    most = min(bounds, default=None)
    of = f" of {notes.size(limit)}" if limit else ""
    if limit and most and limit >= most:
        more = "That is the most this site gives to one kernel: work on less at once"
    else:
        upto = f", up to {notes.size(most)}" if most else ""
        more = (
            f'For more{upto}, write "resources": {{"memory": "{_twice(limit, most)}"}} into '
            f"requirements.json of the kernel {call.asked['kernel']} and let its pipeline run; or "
            "work on less at once"
        )
    return (
        f"The kernel was killed at {time.strftime('%H:%M')}: it needed more memory than its limit"
        f"{of}. All its variables are gone; the files in {terms.work.target} are kept. {more}."
    )


def _twice(limit: float | None, most: float | None) -> str:
    """Twice the *limit*, at most *most*, as requirements.json has it."""
    wanted = min((limit or 2**29) * 2, most or math.inf)
    for unit, name in ((2**30, "g"), (2**20, "m"), (2**10, "k")):
        if wanted % unit == 0:
            return f"{int(wanted // unit)}{name}"
    return f"{int(wanted)}b"
