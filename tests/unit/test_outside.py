"""Nothing from a file passes through a shell, leaves its folder, adds an option or a line."""

from __future__ import annotations

import ast
import json
import os
import re
import tempfile
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

import kernelspec_lib
from kernelspec_lib import cli, document
from kernelspec_lib import project as projects
from kernelspec_lib.checks import schema
from kernelspec_lib.cli.look import FIELDS
from kernelspec_lib.kernels import spec
from kernelspec_lib.kernels.identity import Owner
from kernelspec_lib.packages import lock
from kernelspec_lib.packages.lock import Garbled, Lock, LockedPackage
from kernelspec_lib.packages.pages import File
from kernelspec_lib.packages.target import Target
from kernelspec_lib.packages.wire import from_html
from kernelspec_lib.policy import Policy
from kernelspec_lib.project import KernelProject, Place
from tests.projects import DOCKERFILE

ADA = Owner(login="ada", uid=1000, gid=1000)
HOUSE = Path(kernelspec_lib.__file__).parent
MODULES = [path for path in HOUSE.rglob("*.py") if "_data" not in path.parts]
GOOD = {"kernel_name": "churn", "python_version": "3.11", "libs": ["ipykernel"]}

# -- documents that the schema admits

NASTY = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"])
    | st.sampled_from(list("{}$`'\"\\;|&<>#=-,@ ")),
    max_size=30,
)
NAME = st.from_regex(r"[a-z0-9]{1,5}([.-][a-z0-9]{1,5}){0,3}", fullmatch=True)
SIZE = st.from_regex(r"[1-9][0-9]{1,2}[mg]", fullmatch=True)
LIBS = st.lists(
    st.sampled_from(
        [
            "pandas==2.2.3",
            "numpy >=1,<3",
            "torch==2.6.0+cpu",
            "a[b,c]; python_version<'4'",
            "x===1.0",
        ]
    ),
    max_size=3,
    unique=True,
)
IMAGE = "registry.example:5000/a/b_c@sha256:" + "0" * 64
ADMITTED = st.fixed_dictionaries(
    {
        "kernel_name": NAME,
        "python_version": st.sampled_from(["3.8", "3.11", "3.14"]),
        "libs": LIBS.map(lambda libs: ["ipykernel", *libs]),
    },
    optional={
        "$schema": NASTY,
        "display_name": NASTY,
        "base_image": st.sampled_from(["python:3.11-slim", IMAGE]),
        "image_name": NAME,
        "image_version": st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True),
        "system_packages": st.lists(st.sampled_from(["g++", "libgomp1", "lib++x-1"]), max_size=2),
        "resources": st.fixed_dictionaries(
            {},
            optional={
                "memory": SIZE,
                "cpus": st.floats(0, 1024, exclude_min=True) | st.integers(1, 1024),
                "pids": st.integers(1, 4194304) | st.integers(1, 9999).map(float),
                "shm_size": SIZE,
                "gpus": st.just("all") | st.integers(1, 64) | st.integers(1, 64).map(float),
            },
        ),
        "environment": st.dictionaries(
            st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,10}", fullmatch=True), NASTY, max_size=4
        ),
    },
)  # fmt: skip


def admitted(value: dict[str, Any]) -> KernelProject | None:
    source = document.read(json.dumps(value, ensure_ascii=False).encode())
    if any(one.is_error for one in schema.check(source, "requirements.json")):
        return None
    place = Place(requirements="requirements.json", folder=Path(), whole=False)
    return projects.from_document(place, source)


OPTIONS = re.compile(
    r"--(rm|init|pull=never|log-driver=none|network=host|cap-drop=ALL|cap-add=DAC_OVERRIDE"
    r"|security-opt=no-new-privileges|user=[0-9]+:[0-9]+|label=kernelspec\.(owner=ada|kernel="
    r"[a-z0-9.-]+|connection_file=\{connection_file\})|workdir=/home/ada/work|pids-limit=[0-9]+"
    r"|memory=[0-9]+|memory-swap=[0-9]+|cpus=[0-9]+(\.[0-9]+)?|shm-size=[0-9]+|gpus=(all|[0-9]+)"
    r"|mount=type=bind,(\"source=\{connection_file\}\"|source=/home/ada/work)"
    r",target=(/connection-spec|/home/ada/work)|env=[A-Za-z_][A-Za-z0-9_]*=[^\x00-\x1f]*)"
)
"""All that stands before the image. Only the value of --env is free text, in the same word."""


@given(value=ADMITTED)
def test_no_word_of_an_admitted_document_becomes_an_option(value: dict[str, Any]) -> None:
    project = admitted(value)
    if project is None:
        return
    words = spec.emit(project, Policy(), ADA).argv
    image = f"ada_{project.image_name}:{project.image_version}"
    before, behind = words[2 : words.index(image)], words[words.index(image) + 1 :]
    assert words[:2] == ("docker", "run")
    assert behind == spec.COMMAND
    for word in before:
        assert OPTIONS.fullmatch(word), word
    plain = ("env", "mount", "label")
    names = [one.partition("=")[0] for one in before]
    assert all(names.count(one) == 1 for one in names if one[2:] not in plain)


@settings(max_examples=40)
@given(value=ADMITTED)
def test_jupyter_replaces_the_connection_file_and_nothing_else(value: dict[str, Any]) -> None:
    project = admitted(value)
    if project is None:
        return
    emitted = spec.emit(project, Policy(), ADA)
    with tempfile.TemporaryDirectory() as name:
        spec.write(emitted, Path(name, project.kernel_name), {})
        found = KernelSpecManager(kernel_dirs=[name], ensure_native_kernel=False)
        loaded = found.get_kernel_spec(project.kernel_name)
        assert (tuple(loaded.argv), loaded.display_name) == (emitted.argv, project.display_name)
        manager = KernelManager(kernel_name=project.kernel_name, kernel_spec_manager=found)
        manager.connection_file = "/run/kernel-1.json"
        words = manager.format_kernel_cmd()
    expected = [one.replace("{connection_file}", "/run/kernel-1.json") for one in emitted.argv]
    assert words == expected


COMMANDING = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Categories of what ends a line, commands a terminal or cannot be seen (Unicode, 4.5)."""


@example(
    value={
        "kernel_name": "churn",
        "python_version": "3.11",
        "libs": ["ipykernel"],
        "environment": {"A": "\xa0"},
    }
)
@given(value=ADMITTED)
def test_what_get_prints_is_one_line_for_each_value(value: dict[str, Any]) -> None:
    project = admitted(value)
    if project is None:
        return
    for field, read in FIELDS.items():
        told = read(project)
        for line in [told] if isinstance(told, str) else list(told):  # type: ignore[call-overload]
            # A dotenv file and a shell's $(…) end at a line's end, and splitlines knows them all.
            assert len(str(line).splitlines()) <= 1, field
            # Python calls a no-break space not printable. It may stand in a variable all the same.
            assert not {unicodedata.category(one) for one in str(line)} & COMMANDING, field


# -- files


@pytest.mark.parametrize("name", ["requirements.json", "Dockerfile", "requirements.lock"])
@pytest.mark.parametrize("target", ["/etc/passwd", "../secret", "/dev/zero"])
def test_no_file_of_a_kernel_leads_out_of_its_folder(
    tmp_path: Path, name: str, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "secret").write_text("s3cret = [\n")
    folder = tmp_path / "kernel"
    folder.mkdir()
    (folder / "requirements.json").write_text(json.dumps(GOOD))
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(target)
    command = ["try", "--engine", "venv"] if name.endswith("lock") else ["validate"]
    assert cli.run([*command, str(folder)]) == 1
    told = capsys.readouterr()
    assert "s3cret" not in told.out + told.err
    assert "root:" not in told.out + told.err
    assert "leads out of the kernel's folder" in told.out + told.err


def test_a_folder_or_a_pipe_in_place_of_a_file_is_a_wrong_call(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a" / "requirements.json").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    os.mkfifo(tmp_path / "b" / "requirements.json")
    for name in "ab":
        assert cli.run(["validate", str(tmp_path / name)]) == 2
        assert "is not a file" in capsys.readouterr().err


@settings(max_examples=60)
@given(
    raw=st.binary(max_size=200) | st.text(max_size=200).map(str.encode),
    name=st.sampled_from(["requirements.json", "Dockerfile", "requirements.lock", "policy.json"]),
)
def test_any_bytes_in_a_file_end_in_order(
    raw: bytes, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp() / "any-bytes"
    folder.mkdir(exist_ok=True)
    good = {"requirements.json": json.dumps(GOOD), "Dockerfile": DOCKERFILE}
    for file, text in {**good, "requirements.lock": "", "policy.json": "{}"}.items():
        (folder / file).write_text(text)
    (folder / name).write_bytes(raw)
    site = ("--policy", str(folder / "policy.json"))
    assert cli.run(["validate", "--quiet", *site, str(folder)]) in (0, 1, 2)
    # Without a lock it goes no further than to say so.
    assert cli.run(["try", "--engine", "venv", *site, str(folder)]) in (1, 2)


def test_a_lock_written_over_a_link_leaves_its_target_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("as it was")
    (tmp_path / "kernel").mkdir()
    link = tmp_path / "kernel" / "requirements.lock"
    link.symlink_to("../precious")
    package = LockedPackage(name="ipykernel", version="7.1.0", hashes=(f"sha256:{'a' * 64}",))
    made = Lock(python_version="3.11", fingerprint="0" * 64, packages=(package,))
    lock.write(made, link)
    assert (tmp_path / "precious").read_text() == "as it was"
    assert lock.read(link) == made


def test_a_lock_with_a_line_that_only_pip_sees_is_none() -> None:
    text = (
        "# The lock of requirements.json, written by `kernelspec resolve`. Do not edit.\n"
        f"# python 3.11\n# requirements sha256:{'0' * 64}\n"
        f"ipykernel==7.1.0 \\\n    --hash=sha256:{'a' * 64}\n    # asked for: ipykernel\n"
    )
    assert not isinstance(lock.parse(text), Garbled)
    for end in "\f\v\x1c\x1d\x1e\r":
        hidden = text.replace("for: ipykernel", f"for: ipykernel{end}--index-url=https://x.example")
        assert lock.parse(hidden) == Garbled(line=6, reason="it holds a control character")


# -- programs and the terminal


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_no_module_starts_a_shell(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        assert called not in ("os.system", "os.popen", "subprocess.getoutput"), path
        assert not any(one.arg == "shell" for one in node.keywords), path


def test_the_command_line_has_one_way_out() -> None:
    """Besides common.echo, only the errors and the reports, which escape for themselves."""
    for path in (HOUSE / "cli").rglob("*.py"):
        if path.name in ("common.py", "__init__.py", "reporting.py"):
            continue
        assert "click.echo(" not in path.read_text(encoding="utf-8"), f"{path}: use common.echo"


# -- the index


def test_a_wheel_that_stands_for_more_tags_than_anybody_needs_fits_nothing() -> None:
    target = Target(python_version="3.11", python_full_version="3.11.9")
    many = ".".join("abcdefghijk")
    for tags in (f"py3.{many}-none.{many}-any.{many}", ".py3-none-any", "py3-none-"):
        page = from_html(
            "alpha",
            f'<a href="alpha-1.0-{tags}.whl">x</a>'.encode(),
            "https://index.example/alpha/",
        )
        files: list[File] = [one for version in page.releases for one in page.of(version)]
        assert all(one.rank(target) is None for one in files)
