"""The lock: the same bytes for the same packages, and nothing but a lock is read as one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernelspec_lib.packages import lock
from kernelspec_lib.packages.lock import Garbled, Lock, LockedPackage
from tests.projects import a_project

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
LOCK = Lock(
    python_version="3.11",
    fingerprint="0" * 64,
    packages=(
        LockedPackage(name="alpha", version="1.1", hashes=(A, B), asked_by=("alpha>=1",)),
        LockedPackage(name="common", version="2.0+site.1", hashes=(B,), source_only=True),
    ),
)
TEXT = f"""\
# The lock of requirements.json, written by `kernelspec resolve`. Do not edit.
# python 3.11
# requirements sha256:{"0" * 64}
alpha==1.1 \\
    --hash={A} \\
    --hash={B}
    # asked for: alpha>=1
common==2.0+site.1 \\
    --hash={B}
    # source only: its own code runs at docker build
"""


def test_render_is_exact_and_in_order() -> None:
    turned = Lock(
        python_version="3.11", fingerprint="0" * 64, packages=tuple(reversed(LOCK.packages))
    )
    assert lock.render(turned) == TEXT


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "kernels" / "requirements.lock"
    lock.write(LOCK, path)
    assert lock.read(path) == LOCK
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(path.parent.iterdir()) == [path]


def test_windows_line_ends_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "requirements.lock"
    path.write_bytes(TEXT.replace("\n", "\r\n").encode())
    assert lock.read(path) == LOCK


def test_no_file_is_no_lock(tmp_path: Path) -> None:
    assert lock.read(tmp_path / "requirements.lock") is None


def test_what_is_no_file_of_the_folder_is_no_lock(tmp_path: Path) -> None:
    assert lock.read(tmp_path) == Garbled(line=1, reason="it is not a file")
    os.mkfifo(tmp_path / "pipe")
    assert lock.read(tmp_path / "pipe") == Garbled(line=1, reason="it is not a file")
    link = tmp_path / "requirements.lock"
    link.symlink_to("/etc/passwd")
    told = "it is a link that leads out of the kernel's folder"
    assert lock.read(link) == Garbled(line=1, reason=told)


@pytest.mark.parametrize(
    ("wrong", "right", "line"),
    [
        ("--index-url https://other.example/simple", "# python 3.11", 2),
        ("alpha>=1.1 \\", "alpha==1.1 \\", 4),
        ("alpha @ https://other.example/alpha.whl \\", "alpha==1.1 \\", 4),
        ("alpha==1.1", "alpha==1.1 \\", 4),
        ("    --hash=md5:" + "a" * 32, f"    --hash={A} \\", 4),
        ("    --hash=sha256:" + "A" * 64, f"    --hash={A} \\", 4),
        ("-r other.txt", "    # source only: its own code runs at docker build", 10),
    ],
)
def test_anything_else_is_garbled(tmp_path: Path, wrong: str, right: str, line: int) -> None:
    path = tmp_path / "requirements.lock"
    path.write_text(TEXT.replace(right, wrong, 1))
    read = lock.read(path)
    assert isinstance(read, Garbled)
    assert read.line == line


@given(raw=st.binary(max_size=300) | st.text(max_size=300).map(lambda text: (TEXT + text).encode()))
def test_no_bytes_crash_the_reader(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "hostile.lock"
    path.write_bytes(raw)
    read = lock.read(path)
    assert isinstance(read, Garbled | Lock)
    if isinstance(read, Lock):
        assert raw.decode().strip() == TEXT.strip()


def test_a_giant_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "requirements.lock"
    with path.open("wb") as file:
        file.truncate(lock.MAX_BYTES + 1)
    assert lock.read(path) == Garbled(line=1, reason="it is too large")


def test_fingerprint_overlooks_order_and_spelling() -> None:
    one = a_project("ipykernel", "Scikit_Learn[b,a]>=1,<2", display_name="Churn")
    other = a_project("scikit-learn[a,b] <2, >=1", "ipykernel")
    assert lock.fingerprint(one) == lock.fingerprint(other)


@pytest.mark.parametrize(
    "other",
    [
        a_project("ipykernel", "alpha==1.1"),
        a_project("ipykernel"),
        a_project("ipykernel", "alpha==1.0", python_version="3.12"),
        a_project("ipykernel", "alpha==1.0", base_image="python:3.11-slim-bullseye"),
        a_project("ipykernel", "alpha[fast]==1.0"),
        a_project("ipykernel", "alpha==1.0; python_version > '3'"),
    ],
)
def test_fingerprint_sees_what_the_lock_depends_on(other: object) -> None:
    project = a_project("ipykernel", "alpha==1.0")
    made = Lock(python_version="3.11", fingerprint=lock.fingerprint(project), packages=())
    assert lock.answers(made, project)
    assert not lock.answers(made, other)  # type: ignore[arg-type]
