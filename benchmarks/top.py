"""`kernelspec top` over many containers, beside `docker stats`.

    python benchmarks/top.py IMAGE [--containers 50] [--runs 9]

IMAGE holds sleep, and a Docker engine runs here. Prints medians of one run, in which the two take
turns: seconds on the clock, and seconds of processor time, which are the same on a busy machine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

HERE = Path(sys.executable).parent
AIM = 1.0


def start(image: str, count: int, label: str) -> None:
    """Containers that look like kernels of the user "bench", held by this process."""
    ticks = Path(f"/proc/{os.getpid()}/stat").read_text().rpartition(")")[2].split()[19]
    labels = {
        "kernelspec.owner": label,
        "kernelspec.kernel": "bench",
        "kernelspec.connection_file": __file__,
        "kernelspec.parent": f"{os.getpid()}:{ticks}",
    }
    words = [f"--label={name}={value}" for name, value in labels.items()]
    for _ in range(count):
        command = ["docker", "run", "--detach", "--rm", "--init", "--pull=never", "--network=none"]
        subprocess.run(
            [*command, "--memory=64m", *words, image, "sleep", "3600"],
            check=True,
            stdout=subprocess.DEVNULL,
        )


def listed(label: str) -> list[str]:
    command = ["docker", "ps", "--quiet", f"--filter=label=kernelspec.owner={label}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def timed(command: Sequence[str], environment: dict[str, str]) -> tuple[float, float]:
    """Seconds on the clock, and of the processor."""
    begun, before = time.monotonic(), os.times()
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    after = os.times()
    spent = after.children_user + after.children_system
    return time.monotonic() - begun, spent - before.children_user - before.children_system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image")
    parser.add_argument("--containers", type=int, default=50)
    parser.add_argument("--runs", type=int, default=9)
    wanted = parser.parse_args()
    label = f"bench-{uuid.uuid4().hex[:8]}"
    try:
        start(wanted.image, wanted.containers, label)
        ids = listed(label)
        ways = {
            "kernelspec top": [str(HERE / "kernelspec"), "top", f"--login={label}"],
            "docker stats": ["docker", "stats", "--no-stream", *ids],
        }
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        with tempfile.TemporaryDirectory() as cache:
            environment = {**os.environ, "KERNELSPEC_CACHE": cache}
            for _ in range(wanted.runs):
                for name, command in ways.items():
                    times[name].append(timed(command, environment))
    finally:
        if left := listed(label):
            subprocess.run(["docker", "rm", "--force", *left], check=True, capture_output=True)
    for name, found in times.items():
        clock, processor = (statistics.median(column) for column in zip(*found, strict=True))
        aim = f"  (aim: {AIM:.1f} s)" if name == "kernelspec top" else ""
        print(f"{name:<16} {len(ids)} containers  {clock:.2f} s{aim}  processor {processor:.2f} s")


if __name__ == "__main__":
    main()
