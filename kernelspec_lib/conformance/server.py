"""A notebook server, as far as a kernel knows of one: starts it, and can be killed.

    python -m kernelspec_lib.conformance.server KERNELS KERNEL_NAME CWD FOLDER

Tells the connection file, a line on standard output, and then waits for ever.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from kernelspec_lib.conformance import subject
from kernelspec_lib.delivery import session


def serve(kernels: str, kernel_name: str, cwd: str, folder: str) -> None:
    """Start the kernel, and end only by a signal."""
    place = subject.place(Path(kernels), kernel_name, Path(cwd), Path(folder))
    with session.started(place):
        print(place.connection_file, flush=True)
        signal.pause()


if __name__ == "__main__":
    serve(*sys.argv[1:])
