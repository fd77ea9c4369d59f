"""Every variant of the template: what it generates, and that the schema check finds nothing."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from kernelspec_lib import data, template
from tests.template import support

VERSIONS = next(one.choices for one in template.questions() if one.name == "python_version")

TEXTS = (
    "Churn model",
    "Отток клиентов 📉",
    'a "b" c',
    "back\\slash \\n \\u0041 \\",
    "'''",
    "{{ cookiecutter.libs }} {% if %} {# #}",
    "a < b > c </ `x` [a](b) # *",
    '", "stage": "production',
    "${HOME} $(id) `id`",
    "x" * 100,
)

LIBS: dict[str, list[str]] = {
    "": ["ipykernel"],
    "pandas": ["ipykernel", "pandas"],
    "pandas>=2,<3 numpy": ["ipykernel", "pandas>=2,<3", "numpy"],
    "pandas, numpy ,": ["ipykernel", "pandas", "numpy"],
    "pandas ipykernel": ["pandas", "ipykernel"],
    "IPyKernel==6.29.5": ["IPyKernel==6.29.5"],
    "ipykernel[test]": ["ipykernel[test]"],
    "ipykernel-extra": ["ipykernel", "ipykernel-extra"],
    "ipykernelx>=1": ["ipykernel", "ipykernelx>=1"],
    'tomli;python_version<"3.11"': ["ipykernel", 'tomli;python_version<"3.11"'],
}


def made(out: Path, **answers: str) -> Path:
    return template.generate({**support.GOOD, **answers}, out)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_kernel_of_each_python(out: Path, version: str) -> None:
    folder = made(out, python_version=version)
    assert support.requirements(folder) == {
        "$schema": ".kernelspec/requirements.schema.json",
        "kernel_name": "churn-model",
        "display_name": "Churn model",
        "python_version": version,
        "libs": ["ipykernel", "pandas>=2,<3"],
        "system_packages": [],
    }
    assert support.findings(folder) == []
    lines = (folder / "Dockerfile").read_text().splitlines()
    assert f"ARG BASE_IMAGE=python:{version}-slim" in lines
    assert support.files_of(folder) == support.FILES


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_any_text_comes_out_as_it_went_in(out: Path, text: str) -> None:
    folder = made(out, display_name=text)
    assert support.requirements(folder)["display_name"] == text
    assert support.findings(folder) == []


@pytest.mark.parametrize("libs", LIBS)
def test_libs_are_listed_and_ipykernel_is_among_them(out: Path, libs: str) -> None:
    folder = made(out, libs=libs)
    assert support.requirements(folder)["libs"] == LIBS[libs]
    assert support.findings(folder) == []


@pytest.mark.parametrize("text", ["\n", 'a\n", "stage": "production', "\u202e", "\x00", "\ud800"])
def test_a_text_that_no_hook_refused_stays_in_its_string(text: str) -> None:
    # `cookiecutter --accept-hooks=no` runs no hook.
    from cookiecutter.utils import create_env_with_context

    source = (support.ROOT / support.TEMPLATE / "requirements.json").read_text(encoding="utf-8")
    environment = create_env_with_context({"cookiecutter": {}})
    for name in set(support.GOOD) - {"pipeline"}:
        answers = {**support.GOOD, name: text}
        value: Any = json.loads(environment.from_string(source).render(cookiecutter=answers))
        assert len(value) == 6
        if name != "libs":
            assert value[name] == text


def test_other_files_hold_no_free_text(out: Path) -> None:
    plain = made(out / "plain")
    odd = made(out / "odd", display_name="ODD-TEXT", libs="odd-lib")
    for name in support.FILES - {"requirements.json"}:
        assert (plain / name).read_bytes() == (odd / name).read_bytes(), name


def test_readable_text_is_not_escaped(out: Path) -> None:
    text = (made(out, display_name="Ядро") / "requirements.json").read_text(encoding="utf-8")
    assert '\n  "display_name": "Ядро",\n' in text
    assert text.endswith("}\n")


def test_no_jinja_is_left_over(out: Path) -> None:
    folder = made(out)
    for name in support.FILES:
        content = (folder / name).read_bytes()
        assert not re.search(rb"\{\{|\{%|cookiecutter", content), name


def test_names_of_the_kernel_stand_where_they_should(out: Path) -> None:
    folder = made(out)
    assert (folder / "README.md").read_text().startswith("# churn-model\n")
    assert "churn-model" in (folder / "Dockerfile").read_text().splitlines()[0]


def test_editors_find_the_schema_offline(out: Path) -> None:
    folder = made(out)
    copy = folder / support.requirements(folder)["$schema"]
    assert not copy.is_symlink()
    assert json.loads(copy.read_text(encoding="utf-8")) == data.schema("requirements")


def test_the_template_keeps_no_second_copy_of_the_schema() -> None:
    name = f"{support.TEMPLATE}/.kernelspec/requirements.schema.json"
    assert os.readlink(support.ROOT / name) == "../../schema/requirements.schema.json"  # noqa: PTH115
    told = subprocess.run(
        ["git", "ls-files", "--stage", "--", name],
        cwd=support.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.startswith("120000 "), "git keeps it as a link"


def test_the_template_holds_nothing_that_pip_compiles() -> None:
    assert [*(support.ROOT / support.TEMPLATE).rglob("*.py*")] == []


def test_every_question_has_a_prompt() -> None:
    settings = json.loads((support.ROOT / "cookiecutter.json").read_text(encoding="utf-8"))
    names = {name for name in settings if not name.startswith("_")}
    assert names == set(settings["__prompts__"]) == set(support.GOOD)
    assert {"*.png", ".kernelspec/*"} <= set(settings["_copy_without_render"])


def checked(path: Path) -> dict[str, Any]:
    """The pipeline at *path*, which GitLab's own schema admits."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.gitlab-ci"]
    told = subprocess.run([*command, path], capture_output=True, text=True)
    assert told.returncode == 0, told.stdout
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


def test_gitlab_takes_the_pipeline(out: Path) -> None:
    pipeline = checked(made(out) / ".gitlab-ci.yml")
    assert pipeline["stages"] == ["lint", "build", "test", "deploy"]
    scripts = {stage: pipeline[stage]["script"] for stage in pipeline["stages"]}
    assert scripts == {
        "lint": [
            "kernelspec lint . --output-file gitlab=codequality.json --output-file junit=junit.xml"
        ],
        "build": ["kernelspec build . --push --dotenv build.env"],
        "test": ["kernelspec try . --engine docker"],
        "deploy": ["kernelspec install ."],
    }
    assert pipeline["lint"]["artifacts"] == {
        "when": "always",
        "paths": ["requirements.lock"],
        "reports": {"codequality": "codequality.json", "junit": "junit.xml"},
    }
    assert pipeline["lint"]["retry"]["exit_codes"] == [3]
    assert pipeline["build"]["artifacts"]["reports"] == {"dotenv": "build.env"}
    assert pipeline["deploy"]["interruptible"] is False


def test_the_pipeline_gets_kernelspec_from_where_the_template_was_told(out: Path) -> None:
    image = f"registry.example/ci/kernelspec@sha256:{'0' * 64}"
    wheel = f"https://index.example/kernelspec_lib-1.0-py3-none-any.whl#sha256={'1' * 64}"
    found = checked(made(out / "image", pipeline=image) / ".gitlab-ci.yml")
    assert found["default"]["image"] == image
    found = checked(made(out / "wheel", pipeline=wheel) / ".gitlab-ci.yml")
    assert found["default"]["before_script"] == [
        f'python3 -m pip install --quiet "kernelspec-lib @ {wheel}"'
    ]
    found = checked(made(out / "runner") / ".gitlab-ci.yml")
    assert not {"image", "before_script"} & set(found["default"])


def test_the_sites_own_pipeline_is_included_and_nothing_else(out: Path) -> None:
    folder = made(out, pipeline="group/ci:kernels.yml")
    found = checked(folder / ".gitlab-ci.yml")
    assert found == {"include": [{"project": "group/ci", "file": "/kernels.yml"}]}
    assert support.findings(folder) == []


def test_commands_named_in_the_files_exist(out: Path) -> None:
    from kernelspec_lib.cli import COMMANDS

    folder = made(out)
    for name in ("README.md", ".gitlab-ci.yml", ".pre-commit-config.yaml", "Dockerfile"):
        text = (folder / name).read_text(encoding="utf-8")
        named = set(re.findall(r"kernelspec ([a-z]+)", text))
        assert named <= set(COMMANDS), name


@pytest.mark.parametrize("size", [32, 64])
def test_logos_are_as_large_as_jupyter_wants(out: Path, size: int) -> None:
    content = (made(out) / f"logo-{size}x{size}.png").read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", content[16:24]) == (size, size)
    original = support.ROOT / support.TEMPLATE / f"logo-{size}x{size}.png"
    assert content == original.read_bytes()


def test_the_logo_is_svg_that_loads_nothing(out: Path) -> None:
    root = ElementTree.parse(made(out) / "logo-svg.svg").getroot()  # noqa: S314
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "rect", "path", "g", "ellipse"}


def test_the_dockerfile_needs_no_registry_for_its_own_language(out: Path) -> None:
    text = (made(out) / "Dockerfile").read_text()
    assert not re.search(r"^#\s*syntax\s*=", text, re.MULTILINE)
    assert "<<" not in text, "heredocs need a newer frontend than Docker 20.10 has"
    instructions = re.findall(r"^(ARG|FROM)\b", text, re.MULTILINE)
    assert instructions == ["ARG", "ARG", "FROM", "FROM", "ARG"]
