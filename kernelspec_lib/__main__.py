"""The program: it says again what it said a moment ago of the same files, or looks at them."""

from __future__ import annotations

import os
import sys

from kernelspec_lib import keeping


def main() -> None:
    """Run the command line."""
    if not keeping.told_again(sys.argv[1:], os.environ):
        from kernelspec_lib import cli

        cli.main()


if __name__ == "__main__":
    main()
