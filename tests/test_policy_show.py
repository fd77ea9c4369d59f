"""`policy show`, and the example policies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kernelspec_lib import cli, policy
from kernelspec_lib.cli.policy import BUILT_IN
from kernelspec_lib.policy import Policy

EXAMPLES = sorted((Path(__file__).parent.parent / "docs" / "policies").glob("*.json"))


def test_what_is_shown_as_built_in_is_the_built_in_policy() -> None:
    assert policy.from_value(BUILT_IN) == Policy()


def test_each_value_is_told_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "policy.json"
    path.write_text('{\n  "registry": "registry.example/kernels",\n  "root_user": false\n}\n')
    assert cli.run(["policy", "show", "--policy", str(path)]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert lines["registry"].endswith(f'"registry.example/kernels"  ({path}:2)')
    assert lines["root_user"].endswith(f"false  ({path}:3)")
    assert lines["network"].endswith('"host"  (built in)')
    assert lines["base_images"].endswith("not set  (built in)")


def test_what_json_shows_is_the_policy_in_force(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = EXAMPLES[0]
    assert cli.run(["policy", "show", "--policy", str(path), "-o", "json"]) == 0
    again = tmp_path / "again.json"
    again.write_text(capsys.readouterr().out)
    assert policy.load(again) == policy.load(path)


def test_a_mistake_is_not_shown_as_a_policy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "policy.json"
    path.write_text('{"registri": "x"}')
    assert cli.run(["policy", "show", "--policy", str(path)]) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_a_policy_that_kernels_start_with(path: Path) -> None:
    read = policy.load(path)
    assert policy.runnable(read) != Policy()
    assert json.loads(path.read_text())["registry"] == read.registry


def test_there_is_an_example_for_each_kind_of_site() -> None:
    assert [path.stem for path in EXAMPLES] == ["shared-hub", "spark", "strict"]


def test_every_key_of_the_policy_is_in_the_readme() -> None:
    root = EXAMPLES[0].parent.parent.parent
    keys = json.loads((root / "schema" / "policy.schema.json").read_text())["properties"]
    readme = (root / "README.md").read_text()
    assert [key for key in keys if key != "$schema" and f"`{key}`" not in readme] == []
