"""No code of a package ever runs while its metadata is read, whatever its archive looks like.

Every trap writes a file when it is run: setup.py, setup.cfg's attr, an in-tree build backend, one
of setuptools, a module that a build would import first, a .pth file.
"""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from kernelspec_lib.packages import binaries, resolver
from kernelspec_lib.packages.index import IndexConfig
from kernelspec_lib.packages.lock import Lock
from kernelspec_lib.packages.resolver import Unresolved
from tests.package_index import Answer, PackageFile, serving, tree, wheel
from tests.projects import a_project

BACKEND = "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
SETUPTOOLS = "[build-system]\nrequires = ['setuptools']\nbuild-backend = 'setuptools.build_meta'\n"
DYNAMIC = "[project]\nname = 'trapped'\ndynamic = ['version', 'dependencies']\n"


def trap(ran: Path) -> str:
    """Code that shows that it was run."""
    return f"open({str(ran)!r}, 'w').close()\n"


def members(ran: Path, version: str, pkg_info: str | None, pyproject: str | None) -> dict[str, str]:
    """The files of an archive, all of whose code is a trap."""
    code = trap(ran)
    inside = {
        "setup.py": code,
        "setup.cfg": "[metadata]\nname = trapped\nversion = attr: trapped.__version__\n",
        "backend.py": code,
        "setuptools.py": code,
        "trapped/__init__.py": code,
        "sitecustomize.py": code,
        "trapped.pth": f"import os; {code}",
    }
    if pyproject is not None:
        inside["pyproject.toml"] = pyproject + DYNAMIC
    if pkg_info is not None:
        inside["PKG-INFO"] = f"Metadata-Version: {pkg_info}\nName: trapped\nVersion: {version}\n"
    return {f"trapped-{version}/{name}": text for name, text in inside.items()}


def archive(ran: Path, version: str, pkg_info: str | None, pyproject: str | None) -> PackageFile:
    """The same as a tar.gz."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as made:
        for path, text in members(ran, version, pkg_info, pyproject).items():
            member = tarfile.TarInfo(path)
            member.size = len(text.encode())
            made.addfile(member, io.BytesIO(text.encode()))
    return PackageFile(
        project="trapped",
        filename=f"trapped-{version}.tar.gz",
        content=gzip.compress(packed.getvalue()),
        metadata="",
    )


def zipped(ran: Path, version: str) -> PackageFile:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as made:
        for path, text in members(ran, version, "1.1", None).items():
            made.writestr(path, text)
    return PackageFile(
        project="trapped",
        filename=f"trapped-{version}.zip",
        content=packed.getvalue(),
        metadata="",
    )


@pytest.mark.parametrize("pyproject", [None, BACKEND, SETUPTOOLS], ids=["setup", "own", "usual"])
@pytest.mark.parametrize("pkg_info", [None, "1.0", "2.2\nDynamic: Requires-Dist"])
def test_a_trap_is_not_sprung(tmp_path: Path, pkg_info: str | None, pyproject: str | None) -> None:
    ran = tmp_path / "ran"
    files = [
        archive(ran, "1.0", pkg_info, pyproject),
        archive(ran, "2.0", pkg_info, pyproject),
        wheel("over", "1.0", requires=["trapped<2"]),
    ]
    assert isinstance(resolved(tmp_path, files, "trapped", "over"), Lock)
    assert not ran.exists()


def test_a_trap_is_not_sprung_in_a_zip_or_a_conflict(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    files = [
        zipped(ran, "1.0"),
        archive(ran, "2.0", "1.0", BACKEND),
        wheel("old", "1.0", requires=["trapped<2"]),
        wheel("new", "1.0", requires=["trapped>=2"]),
    ]
    assert isinstance(resolved(tmp_path, files, "trapped<2"), Lock)
    assert isinstance(resolved(tmp_path, files, "old", "new", "trapped[extra]"), Unresolved)
    assert isinstance(resolved(tmp_path, files, "trapped==3"), Unresolved)
    assert not ran.exists()


def test_the_trap_works(tmp_path: Path) -> None:
    code = trap(tmp_path / "ran")
    exec(code)  # noqa: S102 - what a build would do
    assert (tmp_path / "ran").exists()


def resolved(tmp_path: Path, files: list[PackageFile], *libs: str) -> Lock | Unresolved:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")}
    with serving(tree(files)) as server:
        config = IndexConfig(url=server.url, origin="")
        return resolver.resolve(a_project(*libs), config, environment)


# -- and no secret stands where others could read it


@contextmanager
def watched_processes() -> Iterator[list[bytes]]:
    """The command lines of all processes, as any user of the machine can read them meanwhile."""
    seen: list[bytes] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.append(path.read_bytes())
                except OSError:
                    continue

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def test_no_secret_is_in_a_command_line_the_cache_or_the_lock(tmp_path: Path) -> None:
    user, password, token = "ada", "s3cret-Pa55word", "tok3n4a1b2c3d4e5f6a7"
    inner = tree([wheel("alpha", "1.0", requires=["beta"]), wheel("beta", "1.0")])

    def closed(path: str, headers: Mapping[str, str]) -> Answer:
        if not headers.get("Authorization"):
            return Answer(status=401, headers={"WWW-Authenticate": "Basic"})
        return inner(path.replace(f"/{token}", ""), headers)

    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")}
    project = a_project("alpha")
    with serving(closed) as server, watched_processes() as seen:
        url = server.url.replace("/simple", f"/{token}/simple")
        config = IndexConfig(url=url, origin="", username=user, password=password)
        outcome = resolver.resolve(project, config, environment)
    assert isinstance(outcome, Lock)
    assert any(binaries.find(environment).encode() in line for line in seen)
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    names = "".join(map(str, tmp_path.rglob("*"))).encode()
    for secret in (password.encode(), token.encode()):
        assert not any(secret in line for line in seen)
        assert secret not in names
        assert secret not in kept, [
            p for p in tmp_path.rglob("*") if p.is_file() and secret in p.read_bytes()
        ]
