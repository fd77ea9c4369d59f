"""Bad pins of several kinds: what each costs in `docker build`, and how soon it is told before.

A build counts only where it ends because of that pin, which its own output must say.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from measuring import LIBS, PYTHON, Ran, kernel, run, tell

if TYPE_CHECKING:
    from resolve import Bench

COMPILER = "RUN apt-get update && apt-get install --yes --no-install-recommends build-essential\n"
"""What an image for source distributions begins with."""
MOST_SECONDS = 600
_CA = "/run/secrets/ca"
_TRUSTED = f"PIP_CERT={_CA} SSL_CERT_FILE={_CA} REQUESTS_CA_BUNDLE={_CA} "
"""So that the pip which brings what a build requires knows the index, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One bad pin among usual libs."""

    name: str
    pins: tuple[str, ...]
    """The lines to blame. Each stands where the usual line of that lib stands, or at the end."""
    ended: str
    """What the output of a build holds that ends because of them, as a pattern."""
    compiler: bool = False
    """Whether the image installs one first."""

    @property
    def libs(self) -> tuple[str, ...]:
        """What is asked for."""
        ours = {_name(one): one for one in self.pins}
        usual = [ours.pop(_name(one), one) for one in LIBS]
        return (*usual, *ours.values())


def _name(lib: str) -> str:
    return re.split(r"[\[<>=!~]", lib, maxsplit=1)[0]


def _sources(name: str, version: str, **more: bool) -> Kind:
    """A release without a wheel: the last that pip fetched before a step of a build failed."""
    fetched = re.escape(f"Downloading {name}-{version}.tar.gz")
    what = "sources only, after a compiler" if more else "sources only, with pip alone"
    ended = rf"{fetched}(?:(?!Downloading )[\s\S])*(?:finished with status 'error'|Failed building)"
    return Kind(name=what, pins=(f"{name}=={version}",), ended=ended, **more)


_MISSING = Kind(
    name="no such version, with pip alone",
    pins=("pandas==2.2.33",),
    ended=r"No matching distribution found for pandas==2\.2\.33",
)
# pip comes to the lines one by one, and brings here what each before it asks for.
_LAST = Kind(
    name="no such version, in the last line",
    pins=("seaborn==0.31.2",),
    ended=r"No matching distribution found for seaborn==0\.31\.2",
)
KINDS = (
    _MISSING,
    replace(_MISSING, name="no such version, after a compiler", compiler=True),
    _LAST,
    replace(_LAST, name="no such version, in the last line, after a compiler", compiler=True),
    Kind(
        name="two pins in conflict",
        pins=("boto3==1.26.0", "s3fs==2024.2.0"),
        ended=r"boto3 1\.26\.0 depends on botocore[\s\S]*ResolutionImpossible",
    ),
    Kind(
        name="a pin against a lower bound",
        pins=("pandas==1.5.3", "dask[dataframe]>=2024.5"),
        ended=r"The user requested pandas==1\.5\.3[\s\S]*ResolutionImpossible",
    ),
    _sources("pandas", "1.3.5"),
    _sources("pandas", "1.3.5", compiler=True),
    _sources("scikit-learn", "1.0.2", compiler=True),
)


def docker(bench: Bench, engine: str) -> None:
    """Each kind: `docker build` from no cache, until it ends; `kernelspec resolve` from none."""
    image = f"python:{PYTHON}-slim"
    there = subprocess.run([engine, "image", "inspect", image], capture_output=True, check=False)
    if there.returncode != 0:
        print(f"\nno docker build: there is no engine with {image}")
        return
    no_sources = bench.root / "no-sources.json"
    no_sources.write_text(json.dumps({"source_only": False}))
    print("\nbad pins: docker build, kernelspec with an empty cache, ratio, how it was told")
    for kind in KINDS:
        built = _build(bench, engine, image, kind)
        late = built.code == 124
        found = late or re.search(kind.ended, built.said)
        assert found, f"{kind.name}: not because of it\n{built.said[-3000:]}"
        assert built.code != 0, f"{kind.name}: it was built"
        print(f"  {kind.name} ({', '.join(kind.pins)})")
        print(f"    docker build: {'more than ' if late else ''}{built.seconds:.1f} s")
        policies: list[tuple[str, list[str]]] = [("", [])]
        if "sources" in kind.name:
            policies.append((" where the site allows no sources", ["--policy", str(no_sources)]))
        for where, words in policies:
            runs, how = zip(*(_told(bench, kind, words) for _ in range(bench.runs)), strict=True)
            seconds = statistics.median(one.seconds for one in runs)
            print(f"    kernelspec{where}: {seconds:.2f} s: {' or '.join(sorted(set(how)))}")
            tell(f"  docker build against it{where}", built.seconds / seconds, 100, least=True)


def _build(bench: Bench, engine: str, image: str, kind: Kind) -> Ran:
    """As the source system builds: `pip install --upgrade -r`, nothing from a cache."""
    folder = bench.fresh("docker")
    (folder / "requirements.txt").write_text("".join(f"{one}\n" for one in kind.libs))
    ca = bench.config.ca_bundle
    (folder / "Dockerfile").write_text(
        f"FROM {image}\n{COMPILER if kind.compiler else ''}COPY requirements.txt .\n"
        f"RUN --mount=type=secret,id=ca {_TRUSTED if ca else ''}pip install --upgrade "
        f"--break-system-packages --index-url {bench.config.url} -r requirements.txt\n"
    )
    command = ["timeout", str(MOST_SECONDS), engine, "build", "--no-cache", "--network=host"]
    command += ["--progress=plain", *(["--secret", f"id=ca,src={ca}"] if ca else []), str(folder)]
    return run(command, bench.environment | {"DOCKER_BUILDKIT": "1"}, code=None, most=1_000_000)


def _told(bench: Bench, kind: Kind, words: Sequence[str]) -> tuple[Ran, str]:
    """One run, and what it says of the bad lines: rules, and whether they stop a build."""
    folder = kernel(bench.fresh("bad"), "bad", kind.libs, PYTHON)
    report = folder / "report.json"
    options = [*words, "-o", "json", "--output-file", str(report)]
    ran = bench.ours([folder], bench.fresh("own"), code=None, options=options)
    lines = {f"/libs/{kind.libs.index(one)}" for one in kind.pins}
    findings = json.loads(Path(report).read_text())["findings"]
    told = {f"{one['severity']} {one['code']}" for one in findings if one["pointer"] in lines}
    assert told, f"{kind.name}: nothing was told\n{findings}\n{ran.said}"
    return ran, f"{', '.join(sorted(told))} (exit {ran.code})"
