"""`kernelspec-launch`: what Jupyter calls to start a kernel of a supervised kernel spec.

    kernelspec-launch RESOURCE_DIR CONNECTION_FILE
    sudo -n kernelspec-launch KERNEL_NAME CONNECTION_FILE

It starts the container by Docker's API, stays until the kernel ends, and leaves nothing behind.
Standard library only, and nothing of the house: it starts as often as a kernel does.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from kernelspec_lib.launcher.call import Call
    from kernelspec_lib.launcher.connection import Connection
    from kernelspec_lib.launcher.supervise import Signals

FAILED = 1


def main(policy: str = "/etc/kernelspec/policy.json") -> None:
    """Start a kernel, and end with its exit code. policy: the site's, where this is sudo's root."""
    sys.exit(run(sys.argv[1:], policy))


def run(words: list[str], policy: str) -> int:
    """The exit code of one launch."""
    from kernelspec_lib.launcher import call, connection
    from kernelspec_lib.launcher.refusal import Refused

    if len(words) != 2 or words[0].startswith("-"):
        sys.stderr.write("usage: kernelspec-launch RESOURCE_DIR|KERNEL_NAME CONNECTION_FILE\n")
        return 2
    try:
        # Whose name comes by sudo is never believed, however root came to call this.
        if os.geteuid() == 0 and os.environ.get("SUDO_UID", "0") != "0":
            return _rooted(words, policy)
        opened = connection.Connection(words[1])
    except Refused as error:
        # Without a connection file, nobody can be told but the server's log.
        sys.stderr.write(f"kernelspec-launch: {error}\n")
        return FAILED
    return launched(opened, lambda: call.supervised(opened, words[0], os.environ), _keep)


def _rooted(words: list[str], policy: str) -> int:
    from kernelspec_lib.launcher import rooted

    who, owner = rooted.caller(os.environ)
    opened = rooted.connection(words[1], who.pw_uid, owner)
    return launched(
        opened,
        lambda: rooted.sudo(opened, words[0], who, owner, policy),
        lambda: rooted.drop(owner),
    )


def _keep() -> None:
    """Nothing has to be given up by who never had more."""


def launched(connection: Connection, call: Callable[[], Call], drop: Callable[[], None]) -> int:
    """Start what is called for, and stay until it has ended; or tell why not, in the notebook.

    drop: called before anything is told, which needs no more than the user may do.
    """
    from kernelspec_lib.launcher import (
        cgroups,
        ends,
        launch,
        network,
        notes,
        places,
        supervise,
        terms,
    )
    from kernelspec_lib.launcher.refusal import Refused

    signals = supervise.Signals(os.getppid())
    try:
        called = call()
        signals = supervise.Signals(called.server)
        given = terms.Terms(called.policy, called.asked.get("resources", {}), called.login)
        running = launch.start(called, given)
    except Refused as error:
        drop()
        return _refused(connection, str(error), signals)
    except Exception as error:
        import traceback

        traceback.print_exc()
        drop()
        return _refused(connection, notes.bug(error), signals)
    end = supervise.Supervisor(running, called, signals).wait()
    together = cgroups.strained(called.login) > running.strained
    text = ends.note(end, called, given, together=together)
    network.leave(called)
    drop()
    if text and not end.started:
        return _refused(connection, text, signals)
    if text:
        from kernelspec_lib.launcher import voice

        sys.stderr.write(f"kernelspec-launch: {text}\n")
        told = end.cell and voice.last_words(connection, f"\n{text}\n", end.cell)
        if not told:
            # The cell may have been over before anybody heard that it had begun.
            places.leave_note(connection, called.owner, text)
    return FAILED if end.code is None else end.code


def _refused(connection: Connection, text: str, signals: Signals) -> int:
    from kernelspec_lib.launcher import voice

    sys.stderr.write(f"kernelspec-launch: {text}\n")
    voice.instead(connection, text, signals)
    return FAILED
