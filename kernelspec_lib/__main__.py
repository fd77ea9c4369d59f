"""The program: it says again what it said a moment ago of the same files, or looks at them."""

from __future__ import annotations

import gc
import os
import sys

from kernelspec_lib import keeping


def main() -> None:
    """Run the command line."""
    # A run lives for a second, and most of what it makes until its end: looking for circles after
    # every few hundred values took a tenth of that second.
    gc.set_threshold(50_000, 20, 50)
    if not keeping.told_again(sys.argv[1:], os.environ):
        from kernelspec_lib import cli

        cli.main()


if __name__ == "__main__":
    main()
