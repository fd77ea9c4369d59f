"""`kernelspec-launch`: what Jupyter calls to start a kernel of a supervised kernel spec.

    kernelspec-launch RESOURCE_DIR CONNECTION_FILE

It starts the container by Docker's API, stays until the kernel ends, and leaves nothing behind.
Standard library only, and nothing of the house: it starts as often as a kernel does.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Start a kernel, and end with its exit code."""
    sys.exit(run(sys.argv[1:]))


def run(words: list[str]) -> int:
    """The exit code of one launch."""
    from kernelspec_lib.launcher import call, connection, launch, supervise
    from kernelspec_lib.launcher.engine import EngineDown
    from kernelspec_lib.launcher.refusal import Refused

    if len(words) != 2 or words[0].startswith("-"):
        sys.stderr.write("usage: kernelspec-launch RESOURCE_DIR CONNECTION_FILE\n")
        return 2
    try:
        called = call.supervised(connection.Connection(words[1]), words[0], os.environ)
        running = launch.start(called)
        end = supervise.Supervisor(running, called.server).wait()
    except (Refused, EngineDown) as error:
        sys.stderr.write(f"kernelspec-launch: {error}\n")
        return 1
    return end.code
