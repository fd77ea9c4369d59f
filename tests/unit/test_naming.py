"""Names that reach the outside: no choice of login, kernel or image name gives somebody else's."""

from __future__ import annotations

import dataclasses
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kernelspec_lib import cli, document, naming, policy
from kernelspec_lib import project as projects
from kernelspec_lib.errors import PolicyInvalid, UsageError
from kernelspec_lib.kernels import identity
from kernelspec_lib.policy import Policy
from kernelspec_lib.project import Place

_TEXT = b'{"kernel_name": "churn", "python_version": "3.11", "libs": ["ipykernel"]}'
_PLACE = Place(requirements="requirements.json", folder=Path(), whole=False)
PROJECT = projects.from_document(_PLACE, document.read(_TEXT))

# Few letters, so that names meet often.
LOGINS = st.from_regex(r"[ab]{1,2}([._-]{1,3}[ab]{1,2}){0,2}", fullmatch=True).filter(
    lambda text: identity._LOGIN.fullmatch(text) is not None
)
NAMES = st.from_regex(r"[ab]{1,2}([.-][ab]{1,2}){0,2}", fullmatch=True)
VERSIONS = st.from_regex(r"[ab_][ab_.-]{0,4}", fullmatch=True)
PATTERNS = st.lists(
    st.sampled_from(
        ["{registry}", "{login}", "{image_name}", "{image_version}", "/", ":", "_", "-", "a", "b_"]
    ),
    min_size=1,
    max_size=7,
).map("".join)
REGISTRIES = st.sampled_from(["", "registry.example", "registry.example:5000/a_b/c"])

GITLAB = st.from_regex(r"[a-zA-Z0-9_.][a-zA-Z0-9_.-]{0,12}", fullmatch=True)
"""What GitLab has let people be called over the years, endings aside.

Source: its documentation, "Rules for usernames", and the pattern of paths in older releases, which
let a login begin or end with an underscore, begin with a dot, and end with a hyphen.
"""


def of(login: str, name: str, version: str, pattern: str, registry: str) -> str | None:
    project = dataclasses.replace(PROJECT, image_name=name, image_version=version)
    try:
        return identity.image_reference(project, Policy(registry=registry, image=pattern), login)
    except UsageError:
        return None  # Docker would not take it: nothing is built


@settings(max_examples=200)
@given(
    pattern=PATTERNS,
    registry=REGISTRIES,
    one=st.tuples(LOGINS, NAMES, VERSIONS),
    other=st.tuples(LOGINS, NAMES, VERSIONS),
)
@example(
    "{registry}/{login}_{image_name}:{image_version}", "", ("a_b", "a", "a"), ("a", "b.a", "a")
)
@example("{registry}/{image_name}_{login}", "", ("a_b", "a", "a"), ("b", "a", "a"))
@example("{registry}/{login}-{image_name}", "", ("a-b", "a", "a"), ("a", "b-a", "a"))
@example("{registry}/{login}/{image_name}", "registry.example", ("a", "b", "a"), ("b", "b", "a"))
@example("{login}_{image_name}{image_version}", "", ("a", "a", "_b"), ("a_a", "b", "b"))
def test_no_two_owners_have_one_image_under_any_pattern(
    pattern: str, registry: str, one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    if naming.fault(pattern, registry) is not None:
        return
    here, there = of(*one, pattern, registry), of(*other, pattern, registry)
    if here is not None and here == there:
        assert one[:2] == other[:2], f"{pattern}: {one} and {other} are both {here}"


@settings(max_examples=60)
@given(
    split=st.sampled_from(
        [
            "{registry}/{login}_{image_name}:{image_version}",
            "{registry}/x/{image_name}_{login}",
            "{registry}/{login}/{image_name}:{image_version}",
            "{registry}/k:{login}_{image_name}",
            "{registry}/{login}-x_y-{image_name}:v{image_version}",
        ]
    ),
    login=LOGINS,
    name=NAMES,
    cut=st.data(),
)
def test_no_other_place_to_cut_gives_the_same_image(
    split: str, login: str, name: str, cut: st.DataObject
) -> None:
    """The letters of one owner's login and image, cut in two at another place."""
    registry = "registry.example"
    assert naming.fault(split, registry) is None
    whole = f"{login}_{name}"
    at = cut.draw(st.integers(1, len(whole) - 2))
    other_login, other_name = whole[:at], whole[at + 1 :]
    if not identity._LOGIN.fullmatch(other_login) or "_" in other_name:
        return
    if not re.fullmatch(r"[a-z0-9]+([.-][a-z0-9]+)*", other_name):
        return
    here = of(login, name, "1", split, registry)
    there = of(other_login, other_name, "1", split, registry)
    assert (here == there) == ((login, name) == (other_login, other_name)) or here is None


@given(st.lists(GITLAB, min_size=2, max_size=6))
@example(["Ada", "ada", "_ada", "ada_", "ada-", ".ada", "a..b", "a___b", "a.-b"])
def test_a_login_of_gitlab_is_told_apart_or_refused(logins: list[str]) -> None:
    mapped: dict[str, str] = {}
    for text in logins:
        with suppress(UsageError):
            mapped[text] = identity.login(text)
    for one, here in mapped.items():
        assert re.fullmatch(r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*", here)
        for other, there in mapped.items():
            # To GitLab two logins that differ by case are one.
            assert (here == there) == (one.lower() == other.lower())


@pytest.mark.parametrize("login", ["_ada", "ada_", "\u212aernel", "ada\n", " ada", "ada/bob", "-v"])
def test_a_pipeline_of_a_login_that_no_image_can_carry_ends_with_a_sentence(
    login: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITLAB_USER_LOGIN", login)
    good = str(Path(__file__).parents[1] / "cases" / "KS101" / "good" / "requirements.json")
    for command in (["validate", good], ["emit", good]):
        assert cli.run(command) == 2
        assert "cannot be a login here" in capsys.readouterr().err


def load(folder: Path, value: Any) -> Policy:
    path = folder / "policy.json"
    path.write_text(json.dumps(value, indent=1))
    return policy.load(path)


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("{registry}/{image_name}:{image_version}", "names {login} not at all"),
        ("{registry}/{login}:{image_version}", "names {image_name} not at all"),
        ("{registry}/{login}{image_name}", "does not tell in {login}{image_name}"),
        ("{registry}/{login}-{image_name}", "where one value ends"),
        ("{registry}/{login}.{image_name}", "where one value ends"),
        ("{registry}/{login}_{image_name}{image_version}", "where one value ends"),
        ("{registry}/{login}_{image_name}-{image_version}", "where one value ends"),
        ("{registry}/x:{image_version}_{login}_{image_name}", "where one value ends"),
        ("{registry}/{login}/{image_name}-{image_version}", "where one value ends"),
        ("{registry}/{login}/{login}_{image_name}", "names {login} 2 times"),
        ("{login}/{image_name}", "begins with a part that its users choose"),
        ("{login}.example/{image_name}", "begins with a part that its users choose"),
    ],
)
def test_a_pattern_that_mixes_owners_up_is_refused_with_its_line(
    tmp_path: Path, pattern: str, told: str
) -> None:
    with pytest.raises(PolicyInvalid) as caught:
        load(tmp_path, {"registry": "registry.example", "image": pattern})
    assert caught.value.exit_code == 2
    assert "policy.json:3:11: KS104 the pattern " in str(caught.value)
    assert told in str(caught.value)


def test_a_registry_is_needed_where_the_login_would_come_first(tmp_path: Path) -> None:
    pattern = "{registry}/{login}/{image_name}"
    with pytest.raises(PolicyInvalid, match="users choose"):
        load(tmp_path, {"image": pattern})
    assert load(tmp_path, {"registry": "registry.example", "image": pattern}).image == pattern
