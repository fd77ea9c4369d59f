"""What the benchmarks share: kernels to judge, and one whole process measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
"""Of the kernels, and of the images they are built from: that which runs this."""
LIBS = (
    "ipykernel", "pandas==2.2.3", "numpy>=1.26,<3", "scikit-learn~=1.5", "matplotlib", "sqlalchemy",
    "dask[dataframe]>=2024.1", "pyarrow", "requests", "tqdm", "openpyxl",
)  # fmt: skip
"""Eleven usual libs."""
POOL = (
    *LIBS[1:], "scipy", "seaborn", "plotly", "statsmodels", "xgboost", "lightgbm", "polars",
    "duckdb", "beautifulsoup4", "lxml", "boto3", "s3fs", "networkx", "nltk", "pydantic", "httpx",
    "psycopg2-binary", "pymysql", "joblib", "numba", "xarray", "sympy", "pillow", "tabulate",
)  # fmt: skip
"""What the libs of many kernels are taken from; its length has no common factor with 5 or 7."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One whole process."""

    seconds: float
    processor: float
    """Seconds of one core, its own and those of what it waited for: the same on a busy machine."""
    megabytes: float
    """The peak of its memory, or of the largest process that it waited for."""
    said: str
    """The end of what it printed."""
    code: int
    """Its exit code."""


def kernel(folder: Path, name: str, libs: Sequence[str], python_version: str) -> Path:
    """A kernel's folder as the template makes it."""
    folder.mkdir(parents=True, exist_ok=True)
    value = {"kernel_name": name, "python_version": python_version, "libs": libs}
    (folder / "requirements.json").write_text(json.dumps(value, indent=2))
    (folder / "Dockerfile").write_text(
        f"FROM python:{python_version}-slim\nCOPY requirements.lock .\n"
        "RUN pip install --no-deps --require-hashes --requirement requirements.lock\n"
    )
    return folder


def run(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    code: int | None = 0,
    most: int = 2000,
) -> Ran:
    """The time and memory of *command*, which must end with *code*; None: with any.

    most: characters that are kept of what it printed, the last ones.
    """
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        process = subprocess.Popen(command, env=environment, stdout=said, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read().decode(errors="replace")[-most:]
    assert code in (None, process.returncode), f"{command[0]}: {process.returncode}\n{text[-2000:]}"
    return Ran(
        seconds=seconds,
        processor=used.ru_utime + used.ru_stime,
        megabytes=used.ru_maxrss / 1024,
        said=text,
        code=process.returncode,
    )


def tell(what: str, figure: float, aim: float, *, least: bool = False) -> None:
    """One line: the figure, its aim, and whether it is met."""
    met = figure >= aim if least else figure <= aim
    bound = "at least" if least else "at most"
    print(f"  {what}: {figure:.2f} ({bound} {aim:g}: {'met' if met else 'MISSED'})", flush=True)
