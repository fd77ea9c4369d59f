"""`kernelspec resolve` beside bare uv and pip, on the same index, run in turn.

    python benchmarks/resolve.py [--runs 5] [--only eleven,bad,fifty,docker] [--engine docker]

Prints medians, their ratios, and the aims; beside each median the least, which on a machine that
others use too is nearer to the truth, and the load. Which index is asked is settled as for
`kernelspec` itself: $PIP_INDEX_URL, pip's configuration, pip's default. All programs run from
bytecode, as pip installs them. Each docker build is run once, and only where an engine is there
that has an image python:X.Y-slim of the Python that runs this.
"""

from __future__ import annotations

import argparse
import compileall
import contextlib
import io
import os
import statistics
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bad_pins import docker
from measuring import LIBS, POOL, PYTHON, Ran, kernel, run, tell

import kernelspec_lib
from kernelspec_lib import policy as policies
from kernelspec_lib import waking
from kernelspec_lib.packages import binaries, index, uv
from kernelspec_lib.packages import target as targets
from kernelspec_lib.project import from_document, load, locate

KERNELS = 50
BAD = ("pandas==2.2.33", "pands", "numpy==0.0.9", "scikit-lern", "matplotlib==99.0", "sqlalchmy",
       "pyarrow==0.0.1", "tqdm==4.0.99", "requests==2.99.1", "openpyxl==77.7")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What every measurement needs."""

    root: Path
    config: index.IndexConfig
    environment: dict[str, str]
    runs: int

    def fresh(self, name: str) -> Path:
        """An empty folder."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.root))

    def ours(
        self,
        folders: Sequence[Path],
        cache: Path,
        *,
        code: int | None = 0,
        command: str = "resolve",
        options: Sequence[str] = (),
    ) -> Ran:
        """One whole `kernelspec resolve`, from the cache in *cache*."""
        words = [str(Path(sys.executable).parent / "kernelspec"), command, "-q", *options]
        seen = self.environment | {"KERNELSPEC_CACHE": str(cache)}
        return run([*words, *map(str, folders)], seen, code=code)

    def uv(self, libs: Sequence[str], cache: Path) -> Ran:
        """One whole `uv pip compile` for the same target and index, as it is served."""
        asked = self.fresh("in") / "libs.in"
        asked.write_text("".join(f"{one}\n" for one in libs))
        target = targets.of(project(kernel(self.fresh("target"), "one", libs, PYTHON)))
        command = [binaries.find(self.environment), "pip", "compile", str(asked), "--no-config"]
        command += ["--default-index", self.config.url, "--cache-dir", str(cache), "--only-binary"]
        command += [":all:", "--python-version", target.python_full_version, "--python-platform"]
        command += [uv._platform(target), "--python", sys.executable, "--no-python-downloads", "-q"]
        return run(command, waking.bare(self.environment) | uv._environment(self.config, {}))

    def pip(self, libs: Sequence[str]) -> Ran:
        """One whole `pip install --dry-run` that takes nothing from a cache."""
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "-q"]
        command += ["--no-cache-dir", "--index-url", self.config.url, *libs]
        return run(command, self.environment | {"PIP_CONFIG_FILE": "/dev/null"})


def project(folder: Path):
    """The project in *folder*."""
    place = locate(str(folder))
    return from_document(place, load(place))


def eleven(bench: Bench) -> None:
    """Eleven usual libs: cold, warm, and pip; the peak of memory."""
    folder = kernel(bench.fresh("eleven"), "eleven", LIBS, PYTHON)
    rows: dict[str, list[Ran]] = {name: [] for name in ("cold", "uv cold", "warm", "uv warm")}
    rows |= {"pip": [], "lint cold": []}
    for _ in range(bench.runs):
        own, other = bench.fresh("own"), bench.fresh("other")
        rows["cold"].append(bench.ours([folder], own))
        rows["uv cold"].append(bench.uv(LIBS, other))
        rows["warm"].append(bench.ours([folder], own))
        rows["uv warm"].append(bench.uv(LIBS, other))
        rows["pip"].append(bench.pip(LIBS))
        # The whole lint stage, with what uv has no peer for.
        rows["lint cold"].append(bench.ours([folder], bench.fresh("own"), command="lint"))
    medians = {name: median(runs) for name, runs in rows.items()}
    least = {name: min(one.seconds for one in runs) for name, runs in rows.items()}
    locked = (folder / "requirements.lock").read_text().count("\n    --hash=")
    print(
        f"\neleven libs ({locked} hashes): "
        + ", ".join(f"{k} {v:.2f} s (least {least[k]:.2f})" for k, v in medians.items())
    )
    print("  of one core: " + ", ".join(f"{k} {least_processor(v):.2f} s" for k, v in rows.items()))
    tell("cold against uv cold", medians["cold"] / medians["uv cold"], 1.3)
    tell("warm against uv as served", medians["warm"] / medians["uv warm"], 0.15)
    tell("pip --dry-run against cold", medians["pip"] / medians["cold"], 6, least=True)
    own = [*rows["cold"], *rows["warm"]]
    tell("peak of memory, MB", max(one.megabytes for one in own), 150)


def bad(bench: Bench) -> None:
    """One bad pin among eleven, and ten bad ones."""
    one = kernel(bench.fresh("one"), "one", (BAD[0], *LIBS[2:], LIBS[0]), PYTHON)
    ten = kernel(bench.fresh("ten"), "ten", (*BAD, LIBS[0]), PYTHON)
    pairs = []
    bench.ours([one], bench.fresh("warm-up"), code=1)
    for _ in range(bench.runs):
        pairs.append(
            (
                bench.ours([one], bench.fresh("own"), code=1),
                bench.ours([ten], bench.fresh("own"), code=1),
            )
        )
    single, many = (median(column) for column in zip(*pairs, strict=True))
    least = min(ran.seconds for ran, _ in pairs)
    cores = [least_processor(column) for column in zip(*pairs, strict=True)]
    print(
        f"\none bad pin {single:.2f} s (least {least:.2f}), ten bad pins {many:.2f} s, "
        f"both with an empty cache; of one core: {cores[0]:.2f} s and {cores[1]:.2f} s"
    )
    tell("one bad pin, s", single, 1.0)
    tell("ten against one", many / single, 1.1)


def fifty(bench: Bench) -> None:
    """Fifty kernels in one process, and uv once for each; empty caches at the start. One run."""
    wanted = [
        ("ipykernel", *(POOL[(number * 7 + step * 5) % len(POOL)] for step in range(10)))
        for number in range(KERNELS)
    ]
    root = bench.fresh("fifty")
    folders = [kernel(root / f"k{n}", f"k{n}", libs, PYTHON) for n, libs in enumerate(wanted)]
    cache = bench.fresh("own")
    cold, warm = bench.ours(folders, cache), bench.ours(folders, cache)
    other = bench.fresh("other")
    theirs = sum(bench.uv(libs, other).seconds for libs in wanted)
    print(
        f"\n{KERNELS} kernels: {cold.seconds:.1f} s ({cold.processor:.1f} s of one core), again "
        f"{warm.seconds:.1f} s; uv {theirs:.1f} s"
    )
    tell("fifty kernels against uv fifty times", cold.seconds / theirs, 0.25)
    tell("peak of memory, MB", max(cold.megabytes, warm.megabytes), 150)


def median(runs: Sequence[Ran]) -> float:
    """Of their times, in seconds."""
    return statistics.median(one.seconds for one in runs)


def least_processor(runs: Sequence[Ran]) -> float:
    """The least of their times on one core, in seconds."""
    return min(one.processor for one in runs)


def main() -> None:
    """Run what is asked for, and tell."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", default="eleven,bad,fifty,docker")
    parser.add_argument("--engine", default="docker")
    given = parser.parse_args()
    wanted = set(given.only.split(","))
    config = index.configure(None, policies.load(None), os.environ)
    print(
        f"{datetime.now(UTC):%Y-%m-%d}: Python {PYTHON}, uv {version('uv')}, pip {version('pip')}"
    )
    for folder in (sysconfig.get_path("purelib"), *kernelspec_lib.__path__):
        with contextlib.redirect_stdout(io.StringIO()):
            compileall.compile_dir(folder, quiet=2)
    with tempfile.TemporaryDirectory(prefix="bench-") as root:
        bench = Bench(root=Path(root), config=config, environment=dict(os.environ), runs=given.runs)
        if "eleven" in wanted:
            eleven(bench)
        if "bad" in wanted:
            bad(bench)
        if "docker" in wanted:
            docker(bench, given.engine)
        if "fifty" in wanted:
            fifty(bench)
    print(f"\nload of the machine in the last minutes: {os.getloadavg()}")


if __name__ == "__main__":
    main()
