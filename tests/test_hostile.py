"""Documents that mean harm, or are made without care: a folder each, with all its findings.

`tests/hostile/good-…` are those at the edge that must pass. A folder with a Dockerfile is judged as
a whole, the others by their requirements.json alone; a `policy.json` in it is its site's.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from kernelspec_lib import cli
from kernelspec_lib import policy as policies
from kernelspec_lib import project as projects
from kernelspec_lib.checks import kernel
from kernelspec_lib.checks.opened import opened

CASES = sorted((Path(__file__).parent / "hostile").iterdir())
BAD = [case for case in CASES if not case.name.startswith("good-")]
GOOD = [case for case in CASES if case.name.startswith("good-")]


def named(case: Path) -> str:
    whole = (case / "Dockerfile").is_symlink() or (case / "Dockerfile").exists()
    return str(case if whole else case / "requirements.json")


def judged(case: Path) -> list[dict[str, object]]:
    place = projects.locate(named(case))
    own = case / "policy.json"
    site = policies.load(own if own.exists() else None)
    found = kernel.examine(opened(place, projects.load(place)), site, "ada").findings
    return [{"code": one.code, "line": one.span.line, "column": one.span.column} for one in found]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_hostile_document_gives_its_findings_and_no_good_one_any(case: Path) -> None:
    begun = time.process_time()
    assert judged(case) == json.loads((case / "expected.json").read_text())
    # A bound for what would take minutes, and no benchmark.
    assert time.process_time() - begun < 10


def test_every_bad_case_is_refused_and_no_good_one() -> None:
    assert len(BAD) >= 300
    assert all(json.loads((case / "expected.json").read_text()) for case in BAD)
    assert all(json.loads((case / "expected.json").read_text()) == [] for case in GOOD)


@pytest.mark.parametrize("output_format", ["text", "json"])
def test_the_command_line_refuses_each_and_nothing_reaches_the_terminal(
    output_format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = [named(case) for case in BAD if not (case / "policy.json").exists()]
    assert cli.run(["validate", "-o", output_format, "--color", "never", *bad]) == 1
    told = capsys.readouterr()
    assert all(one.isprintable() or one in "\n\t" for one in told.out + told.err)
    if output_format == "json":
        errors = {one["path"] for one in json.loads(told.out)["findings"]}
        assert {path for path in bad if path.endswith(".json")} <= errors


def test_the_command_line_lets_every_good_one_pass(capsys: pytest.CaptureFixture[str]) -> None:
    good = [named(case) for case in GOOD if not (case / "policy.json").exists()]
    assert cli.run(["validate", "--quiet", *good]) == 0, capsys.readouterr().out


@pytest.mark.parametrize("target", ["/dev/zero", "/dev/stdin", "/etc/passwd"])
@pytest.mark.parametrize("name", ["requirements.json", "Dockerfile"])
def test_a_link_to_what_is_the_machines_is_refused(name: str, target: str, tmp_path: Path) -> None:
    # Made here: a checkout that holds a link to a device fills the disk of whoever copies it.
    good = next(case for case in GOOD if case.name == "good-least")
    (tmp_path / "requirements.json").write_bytes((good / "requirements.json").read_bytes())
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name).symlink_to(target)
    assert judged(tmp_path) == [{"code": "KS009", "line": 1, "column": 1}]
