"""`kernelspec new`: the packaged template, offline, with no home to write into."""

from __future__ import annotations

import compileall
import os
import pty
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from kernelspec_lib import errors, template
from kernelspec_lib.cli import run
from tests.template import support

NEXT = ("kernelspec lint .", "kernelspec build .", "kernelspec try .")


def test_defaults_give_a_clean_kernel_and_the_next_steps(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["new", "--no-input", "--output-dir", str(out)]) == 0
    assert support.files_of(out / "my-kernel") == support.FILES
    assert support.findings(out / "my-kernel") == []
    told = capsys.readouterr()
    lines = [line.partition("#")[0].strip() for line in told.out.splitlines()[2:]]
    assert lines == [f"cd {out / 'my-kernel'}", *NEXT]
    assert told.err == ""


def test_gives_what_cookiecutter_gives(home: Path, out: Path) -> None:
    support.module("cookiecutter", support.ROOT, "--no-input", "-o", out / "a", home=home)
    run(["new", "--no-input", "-O", str(out / "b")])
    for name in support.FILES:
        one, other = out / "a" / "my-kernel" / name, out / "b" / "my-kernel" / name
        assert one.read_bytes() == other.read_bytes(), name
        assert one.stat().st_mode == other.stat().st_mode, name


def test_options_are_answers(out: Path) -> None:
    names = ["--kernel-name", "churn-model", "--display-name", "{{ 7*7 }} {% \"q\" '''\\"]
    libs = ["--lib", "pandas >= 2, < 3", "--lib", "tomli ; python_version < '3.11'"]
    extras = ["--lib", "dask [dataframe, distributed]", "--lib", "numpy scipy"]
    code = run(["new", "--no-input", "-O", str(out), *names, *libs, *extras, "--python", "3.13"])
    assert code == 0
    value = support.requirements(out / "churn-model")
    assert value["display_name"] == "{{ 7*7 }} {% \"q\" '''\\"
    assert value["python_version"] == "3.13"
    assert value["libs"] == [
        "ipykernel",
        "pandas>=2,<3",
        "tomli;python_version<'3.11'",
        "dask[dataframe,distributed]",
        "numpy",
        "scipy",
    ]


def test_the_display_name_follows_the_kernel_name(out: Path) -> None:
    run(["new", "--no-input", "-O", str(out), "--kernel-name", "churn-model"])
    assert support.requirements(out / "churn-model")["display_name"] == "Churn model"


@pytest.mark.parametrize("name", support.REFUSED_NAMES.values(), ids=support.REFUSED_NAMES)
def test_a_refused_name_is_wrong_usage_and_leaves_nothing(
    out: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    inner = out / "inner"
    assert run(["new", "--no-input", "-O", str(inner), "--kernel-name", name]) == 2
    told = capsys.readouterr()
    assert "is not accepted as kernel_name; accepted: lower-case letters" in told.err
    assert told.err.count("\n") == 1
    assert (told.out, [*out.iterdir()]) == ("", [])


@pytest.mark.parametrize(
    ("option", "value"),
    [("--display-name", "a\nb"), ("--python", "3.x"), ("--lib", "x=1"), ("--lib", "--pre")],
)
def test_another_refused_answer_is_wrong_usage(
    out: Path, capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    assert run(["new", "--no-input", "-O", str(out), f"{option}={value}"]) == 2
    assert "; accepted: " in capsys.readouterr().err
    assert [*out.iterdir()] == []


@pytest.mark.parametrize("kind", ["folder", "empty folder", "file", "broken link"])
def test_never_touches_what_exists(
    out: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    there = out / "my-kernel"
    match kind:
        case "folder":
            there.mkdir()
            (there / "Dockerfile").write_text("FROM mine\n")
        case "empty folder":
            there.mkdir()
        case "file":
            there.write_text("mine")
        case _:
            there.symlink_to("nowhere")
    before = sorted(out.rglob("*"))
    assert run(["new", "--no-input", "-O", str(out)]) == 2
    assert f"{there} exists already" in capsys.readouterr().err
    assert sorted(out.rglob("*")) == before
    if kind == "folder":
        assert (there / "Dockerfile").read_text() == "FROM mine\n"


def test_a_place_that_cannot_be_written_is_the_worlds_fault(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (out / "file").write_text("")
    assert run(["new", "--no-input", "-O", str(out / "file" / "below")]) == 3
    assert capsys.readouterr().err.startswith(f"kernelspec: cannot write {out / 'file'}")


def test_an_interrupted_run_leaves_nothing(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("cookiecutter.generate.generate_file", interrupted)
    assert run(["new", "--no-input", "-O", str(out)]) == 130
    assert [*out.iterdir()] == []


def test_generate_refuses_before_it_writes(out: Path) -> None:
    with pytest.raises(errors.UsageError, match='"x=1" is not accepted as a library'):
        template.generate({**support.GOOD, "libs": "x=1"}, out / "new")
    assert [*out.iterdir()] == []


def typed(out: Path, home: Path, answers: str, *options: str) -> tuple[int, str]:
    """The exit code and the screen of `kernelspec new` on a terminal where *answers* are typed."""
    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "kernelspec_lib", "new", "-O", str(out), *options]
    with subprocess.Popen(
        command, stdin=terminal, stdout=terminal, stderr=terminal, env=support.environment(home)
    ) as process:
        os.close(terminal)
        os.write(controller, answers.encode())
        shown = b""
        while True:
            try:
                piece = os.read(controller, 65536)
            except OSError:  # Linux says so when the last writer is gone
                break
            if not piece:
                break
            shown += piece
    os.close(controller)
    return process.returncode, shown.decode()


def test_asks_on_a_terminal_and_asks_again(home: Path, out: Path) -> None:
    code, screen = typed(out, home, "Churn Model\nchurn-model\n\n3.x\n3.12\npolars\n\n")
    assert code == 0, screen
    for question in template.questions():
        assert question.prompt in screen
    assert 'Error: "Churn Model" is not accepted as kernel_name' in screen
    assert 'Error: "3.x" is not accepted as python_version' in screen
    value = support.requirements(out / "churn-model")
    assert (value["display_name"], value["python_version"]) == ("Churn model", "3.12")
    assert value["libs"] == ["ipykernel", "polars"]


def test_asks_only_what_no_option_answers(home: Path, out: Path) -> None:
    options = ("--kernel-name", "churn-model", "--display-name", "x", "--python", "3.12")
    code, screen = typed(out, home, "\n\n", *options)
    assert code == 0, screen
    prompts = {one.name: one.prompt in screen for one in template.questions()}
    assert [name for name, asked in prompts.items() if asked] == ["libs", "pipeline"]


def test_the_end_of_input_on_a_terminal_is_an_interruption(home: Path, out: Path) -> None:
    code, screen = typed(out, home, "\x04")
    assert code == 130
    assert "Traceback" not in screen
    assert [*out.iterdir()] == []


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as pip installs it: unpacked, and byte-compiled."""
    folder = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=support.ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "site")
    assert compileall.compile_dir(folder / "site", quiet=1)
    return folder / "site"


def test_the_packaged_template_needs_no_home_and_no_network(installed: Path, out: Path) -> None:
    (out / "no-folder").write_text("")
    environment = {"HOME": str(out / "no-folder"), "PATH": "", "http_proxy": "http://127.0.0.1:9"}
    probe = (
        "import sys, socket\n"
        "def refuse(event, arguments):\n"
        "    if event in ('socket.connect', 'subprocess.Popen', 'os.exec', 'os.system'):\n"
        "        raise AssertionError(event)\n"
        "sys.addaudithook(refuse)\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "import kernelspec_lib.data\n"
        "assert str(kernelspec_lib.data.root()).startswith(sys.argv[1])\n"
        "from kernelspec_lib.cli import main\n"
        "main(['new', '--no-input', '-O', sys.argv[2]])\n"
    )
    before = support.files_of(installed)
    told = subprocess.run(
        [sys.executable, "-c", probe, str(installed), str(out / "made")],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stderr
    assert support.files_of(out / "made" / "my-kernel") == support.FILES
    assert support.findings(out / "made" / "my-kernel") == []
    assert not (
        out / "made" / "my-kernel" / ".kernelspec" / "requirements.schema.json"
    ).is_symlink()
    data_before = {name for name in before if "_data" in name}
    assert {name for name in support.files_of(installed) if "_data" in name} == data_before
    assert not [name for name in data_before if support.TEMPLATE in name and ".pyc" in name]
