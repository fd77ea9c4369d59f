"""Compile real libraries in a bare container, and follow the hints. Run it by hand:

    python -m tests.delivery.try_compiling [LIBRARY==VERSION...]

Each library is built from its sdist with uv, as `kernelspec build` does it. Where that fails, the
packages that the hint names are installed, and it is built again: until it is
there, or nothing new is known. The outcome is written into kernelspec_lib/packages/
system_packages.json, `tried`; with no argument, all that are there are tried anew (an hour).

$KERNELSPEC_TRIAL_BEFORE: packages that are there at first (such as "gcc libc6-dev").
$KERNELSPEC_TRIAL_BASE: the image to begin with; one that has those already saves time.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uv
from packaging.utils import canonicalize_name

from kernelspec_lib.packages import system_packages

TABLE = Path(system_packages.__file__).with_suffix(".json")
BASE = os.environ.get("KERNELSPEC_TRIAL_BASE", "python:3.11-slim")
MAX_STEPS = 9
_TIMEOUT = 240.0
_PREPARE = """
rm -f /etc/apt/apt.conf.d/docker-clean
echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/trial
ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1 || apt-get -qq update
"""
_PLACE = re.compile(r"/root/\.cache/uv/sdists-\S+?/src/")
"""Where uv unpacked the sources: another place each time."""
_LAST = "hint: "
"""uv's own advice ends what it says."""


@dataclass(frozen=True, kw_only=True)
class Container:
    """A container with uv; the archives of Debian's packages are shared by all trials."""

    client: str
    name: str

    def run(self, script: str, *words: str) -> tuple[int, list[str]]:
        """The exit code of *script*, to which *words* are handed, and its lines."""
        command = [self.client, "exec", self.name, "sh", "-c", script, "sh", *words]
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                timeout=_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return 124, [f"no end within {_TIMEOUT:g} seconds"]
        return done.returncode, done.stdout.splitlines()

    def install(self, packages: Sequence[str]) -> None:
        # The archives are shared with other trials.
        words = "apt-get install -qq --yes --no-install-recommends"
        script = f'flock /var/cache/apt/archives/trial {words} "$@"'
        code, lines = self.run(script, *packages)
        assert code == 0, "\n".join(lines[-5:])

    def compile(self, library: str) -> tuple[int, list[str]]:
        name = library.partition("==")[0]
        script = 'uv pip install --python=python3 --target=/tmp/x --no-deps --no-binary="$1" "$2"'
        return self.run(script, name, library)


@contextmanager
def container(client: str, cache: Path, *labels: str) -> Iterator[Container]:
    """A bare one of the base image, which is gone afterwards."""
    (cache / "apt").mkdir(parents=True, exist_ok=True)
    authorities = os.environ.get("SSL_CERT_FILE")
    command = [
        *(client, "run", "--detach", "--rm", "--init", "--pull=never", "--network=host"),
        *(f"--label={label}" for label in labels),
        *(f"--volume={uv.find_uv_bin()}:/usr/local/bin/uv:ro",),
        f"--volume={cache}/apt:/var/cache/apt/archives",
        *([f"--volume={authorities}:/run/ca.pem:ro"] if authorities else []),
        *(["--env=SSL_CERT_FILE=/run/ca.pem"] if authorities else []),
        *("--env=UV_NO_PROGRESS=1", "--env=CFLAGS=-O0"),
        *("--env=DEBIAN_FRONTEND=noninteractive", BASE, "sleep", "7200"),
    ]
    started = subprocess.run(command, capture_output=True, text=True, check=True)
    name = started.stdout.strip()
    try:
        found = Container(client=client, name=name)
        code, lines = found.run(_PREPARE)
        assert code == 0, lines
        yield found
    finally:
        subprocess.run([client, "rm", "--force", name], capture_output=True, check=False)


def attempt(inside: Container, library: str, before: Sequence[str]) -> dict[str, Any]:
    """What became of *library* ("psycopg2==2.9.10"), in the shape of the table."""
    if before:
        inside.install(before)
    given, steps = list(before), []
    for _ in range(MAX_STEPS):
        code, lines = inside.compile(library)
        bare = [_PLACE.sub("", line.strip()) for line in lines if line.strip()]
        told = [line for line in bare if not line.startswith(_LAST)]
        clue = system_packages.clue(told, given)
        if code == 0 or clue is None or not clue.packages:
            break
        new = [one for one in clue.packages if one not in given]
        steps.append({"said": clue.line[:200], "packages": new})
        inside.install(new)
        given += new
    outcome = {"version": library.partition("==")[2], "before": list(before), "steps": steps}
    if code == 0:
        return {**outcome, "built": True}
    errors = [line for line in told if re.search(r"\berror\b", line, re.IGNORECASE)]
    return {**outcome, "built": False, "then": [*told, *errors][-1][:200]}


def main(libraries: Sequence[str]) -> None:
    """Try *libraries*, and write down each as soon as it is known."""
    tried = json.loads(TABLE.read_text())["tried"]
    known = [(f"{name}=={one['version']}", one["before"]) for name, one in tried.items()]
    before = os.environ.get("KERNELSPEC_TRIAL_BEFORE", "").split()
    cache = Path(tempfile.gettempdir(), f"kernelspec-trial-{os.getuid()}")
    for library, there in [(one, before) for one in libraries] or known:
        client = os.environ.get("KERNELSPEC_DOCKER", "docker")
        with container(client, cache, "kernelspec.test=trial") as inside:
            outcome = attempt(inside, library, there)
        print(library, json.dumps(outcome, indent=1), flush=True)
        written(canonicalize_name(library.partition("==")[0]), outcome)


def written(name: str, outcome: dict[str, Any]) -> None:
    """Put *outcome* into the table; two may do so at once."""
    with TABLE.open("r+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        value = json.load(file)
        value["tried"] = dict(sorted({**value["tried"], name: outcome}.items()))
        text = json.dumps(value, indent=2) + "\n"
        file.seek(0)
        file.write(text)
        file.truncate()


if __name__ == "__main__":
    main(sys.argv[1:])
