"""The folder of kernel specs on a hub: one step at a time, whole at every moment."""

from __future__ import annotations

import ast
import errno
import json
import os
import sys
import threading
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpecManager

from kernelspec_lib import onhub
from kernelspec_lib.onhub import files, kernels, people
from kernelspec_lib.onhub.files import Refused
from kernelspec_lib.onhub.kernels import Folder

ROOM = sorted(Path(onhub.__file__).parent.glob("*.py"))


def content(number: int, owner: str = "ada", kernel: str = "churn") -> dict[str, bytes]:
    """The files of a kernel spec, different for each *number*."""
    made = {"owner": owner, "kernel": kernel, "image": f"image-{number}"}
    value = {"argv": ["x"], "display_name": str(number), "metadata": {"kernelspec": made}}
    return {"kernel.json": json.dumps(value).encode(), "logo-svg.svg": str(number).encode()}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(str(tmp_path / "kernels"), nullcontext)


def put(folder: Folder, number: int, owner: str = "ada", kernel: str = "churn") -> bool:
    with folder.locked():
        return folder.put(kernel, content(number, owner, kernel), owner)


def live(folder: Folder) -> dict[str, str]:
    """What Jupyter lists: the name and the display name of each."""
    manager = KernelSpecManager(kernel_dirs=[folder.path], ensure_native_kernel=False)
    found = {}
    for name, one in manager.get_all_specs().items():
        logo = Path(one["resource_dir"], "logo-svg.svg")
        shown = one["spec"]["display_name"]
        assert not logo.exists() or logo.read_text() == shown
        found[name] = shown
    return found


def inside(folder: Folder, kernel: str = "churn") -> list[str]:
    return files.names(f"{folder.hidden}/{kernel}")


def at(folder: Folder, name: str = "churn") -> Path:
    return Path(folder.path, name)


def write(folder: Folder, content: dict[str, bytes]) -> None:
    """As emit does it: a folder, and no link."""
    at(folder).parent.mkdir(exist_ok=True)
    files.write_folder(str(at(folder)), content)


def test_a_kernel_and_the_one_before_it(folder: Folder) -> None:
    for number in (1, 2, 3):
        assert put(folder, number)
        assert live(folder) == {"churn": str(number)}
    assert inside(folder) == ["2", "3"]
    before = folder.path_before("churn")
    assert before is not None
    made = kernels.made(before)
    assert made is not None
    assert made["image"] == "image-2"


def test_the_same_again_is_no_change(folder: Folder) -> None:
    put(folder, 1)
    put(folder, 2)
    assert not put(folder, 2)
    assert inside(folder) == ["1", "2"]


def test_a_rollback_and_back_again(folder: Folder) -> None:
    put(folder, 1)
    put(folder, 2)
    for shown in ("1", "2", "1"):
        with folder.locked():
            folder.roll_back("churn", "ada")
        assert live(folder) == {"churn": shown}
        assert len(inside(folder)) == 2
    put(folder, 3)
    with folder.locked():
        folder.roll_back("churn", "ada")
    assert live(folder) == {"churn": "1"}


def test_without_a_kernel_before_there_is_no_rollback(folder: Folder) -> None:
    put(folder, 1)
    with pytest.raises(Refused, match="no kernel before"), folder.locked():
        folder.roll_back("churn", "ada")
    assert live(folder) == {"churn": "1"}


def test_removed_with_what_was_before(folder: Folder) -> None:
    put(folder, 1)
    put(folder, 2)
    put(folder, 7, kernel="other")
    with folder.locked():
        folder.remove("churn", "ada")
    assert live(folder) == {"other": "7"}
    assert files.names(folder.hidden) == ["lock", "other"]


def test_a_folder_that_emit_made_is_replaced_and_is_the_kernel_before(folder: Folder) -> None:
    write(folder, content(1))
    put(folder, 2)
    assert live(folder) == {"churn": "2"}
    with folder.locked():
        folder.roll_back("churn", "ada")
    assert live(folder) == {"churn": "1"}
    with folder.locked():
        folder.remove("churn", "ada")
    write(folder, content(3))
    with folder.locked():
        folder.remove("churn", "ada")
    assert live(folder) == {}


def test_an_empty_folder_is_taken(folder: Folder) -> None:
    at(folder).mkdir(parents=True)
    put(folder, 1)
    assert live(folder) == {"churn": "1"}
    assert inside(folder) == ["1"]


def test_where_folders_cannot_be_exchanged_a_foreign_form_is_told(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot(one: str, other: str) -> None:
        raise OSError(errno.EINVAL, "Invalid argument", one)

    monkeypatch.setattr(files, "exchange", cannot)
    write(folder, content(1))
    with pytest.raises(Refused, match="kernelspec uninstall"):
        put(folder, 2)
    assert live(folder) == {"churn": "1"}
    assert inside(folder) == []
    # emit has its own way: file by file, what Jupyter starts by last.
    staged = str(at(folder, ".new"))
    files.write_folder(staged, content(3))
    Path(folder.path, "churn", "old.js").touch()
    files.replace_folder(staged, str(at(folder)))
    assert live(folder) == {"churn": "3"}
    assert files.names(str(at(folder))) == ["kernel.json", "logo-svg.svg"]


@pytest.mark.parametrize("kind", ["folder", "file", "link", "other owner", "pipe", "own link"])
def test_what_is_not_the_owners_kernel_is_left_alone(folder: Folder, kind: str) -> None:
    path = at(folder)
    path.parent.mkdir()
    match kind:
        case "folder":
            files.write_folder(str(path), {"kernel.json": b'{"argv": []}'})
        case "file":
            path.touch()
        case "link":
            files.write_folder(str(path.parent / "elsewhere"), content(1))
            path.symlink_to("elsewhere")
        case "other owner":
            put(folder, 1, owner="grace")
        case "pipe":
            path.mkdir()
            os.mkfifo(path / "kernel.json")
        case "own link":
            put(folder, 1, owner="grace")
    before = {str(one): one.lstat().st_mtime_ns for one in Path(folder.path).rglob("*")}
    for deed in (folder.put, folder.roll_back, folder.remove):
        words = ["churn", content(2), "ada"] if deed == folder.put else ["churn", "ada"]
        told = pytest.raises(Refused, match="is not the kernel churn of ada")
        with told as caught, folder.locked():
            deed(*words)
        assert caught.value.usage
    after = {str(one): one.lstat().st_mtime_ns for one in Path(folder.path).rglob("*")}
    assert {path: after[path] for path in before} == before


STEPS = ("mkdir", "symlink", "rename", "unlink", "rmdir", "chmod")


class Killed(BaseException):
    """The process ends here: nothing behind it runs."""


@pytest.mark.parametrize("had", ["nothing", "link", "folder"])
def test_killed_behind_any_step_it_is_old_or_new_and_the_next_run_completes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, had: str
) -> None:
    """Every system call that changes a name is the last one once."""
    step = 0
    while True:
        folder = Folder(str(tmp_path / f"{had}-{step}"), nullcontext)
        if had == "link":
            put(folder, 0)
            put(folder, 1)
        elif had == "folder":
            write(folder, content(1))
        count = _put_and_die(folder, monkeypatch, step)
        found = live(folder)
        assert found in (
            [{}, {"churn": "2"}] if had == "nothing" else [{"churn": "1"}, {"churn": "2"}]
        )
        put(folder, 2)
        assert live(folder) == {"churn": "2"}
        assert len(inside(folder)) == (1 if had == "nothing" else 2)
        if had != "nothing":
            with folder.locked():
                folder.roll_back("churn", "ada")
            assert live(folder) == {"churn": "1"}
        if count <= step:
            break
        step += 1
    assert step > 5


@pytest.mark.parametrize("had", ["link", "folder"])
def test_killed_while_it_is_removed_it_is_there_or_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, had: str
) -> None:
    def removed(folder: Folder) -> None:
        with folder.locked():
            folder.remove("churn", "ada")

    step = 0
    while True:
        folder = Folder(str(tmp_path / f"{had}-{step}"), nullcontext)
        if had == "link":
            put(folder, 0)
            put(folder, 1)
        else:
            write(folder, content(1))
        count = _die(lambda: removed(folder), monkeypatch, step)  # noqa: B023 - called at once
        assert live(folder) in ({}, {"churn": "1"})
        removed(folder)
        assert (live(folder), files.names(folder.hidden)) == ({}, ["lock"])
        if count <= step:
            break
        step += 1
    assert step > 1


def _put_and_die(folder: Folder, monkeypatch: pytest.MonkeyPatch, step: int) -> int:
    """Put the kernel 2, and die behind *step* changes. The number of changes made."""
    return _die(lambda: put(folder, 2), monkeypatch, step)


def _die(deed: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, step: int) -> int:
    """Do *deed*, and die behind *step* changes of names. The number of changes made."""
    done = 0

    def dying(real: Any) -> Any:
        def call(*words: Any, **more: Any) -> Any:
            nonlocal done
            if done > step:
                raise Killed
            answer = real(*words, **more)
            done += 1
            if done > step:
                raise Killed
            return answer

        return call

    with monkeypatch.context() as patched:
        for name in STEPS:
            patched.setattr(os, name, dying(getattr(os, name)))
        patched.setattr(files, "exchange", dying(files.exchange))
        try:
            deed()
        except Killed:
            return done
    return done


def test_who_waits_too_long_is_told_by_whom(folder: Folder) -> None:
    with folder.locked():
        other = Folder(folder.path, nullcontext)
        with pytest.raises(Refused, match="another deployment has held"), other.locked(0.1):
            pass


def test_many_at_once_end_in_one_of_them(folder: Folder) -> None:
    threads = [threading.Thread(target=put, args=(folder, number)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert live(folder)["churn"] in map(str, range(12))
    assert len(inside(folder)) == 2


def test_a_record_cannot_lead_out_of_the_folder(folder: Folder, tmp_path: Path) -> None:
    put(folder, 1)
    files.write_folder(str(tmp_path / "elsewhere"), content(9))
    record = Path(folder.path, "churn", ".before")
    for name in ("../../../../elsewhere", "..", "", "1", "\0"):
        record.write_text(name)
        assert folder.before("churn") is None


def test_what_is_no_file_of_a_kernel_spec_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "kernel.json")
    assert kernels.made(str(tmp_path)) is None
    (tmp_path / "kernel.json").unlink()
    (tmp_path / "kernel.json").write_bytes(b"[" * 100_000)
    assert kernels.made(str(tmp_path)) is None
    with (tmp_path / "kernel.json").open("wb") as file:
        file.truncate(files.MAX_FILE + 1)
    assert kernels.made(str(tmp_path)) is None


def test_a_read_only_folder_is_told(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot(*words: Any, **more: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", words[0])

    monkeypatch.setattr(os, "makedirs", cannot)
    with pytest.raises(Refused, match=r"cannot write .*/\.kernelspec: Permission denied"):
        put(folder, 1)


def test_the_folders_of_a_site(tmp_path: Path) -> None:
    for login in ("root", "no.such.user"):
        (tmp_path / login / "kernels").mkdir(parents=True)
    found = dict(people.places(f"{tmp_path}/{{login}}/kernels"))
    assert {Path(path).parent.name for path in found} == {"root", "no.such.user"}
    own = found[f"{tmp_path}/root/kernels"]
    assert own is not None
    assert own["uid"] == 0
    assert found[f"{tmp_path}/no.such.user/kernels"] is None
    assert people.places(str(tmp_path)) == [(str(tmp_path), None)]
    assert people.places(f"{tmp_path}/nowhere") == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another")
def test_root_follows_no_link_of_the_users_to_another_place(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:-2]:
        parent.chmod(parent.stat().st_mode | 0o11)
    nobody = people.account(["nobody"])
    assert nobody is not None
    home, secret = tmp_path / "home", tmp_path / "secret"
    home.mkdir()
    secret.mkdir(mode=0o755)
    os.chown(home, nobody["uid"], nobody["gid"])
    (home / "kernels").symlink_to(secret)
    os.chown(home / "kernels", nobody["uid"], nobody["gid"], follow_symlinks=False)
    path = str(home / "kernels")
    folder = Folder(path, lambda: people.acting_as(nobody, path))
    with pytest.raises(Refused, match="Permission denied"):
        put(folder, 1)
    assert list(secret.iterdir()) == []
    assert os.geteuid() == 0
    (home / "kernels").unlink()
    put(folder, 1)
    assert (home / "kernels" / "churn" / "kernel.json").stat().st_uid == nobody["uid"]


@pytest.mark.parametrize("path", ROOM, ids=lambda path: path.stem)
def test_a_hub_without_the_library_can_run_it(path: Path) -> None:
    """Python 3.8 reads it, and it imports the standard library and its own room."""
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 8))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            name = node.module or ""
            assert name.split(".")[0] in sys.stdlib_module_names or name.startswith(
                "kernelspec_lib.onhub"
            )
        elif isinstance(node, ast.Import):
            assert all(one.name.split(".")[0] in sys.stdlib_module_names for one in node.names)
