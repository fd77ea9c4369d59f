"""What the README shows is what happens."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
import pytest

from kernelspec_lib import cli, document, policy
from kernelspec_lib.checks import schema
from tests import projects

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks of the README in *language*."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def shown(command: str) -> str:
    """What the README says that *command* prints."""
    (block,) = [one for one in blocks("console") if one.startswith(f"$ {command}\n")]
    return block.partition("\n")[2].rstrip("\n")


def test_the_help_shown_is_the_real_one() -> None:
    settings = cli.kernelspec.context_settings
    context = click.Context(
        cli.kernelspec,
        info_name="kernelspec",
        terminal_width=80,
        help_option_names=settings["help_option_names"],
    )
    assert shown("kernelspec --help") == cli.kernelspec.get_help(context)


def test_the_kernel_shown_is_a_good_one() -> None:
    source = document.read(blocks("json")[0].encode())
    assert list(schema.check(source, "requirements.json")) == []


def test_the_policy_shown_is_a_good_one(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    path.write_text(blocks("json")[1])
    assert policy.load(path).registry == json.loads(blocks("json")[1])["registry"]


def test_the_findings_shown_are_the_real_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "churn-model"
    folder.mkdir()
    (folder / "Dockerfile").write_text(projects.DOCKERFILE)
    (folder / "requirements.json").write_text(
        '{\n  "kernel_name": "Churn Model",\n  "python_version": "3.11",\n'
        '  "libs": ["ipykernel", "pandas=2.2"]\n}\n'
    )
    monkeypatch.chdir(tmp_path)
    assert cli.run(["validate", "churn-model"]) == 1
    assert capsys.readouterr().out.rstrip("\n") == shown("kernelspec validate churn-model")


@pytest.mark.parametrize(
    "key", json.loads((ROOT / "schema/requirements.schema.json").read_text())["properties"]
)
def test_every_key_is_in_the_table(key: str) -> None:
    assert key == "$schema" or f"`{key}`" in README


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_is_in_the_help(command: str) -> None:
    assert re.search(rf"^  {command} ", shown("kernelspec --help"), re.MULTILINE)


@pytest.mark.parametrize("target", ["demo", "test", "fast"])
def test_every_target_named_is_in_the_makefile(target: str) -> None:
    assert f"`make {target}`" in README or f"make {target} " in README
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_every_link_into_the_repository_leads_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", README):
        assert (ROOT / target).exists(), target
