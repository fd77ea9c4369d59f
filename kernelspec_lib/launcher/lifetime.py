"""One launch, from the call to the end of the kernel, and what its user is told of it."""

from __future__ import annotations

import os
import sys

from kernelspec_lib.launcher import ends, launch, network, notes, places
from kernelspec_lib.launcher.refusal import Refused
from kernelspec_lib.launcher.supervise import Signals, Supervisor
from kernelspec_lib.launcher.terms import Terms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from kernelspec_lib.launcher.call import Call
    from kernelspec_lib.launcher.connection import Connection

FAILED = 1


def run(
    connection: Connection, call: Callable[[], Call], drop: Callable[[], None] | None = None
) -> int:
    """The exit code of what is called for; where it cannot start, the notebook is told why.

    drop: called before anything is told, which needs no more than the user may do.
    """
    signals = Signals()
    # Behind sudo, that is sudo: what Jupyter kills when it kills its client.
    signals.end_with(os.getppid())
    try:
        called = call()
        signals.end_with(called.server)
        terms = Terms(called.policy, called.asked.get("resources", {}), called.login)
        running = launch.start(called, terms)
    except Exception as error:
        text = str(error)
        if not isinstance(error, Refused):
            import traceback

            traceback.print_exc()
            text = notes.bug(error)
        if drop:
            drop()
        return _instead(connection, text, signals)
    end = Supervisor(running, called, signals).wait()
    network.leave(called)
    if drop:
        drop()
    if text := ends.note(end, called, terms):
        # Jupyter would start another one at once for which nobody has asked.
        if not end.started or end.reaped:
            return _instead(connection, text, signals)
        _at_last(connection, called, text, end.cell)
    return FAILED if end.code is None else end.code


def _instead(connection: Connection, text: str, signals: Signals) -> int:
    """Answer in place of a kernel."""
    from kernelspec_lib.launcher import voice

    sys.stderr.write(f"kernelspec-launch: {text}\n")
    voice.instead(connection, text, signals)
    return FAILED


def _at_last(connection: Connection, call: Call, text: str, cell: object) -> None:
    """Say *text* below *cell*; in the first cell of the next kernel, where none was running."""
    from kernelspec_lib.launcher import voice

    sys.stderr.write(f"kernelspec-launch: {text}\n")
    if not cell or not voice.last_words(connection, f"\n{text}\n", cell):
        # The cell may have been over before anybody heard that it had begun.
        places.leave_note(connection, call.owner, text)
