"""Who calls, and what of it is believed."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.connect import write_connection_file

from kernelspec_lib.launcher import call, places, trust
from kernelspec_lib.launcher.connection import Connection
from kernelspec_lib.launcher.notes import Refused
from kernelspec_lib.launcher.places import AsOwner
from kernelspec_lib.launcher.terms import Folder


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    """The folder of an installed kernel spec."""
    folder = tmp_path / "churn"
    folder.mkdir()
    made = {"owner": "ada", "kernel": "churn", "image": "ada_churn:latest"}
    (folder / "kernel.json").write_text(json.dumps({"metadata": {"kernelspec": made}}))
    return folder


@pytest.fixture
def connection(tmp_path: Path) -> Connection:
    path = str(tmp_path / "kernel.json")
    write_connection_file(path, key=b"secret")
    return Connection(path)


def called(connection: Connection, kernel: Path, policy: Any, **more: str) -> call.Call:
    path = kernel.parent / "policy.json"
    path.write_text(json.dumps(policy))
    return call.supervised(connection, str(kernel), {"KERNELSPEC_POLICY": str(path), **more})


def test_the_kernel_is_whose_the_connection_file_is(connection: Connection, kernel: Path) -> None:
    made = called(connection, kernel, {}, JPY_PARENT_PID=str(os.getpid()))
    assert (made.uid, made.gid) == (os.getuid(), Path(connection.path).stat().st_gid)
    assert made.login == ("ada" if os.getuid() == 0 else made.login)
    assert made.server == os.getpid()
    assert made.socket == "/var/run/docker.sock"
    assert made.notebook == str(Path.cwd())


def test_without_a_server_named_it_is_who_started_this(
    connection: Connection, kernel: Path
) -> None:
    for named in ("", "1", "-5", "x", "999999999"):
        assert called(connection, kernel, {}, JPY_PARENT_PID=named).server == os.getppid()


def test_the_engine_is_the_policys_and_its_socket_the_variables(
    connection: Connection, kernel: Path
) -> None:
    docker = called(connection, kernel, {})
    assert (docker.engine, docker.socket) == ("Docker", "/var/run/docker.sock")
    podman = called(connection, kernel, {"engine": "podman"})
    assert (podman.engine, podman.socket) == ("Podman", "/run/podman/podman.sock")
    other = called(connection, kernel, {"engine": "podman"}, DOCKER_HOST="unix:///run/other.sock")
    assert (other.engine, other.socket) == ("Podman", "/run/other.sock")


@pytest.mark.parametrize(
    ("policy", "more", "told"),
    [
        ({}, {"DOCKER_HOST": "tcp://hub.example:2375"}, "kernels run on this machine only"),
        ({}, {"KERNELSPEC_POLICY": "/nowhere/policy.json"}, "does not exist"),
    ],
)
def test_what_cannot_be_done_is_told(
    connection: Connection, kernel: Path, policy: Any, more: dict[str, str], told: str
) -> None:
    with pytest.raises(Refused, match=told):
        called(connection, kernel, policy, **more)


def test_a_kernel_spec_that_is_gone(connection: Connection, kernel: Path) -> None:
    (kernel / "kernel.json").unlink()
    with pytest.raises(Refused, match="cannot be read"):
        called(connection, kernel, {})


def test_a_notebook_inside_a_mounted_folder_is_found_through_links(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    (real / "project").mkdir(parents=True)
    link.symlink_to(real)
    folders = [Folder(str(link), "/home/ada/work", False), Folder("/srv/data", "/data", True)]
    assert places.inside(str(real / "project"), folders) == "/home/ada/work/project"
    assert places.inside(str(link), folders) == "/home/ada/work"
    assert places.inside("/srv/data/x", folders) == "/data/x"
    assert places.inside("/srv/database", folders) is None


def test_a_work_folder_is_made_once_as_its_owners(tmp_path: Path) -> None:
    owner = AsOwner(os.getuid(), os.getgid(), os.getgroups())
    path = tmp_path / "a" / "work"
    for _ in range(2):
        places.make_work(str(path), owner)
    assert path.stat().st_uid == os.getuid()
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match=r"cannot be made: .* all that you write would be lost"):
        places.make_work(str(tmp_path / "file" / "work"), owner)


def test_a_note_is_kept_for_the_next_kernel_and_told_once(connection: Connection) -> None:
    owner = AsOwner(os.getuid(), os.getgid(), ())
    assert places.take_note(connection, owner) == ""
    places.leave_note(connection, owner, "It died.")
    (kept,) = Path(connection.path).parent.glob(".kernelspec-*")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert places.take_note(connection, owner) == "It died."
    assert places.take_note(connection, owner) == ""


@pytest.mark.skipif(os.getuid() != 0, reason="only root makes what is root's")
def test_what_only_root_can_change(tmp_path: Path) -> None:
    file = tmp_path / "a" / "file"
    file.parent.mkdir()
    file.write_text("x")
    link = tmp_path / "link"
    link.symlink_to("a")
    assert trust.roots_own(str(link / "file")) == str(file)
    assert trust.roots_own(str(tmp_path / ".." / "x")) is None
    assert trust.roots_file(str(file), "This") == b"x"
    circle = tmp_path / "circle"
    circle.symlink_to("circle")
    assert trust.roots_own(str(circle / "x")) is None
    for mode, uid in ((0o775, 0), (0o757, 0), (0o755, 12345)):
        file.parent.chmod(mode)
        os.chown(file.parent, uid, 0)
        assert trust.roots_own(str(file)) is None
        with pytest.raises(Refused, match="not a file that only root can change"):
            trust.roots_file(str(file), "This")
    # Where all may write and only owners take away, what is root's stays, and what is not does not.
    os.chown(file.parent, 0, 0)
    file.parent.chmod(0o1777)
    assert trust.roots_own(str(file)) == str(file)
    os.chown(file, 12345, 0)
    assert trust.roots_own(str(file)) is None


def test_sudo_must_name_a_user() -> None:
    for named in ("", "x", "-1", "4294967290999"):
        with pytest.raises(Refused, match="sudo names no user"):
            trust.caller({"SUDO_UID": named})
    assert trust.caller({"SUDO_UID": "0"}).pw_name == "root"
