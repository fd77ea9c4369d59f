"""`kernelspec build` beside the source system's own Dockerfile. Run it: python -m benchmarks.build

Each round builds the same libs with both, in turn, from the same index on loopback (with headers
that let clients cache), on the same engine and base image. What the source system did:
`docker build --no-cache` and `pip install --upgrade -r requirements.txt`, every time.
"""

from __future__ import annotations

import dataclasses
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import uuid
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measuring import run
from kernelspec_lib.delivery import engine as engines
from kernelspec_lib.delivery.engine import Engine
from kernelspec_lib.kernels.container import OWNER_LABEL
from tests import package_index as indexes

LIBS = ("pandas", "numpy", "scikit-learn", "matplotlib", "sqlalchemy", "ipykernel")
CHANGED = ("sqlalchemy==2.0.40", "sqlalchemy==2.0.41")
BASE = "python:3.11-slim"
IMPORTS = (
    "import pandas, numpy, sklearn.ensemble, matplotlib.pyplot, sqlalchemy, ipykernel.kernelapp"
)
TIMED = f"import time; {IMPORTS}; print(time.process_time())"

THEIRS = f"""\
FROM {BASE}
WORKDIR /kernel
COPY requirements.txt .
RUN pip install --upgrade --index-url INDEX --trusted-host 127.0.0.1 -r requirements.txt
"""


@dataclass
class Figures:
    """Seconds and bytes of one way to build, one entry a round."""

    first: list[float] = field(default_factory=list)
    one_changed: list[float] = field(default_factory=list)
    nothing_changed: list[float] = field(default_factory=list)
    size: list[float] = field(default_factory=list)
    imports: list[float] = field(default_factory=list)


def main(rounds: int) -> None:
    """Print the medians of *rounds* rounds, and their ratios beside the aims."""
    engine = engines.find(os.environ, to_build=True)
    ours, theirs = Figures(), Figures()
    with indexes.serving(_cacheable(_wheels())) as server, tempfile.TemporaryDirectory() as name:
        for turn in range(rounds):
            _theirs(engine, Path(name, f"theirs-{turn}"), server.url, theirs)
            _ours(engine, Path(name, f"ours-{turn}"), server.url, ours)
    _print(ours, theirs)


def _wheels() -> list[indexes.PackageFile]:
    """The libs with all they need, downloaded once into the cache of the tests."""
    usual = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "kernelspec-tests")
    folder = Path(os.environ.get("KERNELSPEC_TEST_CACHE") or usual, "benchmark-build")
    if not folder.is_dir():
        staged = folder.with_name(f"{folder.name}.{os.getpid()}")
        for wanted in (LIBS, CHANGED[:1], CHANGED[1:]):
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:"]
            subprocess.run(
                [*command, f"--dest={staged}", *wanted], check=True, stderr=subprocess.DEVNULL
            )
        staged.rename(folder)
    return [_package(path) for path in sorted(folder.iterdir())]


def _package(path: Path) -> indexes.PackageFile:
    content = path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        inside = next(one for one in archive.namelist() if one.endswith(".dist-info/METADATA"))
        metadata = archive.read(inside).decode()
    return indexes.PackageFile(
        project=path.name.partition("-")[0].replace("_", "-").lower(),
        filename=path.name,
        content=content,
        metadata=metadata,
    )


def _cacheable(files: Sequence[indexes.PackageFile]) -> indexes.Respond:
    plain = indexes.tree(files)

    def respond(path: str, headers: object) -> indexes.Answer:
        answer = plain(path, headers)  # type: ignore[arg-type]
        kept = {"Cache-Control": "public, max-age=86400", **answer.headers}
        return dataclasses.replace(answer, headers=kept)

    return respond


def _theirs(engine: Engine, folder: Path, index_url: str, figures: Figures) -> None:
    folder.mkdir()
    (folder / "Dockerfile").write_text(THEIRS.replace("INDEX", index_url))
    tag = f"kernelspec-benchmark-{uuid.uuid4().hex[:8]}"
    label = f"{OWNER_LABEL}={tag}"
    build = [engine.client, "build", "--no-cache", "--network=host", f"--tag={tag}"]
    build += [f"--label={label}", str(folder)]
    try:
        for kept, changed in ((figures.first, CHANGED[0]), (figures.one_changed, CHANGED[1])):
            (folder / "requirements.txt").write_text("\n".join([*LIBS[:-2], changed, LIBS[-1]]))
            kept.append(run(build, engine.environment).seconds)
        # It knows no difference between one lib and none.
        figures.nothing_changed.append(figures.one_changed[-1])
        _look(engine, tag, figures)
    finally:
        _remove(engine, label)


def _ours(engine: Engine, folder: Path, index_url: str, figures: Figures) -> None:
    login = f"bench-{uuid.uuid4().hex[:8]}"
    tag = f"{login}_kernel:latest"
    command = [sys.executable, "-m", "kernelspec_lib"]
    index, own = f"--index-url={index_url}", dict(engine.environment)
    subprocess.run(
        [*command, "new", "--no-input", f"--output-dir={folder}", "--kernel-name=kernel"],
        check=True,
        capture_output=True,
    )
    kernel = folder / "kernel"
    # What other builds have left is not emptied at this one's cost: theirs empties nothing.
    bound = "--keep-cache=1000g"
    build = [*command, "build", str(kernel), index, bound, "--network=host", f"--login={login}"]
    try:
        for kept, changed in (
            (figures.first, CHANGED[0]),
            (figures.one_changed, CHANGED[1]),
            (figures.nothing_changed, CHANGED[1]),
        ):
            libs = [*LIBS[:-2], changed, LIBS[-1]]
            value = {"kernel_name": "kernel", "python_version": "3.11", "libs": libs}
            (kernel / "requirements.json").write_text(json.dumps(value))
            run([*command, "resolve", str(kernel), index], own)
            kept.append(run(build, own).seconds)
        _look(engine, tag, figures)
    finally:
        _remove(engine, f"{OWNER_LABEL}={login}")


def _remove(engine: Engine, label: str) -> None:
    """Remove the images of one round, those that have lost their name included."""
    found = engine.ask("image", "ls", "--quiet", f"--filter=label={label}").stdout.split()
    engine.ask("image", "rm", "--force", *dict.fromkeys(found))


def _look(engine: Engine, tag: str, figures: Figures) -> None:
    told = engine.ask("image", "inspect", "--format={{.Size}}", tag)
    figures.size.append(int(told.stdout) / 1e6)
    for _ in range(3):
        ran = engine.ask(
            "run",
            "--rm",
            "--pull=never",
            "--network=none",
            "--user=12345",
            tag,
            "python",
            "-c",
            TIMED,
        )
        assert ran.returncode == 0, ran.stderr
        figures.imports.append(float(ran.stdout))


def _print(ours: Figures, theirs: Figures) -> None:
    rows = (
        ("first build, seconds", "first", "at most 0.56"),
        ("one lib changed, seconds", "one_changed", "at most 0.25"),
        ("nothing changed, seconds", "nothing_changed", "under 2 s"),
        ("size, MB", "size", "at most 0.9"),
        ("import of the libs, CPU seconds", "imports", "at most 1"),
    )
    print(f"{'':32}{'ours':>9}{'source':>9}{'ratio':>7}  aim")
    for what, name, aim in rows:
        mine, other = (statistics.median(getattr(one, name)) for one in (ours, theirs))
        print(f"{what:32}{mine:9.2f}{other:9.2f}{mine / other:7.2f}  {aim}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
