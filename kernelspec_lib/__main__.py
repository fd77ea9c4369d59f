"""The program: it says again what it said a moment ago of the same files, or looks at them."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress

from kernelspec_lib import keeping, waking

_JUDGING = {"validate", "resolve", "lint"}
"""Commands that leave nothing behind but what they wrote."""


def main() -> None:
    """Run the command line."""
    # A run lives for a second, and most of what it makes until its end: looking for circles after
    # every few hundred values took a tenth of that second.
    gc.set_threshold(50_000, 20, 50)
    if keeping.told_again(sys.argv[1:], os.environ):
        return
    waking.wake(sys.argv[1:], os.environ)
    from kernelspec_lib import cli

    try:
        cli.main()
    except SystemExit as ended:
        waking.end()
        if _JUDGING.intersection(sys.argv[1:2]) and isinstance(ended.code, int):
            _end(ended.code)
        raise


def _end(code: int) -> None:
    """Ends the process at once; returns where not all it said could be written.

    Python would take apart every page of the index that was read, which takes it another tenth of a
    second, before the system takes it all back anyway.
    """
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
