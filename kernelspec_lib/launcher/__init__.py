"""`kernelspec-launch`: what Jupyter calls to start a kernel of a supervised kernel spec.

    kernelspec-launch RESOURCE_DIR CONNECTION_FILE
    sudo -n kernelspec-launch KERNEL_NAME CONNECTION_FILE

It starts the container by Docker's API, stays until the kernel ends, and leaves nothing behind.
Standard library only, and nothing of the house: it starts as often as a kernel does.
"""

from __future__ import annotations

import os
import sys


def main(policy: str = "/etc/kernelspec/policy.json") -> None:
    """Start a kernel, and end with its exit code. policy: the site's, where this is sudo's root."""
    sys.exit(run(sys.argv[1:], policy))


def run(words: list[str], policy: str) -> int:
    """The exit code of one launch."""
    from kernelspec_lib.launcher import call, connection, launch
    from kernelspec_lib.launcher.notes import Refused

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
        return launch.FAILED
    return launch.run(opened, lambda: call.supervised(opened, words[0], os.environ))


def _rooted(words: list[str], policy: str) -> int:
    from kernelspec_lib.launcher import launch, rooted

    who, owner = rooted.caller(os.environ)
    opened = rooted.connection(words[1], who.pw_uid, owner)
    return launch.run(
        opened,
        lambda: rooted.sudo(opened, words[0], who, owner, policy),
        lambda: rooted.drop(owner),
    )
