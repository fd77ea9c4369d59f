"""hooks/pre_gen_project.py: what it accepts, what it refuses, and that no answer leaves it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cookiecutter.utils import create_env_with_context
from packaging.requirements import Requirement

from kernelspec_lib import data, requirement, template
from tests.template import support

HOOK = support.ROOT / "hooks" / "pre_gen_project.py"

LIBS = (
    "pandas",
    "pandas==2.2.3",
    "pandas>=2,<3",
    "pandas~=2.2",
    "pandas!=2.0.*",
    "torch==2.4.0+cpu",
    "dask[dataframe]>=2024.1",
    "dask[dataframe,distributed]",
    "ruamel.yaml",
    "jaraco_text",
    "numpy==2.4.0rc1",
    "x==1.0.post1.dev2",
    'tomli;python_version<"3.11"',
    "tomli;python_version<'3.11'",
    'a==1;sys_platform=="linux"',
)

NO_LIBS = (
    "pandas=2.2",
    "pandas,numpy",
    "==2",
    "-r",
    "--extra-index-url",
    "https://user:secret@files.example/x.whl",
    "git+https://git.example/x.git",
    "./x",
    "x@https://files.example/x.whl",
    "x.whl/",
    "pandas>=2,<3;",
    "x;python_version",
    "x;foo=='1'",
    "библиотека",
    '"pandas"',
    "{{cookiecutter}}",
    "~=1",
    "x~=2",
    "x>=2.*",
    "a" * 1001,
)


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    module = ModuleType("hook")
    exec(HOOK.read_text(encoding="utf-8"), vars(module))  # noqa: S102
    return module


def rendered(answers: dict[str, Any]) -> str:
    """The hook as cookiecutter runs it after *answers*."""
    context = {"cookiecutter": answers}
    environment = create_env_with_context(context)
    return environment.from_string(HOOK.read_text(encoding="utf-8")).render(**context)


def test_patterns_and_lengths_are_those_of_the_schema(hook: ModuleType) -> None:
    properties = data.schema("requirements")["properties"]
    # Of the pipeline requirements.json says nothing.
    own = {name: text for name, text in hook.PATTERNS.items() if name != "pipeline"}
    assert {name: properties[name]["pattern"] for name in own} == own
    assert hook.MAX_LENGTHS["kernel_name"] == properties["kernel_name"]["maxLength"]
    assert hook.MAX_LENGTHS["display_name"] == properties["display_name"]["maxLength"]
    assert properties["libs"]["maxItems"] == hook.MAX_LIBS
    assert properties["libs"]["items"]["maxLength"] == hook.MAX_LIB
    for name in ("kernel_name", "display_name"):
        assert hook.ACCEPTED[name] == properties[name]["patternErrorMessage"]


def test_every_question_of_the_template_is_judged(hook: ModuleType) -> None:
    assert {one.name for one in template.questions()} == {*hook.PATTERNS, "libs"}


@pytest.mark.parametrize("question", template.questions(), ids=lambda one: one.name)
def test_defaults_and_choices_are_accepted(hook: ModuleType, question: template.Question) -> None:
    answers = question.choices or (template.suggestion(question, support.GOOD),)
    assert [hook.refusal(question.name, answer) for answer in answers] == [None] * len(answers)


@pytest.mark.parametrize("name", ["a", "churn-model", "py3.11", "0", "a" * 64])
def test_names_that_are_accepted(hook: ModuleType, name: str) -> None:
    assert hook.refusal("kernel_name", name) is None


@pytest.mark.parametrize("name", support.REFUSED_NAMES.values(), ids=support.REFUSED_NAMES)
def test_names_that_are_refused_say_what_is_accepted(hook: ModuleType, name: str) -> None:
    told = hook.refusal("kernel_name", name)
    assert "is not accepted as kernel_name; accepted: lower-case letters" in told
    assert told.isprintable()


@pytest.mark.parametrize("text", ["Ядро", 'a "b" \\ c', "{{ 7 * 7 }}", "'''", "x" * 100, " a "])
def test_display_names_that_are_accepted(hook: ModuleType, text: str) -> None:
    assert hook.refusal("display_name", text) is None


@pytest.mark.parametrize(
    "text", ["", " ", "a\nb", "a\tb", "a\u202eb", "\x1b[31m", "x" * 101, "<b>x</b>"]
)
def test_display_names_that_are_refused(hook: ModuleType, text: str) -> None:
    told = hook.refusal("display_name", text)
    assert told.endswith("accepted: 1 to 100 printable characters, not only spaces")
    assert told.isprintable()


@pytest.mark.parametrize("text", ["3", "3.", "3.011", "2.7", "3.11.4", "3.11\n", '"3.11"', ""])
def test_python_versions_that_are_refused(hook: ModuleType, text: str) -> None:
    told = hook.refusal("python_version", text)
    assert told.endswith('accepted: major and minor version, such as "3.11"')


@pytest.mark.parametrize("lib", LIBS)
def test_libs_that_are_accepted_are_requirements(hook: ModuleType, lib: str) -> None:
    assert hook.refusal("libs", lib) is None
    assert isinstance(requirement.read(lib), Requirement)


@pytest.mark.parametrize("lib", NO_LIBS, ids=range(len(NO_LIBS)))
def test_libs_that_are_refused_name_the_one(hook: ModuleType, lib: str) -> None:
    told = hook.refusal("libs", f"pandas {lib} numpy")
    assert told.startswith('"')
    assert "is not accepted as a library; accepted: names with versions" in told
    assert "secret" not in told


def test_two_libs_of_one_name_are_refused(hook: ModuleType) -> None:
    told = hook.refusal("libs", "scikit-learn Scikit_Learn==1.5")
    assert told.startswith('"Scikit_Learn==1.5" names a library that "scikit-learn" named already')


def test_commas_at_the_end_of_a_lib_separate_too(hook: ModuleType) -> None:
    assert hook.split("pandas, numpy>=1,<3,\tscipy ,") == ["pandas", "numpy>=1,<3", "scipy"]


HOSTILE = (
    "'''",
    '"""',
    '"); raise SystemExit(0) #',
    "\\",
    "\\'",
    "\\u0027",
    "\\N{BULLET}",
    "a\nimport os",
    "{{ cookiecutter }}",
    "{% endraw %}",
    "\u2028",
    "😀",
    "\x00",
)


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
@pytest.mark.parametrize("question", ["kernel_name", "display_name", "libs", "python_version"])
def test_no_answer_leaves_its_string(text: str, question: str) -> None:
    answers = {**support.GOOD, question: text, "_checkout": None}
    seen: list[dict[str, Any]] = []
    code = rendered(answers).replace("sys.exit(main(", "SEEN.append((")
    exec(code, {"__name__": "__main__", "SEEN": seen})  # noqa: S102
    assert seen == [answers]


def test_the_program_tells_every_refusal_and_fails(tmp_path: Path) -> None:
    answers = {**support.GOOD, "kernel_name": "A", "display_name": "\n", "libs": "x=1"}
    script = tmp_path / "hook.py"
    script.write_text(rendered(answers), encoding="utf-8")
    told = subprocess.run([sys.executable, "-I", script], capture_output=True, text=True)
    assert (told.returncode, told.stdout) == (1, "")
    assert [line.split(" is not")[0] for line in told.stderr.splitlines()] == [
        '"A"',
        json.dumps("\n"),
        '"x=1"',
    ]


def test_the_program_accepts_good_answers_in_silence(tmp_path: Path) -> None:
    script = tmp_path / "hook.py"
    script.write_text(rendered(dict(support.GOOD)), encoding="utf-8")
    told = subprocess.run([sys.executable, "-I", script], capture_output=True, text=True)
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")


def test_needs_only_the_standard_library(hook: ModuleType) -> None:
    modules = {name for name, value in vars(hook).items() if isinstance(value, ModuleType)}
    assert modules <= set(sys.stdlib_module_names)


WHEEL = f"https://index.example/w/kernelspec_lib-1.0-py3-none-any.whl#sha256={'0' * 64}"


@pytest.mark.parametrize(
    "source",
    [
        "runner",
        WHEEL,
        "registry.example/ci/kernelspec:1.2",
        "registry.example:5000/ci/kernelspec",
        f"registry.example/ci/kernelspec@sha256:{'0' * 64}",
        "group/ci:kernels.yml",
        "Group/sub_group/ci:/pipelines/kernels.yaml",
    ],
)
def test_sources_of_the_pipeline_that_are_accepted(hook: ModuleType, source: str) -> None:
    assert hook.refusal("pipeline", source) is None


@pytest.mark.parametrize(
    "source",
    [
        "",
        "kernelspec-lib",
        "kernelspec-lib==1.0",
        "https://index.example/w/kernelspec_lib-1.0-py3-none-any.whl",
        WHEEL.replace("https", "http"),
        WHEEL + "0",
        WHEEL + "\n",
        "registry.example/ci/kernelspec:1 --privileged",
        "group/ci:kernels.yml: x",
        'a/b"',
        "a/" * 20_000,
    ],
)
def test_by_its_bare_name_the_library_is_never_installed(hook: ModuleType, source: str) -> None:
    assert "is not accepted as pipeline; accepted: " in hook.refusal("pipeline", source)
