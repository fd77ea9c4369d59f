"""`resolve` and `lint` on many kernels: one index, many threads, an orderly end, nothing hidden."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Event

import pytest

from kernelspec_lib import cli
from tests import projects
from tests.catalogue import CATALOGUE
from tests.package_index import Answer, PackageFile, Server, serving, tree, wheel

Make = Callable[..., Path]


@pytest.fixture(autouse=True)
def _own_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KERNELSPEC_POLICY", raising=False)
    monkeypatch.setenv("KERNELSPEC_CACHE", str(tmp_path / "cache"))
    # What this machine tells its pip would be named on standard error.
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")


@pytest.fixture
def kernel(tmp_path: Path) -> Make:
    """Makes the kernel in a folder below the one that the test stands in."""

    def make(folder: str, *libs: str, **keys: object) -> Path:
        path = tmp_path / folder
        path.mkdir(parents=True, exist_ok=True)
        value = {"kernel_name": "churn", "python_version": "3.11", "libs": ["ipykernel", *libs]}
        (path / "requirements.json").write_text(json.dumps(value | keys, indent=2))
        (path / "Dockerfile").write_text(projects.DOCKERFILE)
        return path

    return make


class Shelf:
    """An index whose files, and whose faults by path, a test may change."""

    def __init__(self, files: Sequence[PackageFile]) -> None:
        self.files = list(files)
        self.looks: list[str] = []
        self.faults: dict[str, Answer] = {}

    def __call__(self, path: str, headers: Mapping[str, str]) -> Answer:
        if headers.get("User-Agent") == "kernelspec":
            self.looks.append(path)
        return self.faults.get(path) or tree(self.files)(path, headers)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(CATALOGUE)


@pytest.fixture
def server(shelf: Shelf) -> Iterator[Server]:
    with serving(shelf) as running:
        yield running


@pytest.fixture
def run(server: Server, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Exit code, standard output and standard error of one call that asks the server."""

    def called(*arguments: str) -> tuple[int, str, str]:
        asked = () if arguments[0] == "validate" else ("--index-url", server.url)
        code = cli.run([*arguments, *asked])
        told = capsys.readouterr()
        return code, told.out, told.err

    return called


Run = Callable[..., tuple[int, str, str]]


def found(report: str) -> list[tuple[str, str, str]]:
    return [(row["path"], row["code"], row["pointer"]) for row in json.loads(report)["findings"]]


def test_every_kernel_below_a_folder_and_no_hidden_or_linked_one(kernel: Make, run: Run) -> None:
    for folder in ("hub/bob/b", "hub/ada/a", "hub/.git/x", "elsewhere/c", "hub/ada/.venv/y"):
        kernel(folder)
    Path("hub/link").symlink_to(Path("elsewhere").resolve())
    code, out, _ = run("validate", "-r", "hub", "-o", "json")
    assert code == 0
    assert json.loads(out)["checked"] == [
        "hub/ada/a/requirements.json",
        "hub/bob/b/requirements.json",
    ]


def test_a_folder_of_kernels_is_no_kernel_and_one_without_any_is_a_wrong_call(
    kernel: Make, run: Run
) -> None:
    kernel("hub/ada/a")
    Path("empty").mkdir()
    assert run("validate", "hub")[0] == 2
    assert run("validate", "-r", "empty")[0] == 2
    assert run("validate", "-r", "nowhere")[0] == 2
    kernel("hub/ada/b")
    code, _, err = run("resolve", "-r", "hub", "--output", "x")
    assert (code, "several kernels" in err) == (2, True)


def test_pages_are_asked_for_once_for_all_kernels(kernel: Make, run: Run, shelf: Shelf) -> None:
    for number in range(8):
        kernel(f"hub/k{number}", "alpha", f"common>={number % 2}")
    code, _, err = run("resolve", "-r", "hub")
    assert code == 0
    assert err == "8 locks: 32 packages, pinned and hashed\n"
    pages = [path for path in shelf.looks if path.startswith("/simple/")]
    assert sorted(pages) == [
        f"/simple/{name}/" for name in ("alpha", "common", "ipykernel", "traitlets")
    ]


def test_equal_kernels_are_resolved_once(
    kernel: Make, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kernelspec_lib.packages import uv

    calls = []
    real = uv.ask

    def counted(*given: object, **more: object) -> object:
        calls.append(given)
        return real(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(uv, "ask", counted)
    for number in range(6):
        kernel(f"hub/k{number}", "alpha", display_name=f"Kernel {number}")
    assert run("resolve", "-r", "hub")[0] == 0
    assert len(calls) == 1
    locks = {path.read_text() for path in Path("hub").glob("*/requirements.lock")}
    assert len(locks) == 1
    assert len(list(Path("hub").glob("*/requirements.lock"))) == 6


def test_what_pip_is_told_of_versions_has_no_say_and_is_named(
    kernel: Make, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_CONSTRAINT", "/srv/constraints.txt")
    kernel("a", "alpha")
    for _ in ("asked", "kept"):
        code, _, err = run("resolve", "a")
        assert (code, err.splitlines()[0]) == (0, "pip's constraint has no say in a lock")
    assert run("resolve", "a", "-q")[2] == ""


def test_a_second_run_asks_nothing_and_no_cache_asks_again(
    kernel: Make, run: Run, server: Server
) -> None:
    path = kernel("a", "alpha")
    assert run("resolve", "a")[0] == 0
    first = (path / "requirements.lock").read_bytes()
    (path / "requirements.lock").unlink()
    server.requests.clear()
    code, _, err = run("resolve", "a")
    assert (code, re.sub(", [0-9]+ MB", "", err)) == (
        0,
        "a/requirements.lock: 4 packages, pinned and hashed\n",
    )
    assert server.requests == []
    assert (path / "requirements.lock").read_bytes() == first
    assert run("resolve", "a", "--no-cache")[0] == 0
    assert server.requests != []


def test_an_error_is_never_kept(kernel: Make, run: Run, shelf: Shelf) -> None:
    kernel("a", "alpha==9")
    assert run("resolve", "a")[0] == 1
    shelf.files.append(wheel("alpha", "9"))
    assert run("resolve", "a")[0] == 0


def test_a_home_that_cannot_be_written_to_is_no_matter(
    kernel: Make, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("file").write_text("")
    monkeypatch.setenv("KERNELSPEC_CACHE", str(Path("file").resolve() / "cache"))
    kernel("a", "alpha")
    assert run("resolve", "a")[0] == 0


def test_a_trouble_with_one_kernel_hides_nothing_of_the_others(
    kernel: Make, run: Run, shelf: Shelf
) -> None:
    shelf.faults["/simple/traitlets/"] = Answer(status=403)
    shelf.faults["/simple/common/"] = Answer(status=403)
    for name, libs in (("a", ("numpy==9.9",)), ("b", ()), ("c", ()), ("d", ("nowhere",))):
        kernel(f"hub/{name}", *libs)
    code, out, err = run("resolve", "-r", "hub", "-o", "json")
    assert code == 1
    assert found(out) == [
        ("hub/a/requirements.json", "KS301", "/libs/1"),
        ("hub/d/requirements.json", "KS302", "/libs/1"),
    ]
    assert "hub/b/requirements.json, hub/c/requirements.json" in err
    assert err.count("hub/b/requirements.json") == 1
    assert not list(Path("hub").glob("*/requirements.lock"))


def test_an_index_that_is_down_is_told_once_for_all(
    kernel: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(30):
        kernel(f"hub/k{number:02}", f"alpha>={number}")
    code = cli.run(["resolve", "-r", "hub", "--index-url", "http://127.0.0.1:1/simple"])
    told = capsys.readouterr().err
    assert code == 3
    assert told.count("http://127.0.0.1:1/simple") == 1
    assert "hub/k00/requirements.json, " in told
    assert told.endswith("hub/k09/requirements.json and 20 more\n")


def test_a_line_that_could_not_be_looked_at_is_told_beside_the_error(
    kernel: Make, run: Run, shelf: Shelf
) -> None:
    shelf.faults["/simple/alpha/"] = Answer(status=403)
    kernel("a", "alpha", "numpy==9.9")
    code, out, err = run("resolve", "a", "-o", "json")
    assert code == 1
    assert found(out) == [("a/requirements.json", "KS301", "/libs/2")]
    assert "403" in err


def test_a_warning_is_reported_beside_a_line_that_could_not_be_looked_at(
    kernel: Make, run: Run, shelf: Shelf
) -> None:
    shelf.faults["/simple/alpha/"] = Answer(status=403)
    kernel("a", "alpha", "preview")
    code, out, err = run("resolve", "a", "-o", "json")
    assert code == 3
    assert found(out) == [("a/requirements.json", "KS308", "/libs/2")]
    assert "403" in err


def test_locked_writes_nothing_and_a_newer_release_is_no_matter(
    kernel: Make, run: Run, shelf: Shelf
) -> None:
    path = kernel("a", "alpha")
    assert run("resolve", "a")[0] == 0
    before = (path / "requirements.lock").stat().st_mtime_ns
    shelf.files.append(wheel("alpha", "3.0"))
    code, out, err = run("resolve", "a", "--locked", "-o", "json")
    assert (code, found(out)) == (0, [])
    assert err == "a/requirements.lock: 4 packages, as the index still offers them\n"
    assert (path / "requirements.lock").stat().st_mtime_ns == before


@pytest.mark.parametrize("lock", [None, b"", b"\xff", b"# nothing\n"])
def test_locked_tells_a_lock_that_is_missing_or_garbled(
    lock: bytes | None, kernel: Make, run: Run, server: Server
) -> None:
    path = kernel("a", "alpha")
    if lock is not None:
        (path / "requirements.lock").write_bytes(lock)
    code, out, _ = run("lint", "a", "--locked", "-o", "json")
    assert (code, found(out)) == (1, [("a/requirements.json", "KS310", "/libs")])
    assert (path / "requirements.lock").exists() is (lock is not None)
    assert server.requests == []


def test_locked_tells_a_lock_of_other_libs(kernel: Make, run: Run) -> None:
    kernel("a", "alpha")
    assert run("resolve", "a")[0] == 0
    kernel("a", "alpha<2")
    code, out, _ = run("resolve", "a", "--locked", "-o", "json")
    assert (code, found(out)) == (1, [("a/requirements.json", "KS310", "/libs")])


def _without(name: str) -> Callable[[list[PackageFile]], list[PackageFile]]:
    return lambda files: [one for one in files if not one.filename.startswith(name)]


def _instead(name: str, other: PackageFile) -> Callable[[list[PackageFile]], list[PackageFile]]:
    return lambda files: [*_without(name)(files), other]


@pytest.mark.parametrize(
    ("change", "code", "told", "exit_code"),
    [
        (_without("common-"), "KS310", "the package no longer", 1),
        (_without("common-2.0"), "KS310", "the release no longer", 1),
        (_instead("common-2.0", wheel("common", "2.0", code="x")), "KS310", "other files", 1),
        (_instead("common-2.0", wheel("common", "2.0", yanked="bad")), "KS306", "bad", 0),
        (_instead("common-2.0", wheel("common", "2.0", requires_python="<3.11")), "KS303", "", 1),
        (_instead("common-2.0", wheel("common", "2.0", tag="py3-none-win32")), "KS304", "", 1),
    ],
    ids=["package", "release", "files", "withdrawn", "python", "tags"],
)
def test_locked_looks_at_every_package_again_and_blames_who_asked(
    change: Callable[[list[PackageFile]], list[PackageFile]],
    code: str, told: str, exit_code: int,
    kernel: Make, run: Run, shelf: Shelf,
) -> None:  # fmt: skip
    kernel("a", "numpy", "alpha")
    assert run("resolve", "a")[0] == 0
    shelf.files = change(shelf.files)
    ended, out, _ = run("resolve", "a", "--locked", "-o", "json")
    assert (ended, found(out)) == (exit_code, [("a/requirements.json", code, "/libs/2")])
    assert told in json.loads(out)["findings"][0]["message"]


def test_locked_with_an_index_that_is_sick_blames_nobody(
    kernel: Make, run: Run, shelf: Shelf
) -> None:
    kernel("a", "alpha")
    assert run("resolve", "a")[0] == 0
    shelf.faults["/simple/common/"] = Answer(status=403)
    code, out, err = run("resolve", "a", "--locked", "-o", "json")
    assert (code, found(out)) == (3, [])
    assert "403" in err
    assert run("resolve", "a", "--locked", "--output", "x")[0] == 2


def git(*arguments: str) -> None:
    own = ["-c", "user.name=Test", "-c", "user.email=test@host.example"]
    subprocess.run(["git", *own, *arguments], check=True, capture_output=True)


def test_only_kernels_that_the_branch_touched(kernel: Make, run: Run) -> None:
    for folder in ("ada/a", "ada/ab", "bob/b"):
        kernel(folder)
    git("init", "--initial-branch=main")
    git("add", ".")
    git("commit", "--message=first")
    code, out, err = run("validate", "-r", ".", "--changed-since", "main", "-o", "json")
    assert (code, json.loads(out)["checked"]) == (0, [])
    assert err == "no kernel was touched since main\n"
    (Path("ada/a") / "notes.md").write_text("")
    kernel("bob/new")
    _, out, _ = run("validate", "-r", ".", "--changed-since", "main", "-o", "json")
    checked = ["ada/a/requirements.json", "bob/new/requirements.json"]
    assert json.loads(out)["checked"] == checked
    _, out, _ = run("validate", "ada/ab", "bob/new", "--changed-since", "main", "-o", "json")
    assert json.loads(out)["checked"] == checked[1:]
    assert run("validate", "-r", ".", "--changed-since", "nowhere")[0] == 2
    assert run("validate", "-r", ".", "--changed-since=-x")[0] == 2


def test_files_that_changed_stand_for_the_kernels_around_them(kernel: Make, run: Run) -> None:
    for folder in ("ada/a", "ada/b", "ada/b/inner"):
        kernel(folder)
    Path("ada/a/src").mkdir()
    files = ("ada/a/src/x.py", "ada/a/Dockerfile", "ada/b/inner/Dockerfile", "README.md", "gone/x")
    code, out, _ = run("validate", "--changed-files", "-o", "json", "--", *files)
    checked = ["ada/a/requirements.json", "ada/b/inner/requirements.json"]
    assert (code, json.loads(out)["checked"]) == (0, checked)
    assert run("validate", "--changed-files")[0] == 0
    code, out, err = run("validate", "--changed-files", "README.md", "-q")
    assert (code, out, err) == (0, "", "no kernel was touched\n")
    assert run("validate", "--changed-files", "-r", "x")[0] == 2


def test_a_kernel_that_is_the_whole_repository(kernel: Make, run: Run) -> None:
    kernel("")
    git("init", "--initial-branch=main")
    git("add", ".")
    git("commit", "--message=first")
    assert "no kernel" in run("validate", "--changed-since", "HEAD")[2]
    kernel("", "alpha")
    _, out, _ = run("validate", "--changed-since", "HEAD", "-o", "json")
    assert json.loads(out)["checked"] == ["requirements.json"]


@pytest.mark.parametrize(
    ("sent", "waiting"),
    [(signal.SIGINT, "uv/"), (signal.SIGTERM, "uv/"), (signal.SIGINT, "kernelspec")],
)
def test_an_interrupt_ends_promptly_and_leaves_nothing_behind(
    sent: signal.Signals, waiting: str, kernel: Make, tmp_path: Path
) -> None:
    for number in range(6):
        kernel(f"hub/k{number}", "alpha", f"common!=0.{number}")
    busy, release = Event(), Event()
    plain = tree(CATALOGUE)

    def slow(path: str, headers: Mapping[str, str]) -> Answer:
        if waiting in {name.lower(): value for name, value in headers.items()}["user-agent"]:
            busy.set()
            release.wait(60)
        return plain(path, headers)

    with serving(slow) as running:
        temporary = tmp_path / "temporary"
        temporary.mkdir()
        command = [sys.executable, "-m", "kernelspec_lib", "resolve", "-r", "hub"]
        process = subprocess.Popen(
            [*command, "--index-url", running.url],
            env=os.environ | {"TMPDIR": str(temporary)},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert busy.wait(60)
        children = _children(process.pid)
        # While pages are awaited, uv may be at work already, or not yet.
        assert children or waiting != "uv/"
        start = time.monotonic()
        process.send_signal(sent)
        _, told = process.communicate(timeout=30)
        took = time.monotonic() - start
        release.set()
    assert (process.returncode, told.strip()) == (130, "interrupted")
    assert took < 5
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]
    left = {path.name for path in Path("hub").rglob("*") if path.is_file()}
    assert left == {"requirements.json", "Dockerfile"}
    assert not [path for path in temporary.iterdir() if path.name.startswith("kernelspec-")]


def _children(pid: int) -> list[int]:
    told = "".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children"))
    return [int(one) for one in re.findall(r"\d+", told)]
