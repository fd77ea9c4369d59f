"""`kernelspec validate` beside `check-jsonschema` with the same schema and file, run in turn.

    python benchmarks/validate.py [--runs 15]

Prints the median of each as a whole process, their ratio (the aim: at most 0.55), and the time for
each of a thousand kernel folders in one process (the aim: at most 2 ms).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SCHEMA = Path(__file__).parent.parent / "schema" / "requirements.schema.json"
FOLDERS = 1000
DOCKERFILE = """\
FROM python:3.11-slim
RUN --mount=type=bind,source=requirements.lock,target=/tmp/requirements.lock \\
    pip install --no-cache-dir --no-deps --require-hashes -r /tmp/requirements.lock
"""
LIBS = (
    "ipykernel", "pandas==2.2.3", "numpy>=1.26,<3", "scikit-learn~=1.5", "matplotlib", "sqlalchemy",
    "dask[dataframe]>=2024.1", "pyarrow", "requests", "tqdm", "openpyxl",
)  # fmt: skip


def kernel(folder: Path, name: str) -> Path:
    """A kernel's folder as the template makes it, with eleven libs."""
    folder.mkdir(parents=True)
    value = {"kernel_name": name, "python_version": "3.11", "libs": LIBS}
    (folder / "requirements.json").write_text(json.dumps(value, indent=2))
    (folder / "Dockerfile").write_text(DOCKERFILE)
    return folder


def seconds(command: list[str]) -> float:
    """Wall time of one whole process, which must succeed."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Run both in turn, and tell."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    here = Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as root:
        file = kernel(Path(root, "one"), "one") / "requirements.json"
        folders = [str(kernel(Path(root, f"k{n}"), f"k{n}")) for n in range(FOLDERS)]
        ours = [str(here / "kernelspec"), "validate", str(file)]
        peer = [str(here / "check-jsonschema"), "--schemafile", str(SCHEMA), str(file)]
        pairs = [(seconds(ours), seconds(peer)) for _ in range(runs + 1)][1:]
        own, other = (statistics.median(column) for column in zip(*pairs, strict=True))
        many = [str(here / "kernelspec"), "validate", "-q", *folders]
        whole = statistics.median(seconds(many) for _ in range(3))
    print(f"one file, whole process: kernelspec {own:.3f} s, check-jsonschema {other:.3f} s")
    print(f"ratio: {own / other:.2f}")
    print(f"{FOLDERS} folders in one process: {whole / FOLDERS * 1000:.2f} ms each")


if __name__ == "__main__":
    main()
