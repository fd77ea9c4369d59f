"""What one user does, led line by line on standard input.

python -m tests.conformance.acts neighbour|hog|survive|CASE,…
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from kernelspec_lib import cli
from kernelspec_lib.conformance import suite
from kernelspec_lib.conformance.lifecycle import scratch
from kernelspec_lib.conformance.subject import Kernel, Subject, running
from kernelspec_lib.policy import Mount

KERNEL = "conform"

WORK = "import time; t = time.perf_counter(); sum(range(10**6)); time.sleep(0.001)"
HOG = """
import os
for _ in range(8):
    if os.fork() == 0:
        while True: sum(range(10**6))
print("hogs")
"""


def subject(folder: str) -> Subject:
    """This user's kernel."""
    work = str(Path.home() / "work")
    mount = Mount(source=work, target=work, read_only=False)
    return suite.subject(KERNEL, mount, lambda asked: None, None, Path(folder), 120, os.environ)


def heard(line: str) -> None:
    """Wait until the test says *line*."""
    said = sys.stdin.readline().strip()
    if said != line:
        sys.exit(f"waited for {line!r}, and heard {said!r}")


def say(line: str) -> None:
    """Tell the test."""
    print(line, flush=True)


def pace(kernel: Kernel) -> float:
    """The median of the seconds that one and the same cell takes."""
    told = []
    for _ in range(15):
        began = time.perf_counter()
        kernel.ask(WORK)
        told.append(time.perf_counter() - began)
    return statistics.median(told)


def neighbour(kernel: Kernel) -> None:
    """Tell the pace each time it is asked for."""
    say("ready")
    for _ in range(2):
        heard("measure")
        say(str(pace(kernel)))


def hog(kernel: Kernel) -> None:
    """Take all that can be had, until told to stop."""
    kernel.expect(HOG, "hogs")
    say("ready")
    heard("stop")


def survive(kernel: Kernel) -> None:
    """Have a file and a kernel, and look for both after a restart of Docker."""
    with scratch(kernel.subject) as (outside, inside):
        kernel.ask(f"kept = open({f'{inside}/kept.txt'!r}, 'w').write('kept')")
        say("ready")
        heard("down")
        say("dead" if kernel.dies() else "alive")
        heard("up")
        kernel.restart(now=True)
        kernel.expect("print('kept' in globals())", "False")
        kernel.expect(f"print(open({f'{inside}/kept.txt'!r}).read())", "kept")
        say("kept" if (outside / "kept.txt").stat().st_uid == os.getuid() else "not mine")


def case(wanted: str) -> int:
    """Some cases of the suite, with commas between, as the command line runs it."""
    suite.CASES = tuple(one for one in suite.CASES if one.id in wanted.split(","))
    return cli.run(["try", "--conformance", KERNEL, "--json"])


def main(act: str) -> None:
    """Do it."""
    if act not in ("neighbour", "hog", "survive"):
        sys.exit(case(act))
    with tempfile.TemporaryDirectory() as folder, running(subject(folder)) as kernel:
        {"neighbour": neighbour, "hog": hog, "survive": survive}[act](kernel)


if __name__ == "__main__":
    main(sys.argv[1])
