"""The template under cookiecutter and cruft, as programs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.template import support
from tests.template.support import GOOD, module


def words(**answers: str) -> list[str]:
    return [f"{name}={answer}" for name, answer in {**GOOD, **answers}.items()]


def test_from_a_path_with_defaults(home: Path, out: Path) -> None:
    module("cookiecutter", support.ROOT, "--no-input", "-o", out, home=home)
    assert support.files_of(out / "my-kernel") == support.FILES
    assert support.findings(out / "my-kernel") == []
    value = support.requirements(out / "my-kernel")
    assert (value["kernel_name"], value["display_name"]) == ("my-kernel", "My kernel")
    assert (value["python_version"], value["libs"]) == ("3.11", ["ipykernel", "pandas"])


def test_from_a_git_url_with_answers(repository: Path, home: Path, out: Path) -> None:
    # cookiecutter knows a git address by the word in it.
    bare = home / "kernels.git"
    support.run("git", "clone", "--quiet", "--bare", repository, bare, home=home)
    answers = words(libs="polars", python_version="3.13")
    module("cookiecutter", bare.as_uri(), "--no-input", "-o", out, *answers, home=home)
    assert support.files_of(out / "churn-model") == support.FILES
    assert support.requirements(out / "churn-model")["libs"] == ["ipykernel", "polars"]
    assert support.findings(out / "churn-model") == []


def test_replay_gives_the_same_kernel(repository: Path, home: Path, out: Path) -> None:
    answers = words(display_name='Say "hi" \\')
    module("cookiecutter", repository, "--no-input", "-o", out / "one", *answers, home=home)
    module("cookiecutter", repository, "--replay", "-o", out / "two", home=home)
    one, two = out / "one" / "churn-model", out / "two" / "churn-model"
    for name in support.FILES:
        assert (one / name).read_bytes() == (two / name).read_bytes()


@pytest.mark.parametrize(
    "name", ["a/b", "../x", "", ".", "A B", "ядро", "kernel\n", "a" * 5000], ids=ascii
)
def test_a_refused_name_leaves_nothing_behind(home: Path, out: Path, name: str) -> None:
    inner = out / "inner"
    inner.mkdir()
    told = module(
        "cookiecutter",
        *(support.ROOT, "--no-input", "-o", inner, f"kernel_name={name}"),
        home=home,
        code=1,
    )
    assert "is not accepted as kernel_name; accepted: lower-case letters" in told.stderr
    assert [path.name for path in out.rglob("*")] == ["inner"]


def test_a_refused_name_of_a_replay_leaves_nothing_behind(home: Path, out: Path) -> None:
    replay = home / "answers.json"
    replay.write_text(json.dumps({"cookiecutter": {**GOOD, "kernel_name": "A B"}}))
    command = (support.ROOT, "--replay-file", replay, "-o", out)
    told = module("cookiecutter", *command, home=home, code=1)
    assert '"A B" is not accepted as kernel_name' in told.stderr
    assert [*out.iterdir()] == []


def test_a_replay_of_the_answers_alone_is_enough(home: Path, out: Path) -> None:
    replay = home / "answers.json"
    settings = json.loads((support.ROOT / "cookiecutter.json").read_text(encoding="utf-8"))
    kept = {"_copy_without_render": settings["_copy_without_render"]}
    replay.write_text(json.dumps({"cookiecutter": {**GOOD, **kept}}))
    module("cookiecutter", support.ROOT, "--replay-file", replay, "-o", out, home=home)
    assert support.findings(out / "churn-model") == []


@pytest.mark.parametrize("answer", ["libs=x=1", "display_name= ", "libs=--index-url"])
def test_another_refused_answer_leaves_nothing_behind(home: Path, out: Path, answer: str) -> None:
    command = (support.ROOT, "--no-input", "-o", out, answer)
    told = module("cookiecutter", *command, home=home, code=1)
    assert "; accepted: " in told.stderr
    assert [*out.iterdir()] == []


def test_asks_with_the_prompts_and_takes_hostile_answers(home: Path, out: Path) -> None:
    typed = "churn-model\n{{ 7 * 7 }} \"'''\\\n2\npandas>=2,<3\n\n"
    command = [sys.executable, "-m", "cookiecutter", str(support.ROOT), "-o", str(out)]
    told = subprocess.run(
        command, input=typed, env=support.environment(home), capture_output=True, text=True
    )
    assert told.returncode == 0, told.stderr
    # rich breaks lines, and colours nothing where there is no terminal.
    shown = " ".join(told.stdout.split())
    settings = json.loads((support.ROOT / "cookiecutter.json").read_text(encoding="utf-8"))
    for prompt in settings["__prompts__"].values():
        assert prompt in shown
    value = support.requirements(out / "churn-model")
    assert value["display_name"] == "{{ 7 * 7 }} \"'''\\"
    assert (value["python_version"], value["libs"]) == ("3.12", ["ipykernel", "pandas>=2,<3"])


def test_cruft_creates_and_updates(repository: Path, home: Path, out: Path) -> None:
    upstream = home / "upstream"
    shutil.copytree(repository, upstream, symlinks=True)
    context = json.dumps(GOOD)
    module(
        "cruft",
        *("create", upstream, "--no-input", "--output-dir", out, "--extra-context", context),
        home=home,
    )
    kernel = out / "churn-model"
    assert support.files_of(kernel) == support.FILES | {".cruft.json"}
    assert support.findings(kernel) == []
    own = kernel / "requirements.json"
    own.write_text(own.read_text().replace('"pandas>=2,<3"', '"pandas>=2,<3",\n    "polars"'))
    support.commit(kernel, home)

    dockerfile = upstream / support.TEMPLATE / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text() + "# A second line of the template.\n")
    schema = upstream / "schema" / "requirements.schema.json"
    schema.write_text(schema.read_text().replace("One Jupyter kernel", "One kernel"))
    newest = support.commit(upstream, home)
    module("cruft", "update", "--skip-apply-ask", home=home, cwd=kernel)

    assert (kernel / "Dockerfile").read_text().endswith("\n# A second line of the template.\n")
    copy = kernel / ".kernelspec" / "requirements.schema.json"
    assert copy.read_bytes() == schema.read_bytes()
    assert support.requirements(kernel)["libs"] == ["ipykernel", "pandas>=2,<3", "polars"]
    assert json.loads((kernel / ".cruft.json").read_text())["commit"] == newest
    module("cruft", "check", home=home, cwd=kernel)


def test_cruft_leaves_nothing_of_a_refused_name(repository: Path, home: Path, out: Path) -> None:
    context = json.dumps({**GOOD, "kernel_name": "a/b"})
    command = ("create", repository, "--no-input", "--output-dir", out, "--extra-context")
    told = module("cruft", *command, context, home=home, code=1)
    assert '"a/b" is not accepted as kernel_name' in told.stderr
    assert [*out.iterdir()] == []
