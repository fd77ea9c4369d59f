"""Which kernel is meant, and which limits the policy and the machine let it have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kernelspec_lib import cli, policy
from kernelspec_lib.errors import UsageError
from kernelspec_lib.launcher import terms
from kernelspec_lib.policy import Budget, Group, Policy
from kernelspec_lib.watch import containers, limits
from kernelspec_lib.watch.containers import EngineUnwilling
from kernelspec_lib.watch.limits import LimitRefused
from kernelspec_lib.watch.usage import Usage
from tests.watch.kernels import G, kernel

MINE = kernel("abcdef" + "0" * 58)
HERS = kernel("abc999" + "0" * 58, login="grace", name="kernelspec-grace-churn-1")
OTHER = kernel("fff" + "0" * 61, kernel="fraud", name="kernelspec-ada-fraud-1")
ENDED = kernel("eee" + "0" * 61, kernel="ended", state="exited")
ALL = [MINE, HERS, OTHER, ENDED]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("fraud", OTHER),
        ("grace/churn", HERS),
        ("ada/churn", MINE),
        ("abcdef", MINE),
        ("kernelspec-grace-churn-1", HERS),
        (OTHER.id, OTHER),
    ],
)
def test_a_kernel_is_named(text: str, meant: Any) -> None:
    assert limits.named(ALL, text) is meant


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("churn", '"churn" names 2 containers; name one: abcdef000000 of ada, abc999000000 of gr'),
        ("abc", "no kernel of ours runs"),
        ("ended", "no kernel of ours runs"),
        ("", "no kernel of ours runs"),
        ("\x1b[31m", r"\\u001b"),
    ],
)
def test_what_names_none_or_several(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        limits.named(ALL, text)


def test_what_is_more_than_the_policy_allows() -> None:
    site = Policy(
        maximum_resources={"memory": "8g", "cpus": 4},
        per_user=Budget(memory="16g"),
        groups=(
            Group(
                name="ml",
                members=frozenset({"grace"}),
                maximum_resources={"memory": "64g"},
            ),
        ),
    )
    assert limits.above(site, "ada", {"memory": 8.0 * G, "cpus": 4.0, "pids": 9e9}) == []
    assert limits.above(site, "ada", {"memory": 9.0 * G}) == ["9 GiB (8 GiB for one kernel)"]
    assert limits.above(site, "grace", {"memory": 16.0 * G}) == []
    assert limits.above(site, "grace", {"memory": 17.0 * G}) == [
        "17 GiB (16 GiB for all of a user's)"
    ]
    assert limits.above(Policy(), "ada", {"memory": 1e15, "cpus": 1000.0}) == []


def told_to(monkeypatch: pytest.MonkeyPatch, answer: Exception | None = None) -> list[Any]:
    asked: list[Any] = []

    def ask(socket: str, deed: str, method: str, target: str, body: Any = None) -> None:
        asked.append((target, body))
        if answer is not None:
            raise answer

    monkeypatch.setattr(containers, "asked", ask)
    return asked


def test_limits_are_changed_in_one_question(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = told_to(monkeypatch)
    wanted = {"memory": 8.0 * G, "cpus": 1.5, "pids": 300.0}
    limits.update("socket", MINE, wanted, Usage(memory=G, pids=9))
    body = {"Memory": 8 * G, "MemorySwap": 8 * G, "NanoCpus": 1_500_000_000, "PidsLimit": 300}
    assert asked == [(f"/containers/{MINE.id}/update", body)]
    assert limits.changed(MINE, wanted) == (
        "churn of ada (abcdef000000): 4 GiB -> 8 GiB, 2 processors -> 1.5 processors, "
        "200 processes -> 300 processes"
    )


@pytest.mark.parametrize(
    ("wanted", "used", "told"),
    [
        ({"memory": 1.0 * G}, Usage(memory=2 * G), "it uses 2 GiB of memory at this moment; name"),
        ({"pids": 8.0}, Usage(pids=9), "it has 9 processes and threads at this moment"),
    ],
)
def test_below_what_is_in_use_nothing_is_changed(
    wanted: dict[str, float], used: Usage, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = told_to(monkeypatch)
    with pytest.raises(LimitRefused, match=told):
        limits.update("socket", MINE, wanted, used)
    assert asked == []


def test_what_the_machine_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    told_to(monkeypatch, EngineUnwilling("x", "failed to write: Device or resource busy"))
    with pytest.raises(LimitRefused, match="it uses more than that of memory at this moment"):
        limits.update("socket", MINE, {"memory": 1.0 * G}, Usage())
    told_to(monkeypatch, EngineUnwilling("change it", "no such container"))
    with pytest.raises(EngineUnwilling, match="would not change it: no such container"):
        limits.update("socket", MINE, {"memory": 1.0 * G}, Usage())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["limit", "churn"], "say what to change"),
        (["limit", "churn", "--memory=8"], '"8" is no size'),
        (["limit", "churn", "--memory=8G\n"], "is no size"),
        (["limit", "churn", "--memory=5m"], "is too little"),
        (["limit", "churn", "--cpus=0"], "0.01"),
        (["top", "--json", "--prometheus"], "ask for one"),
        (["top", "--login=A B"], "cannot be a login"),
    ],
)
def test_a_wrong_call(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(words) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("command", [["top"], ["reap"], ["limit", "churn", "--pids=9"]])
def test_an_engine_that_is_not_there(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    assert cli.run(command) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert "the engine does not answer at /nowhere.sock: No such file" in said.err
    monkeypatch.setenv("DOCKER_HOST", "tcp://192.0.2.7:2375")
    assert cli.run(command) == 3
    assert "kernels run on this machine only" in capsys.readouterr().err


def test_when_a_kernel_may_be_idle_is_the_policys(tmp_path: Path) -> None:
    def read(text: str) -> policy.Idle | None:
        path = tmp_path / "policy.json"
        path.write_text(text)
        return policy.load(path).idle

    assert read("{}") is None
    assert read('{"idle": {"after": "24h"}}') == policy.Idle(after=86400, warn=3600)
    assert read('{"idle": {"after": "1h"}}') == policy.Idle(after=3600, warn=1800)
    told = '{"idle": {"after": "2d", "warn": "90m"}}'
    assert read(told) == policy.Idle(after=172800, warn=5400)
    with pytest.raises(UsageError, match="1:33: KS112 the warning comes 24h before the end"):
        read('{"idle": {"after":"1d", "warn": "24h"}}')
    with pytest.raises(UsageError, match="a whole number of minutes, hours or days"):
        read('{"idle": {"after": "24"}}')


def test_a_group_lets_its_members_be_idle_for_longer(tmp_path: Path) -> None:
    def after(site: dict[str, Any], login: str) -> tuple[int, str]:
        """Seconds, and as the launcher has it, for the notebook."""
        path = tmp_path / "policy.json"
        path.write_text(json.dumps(site))
        idle = policy.load(path).idle_of(login)
        return idle.after if idle else 0, terms.Terms(site, {}, login).idle

    groups = {
        "nights": {"members": ["ada", "bob"], "idle": {"after": "7d", "warn": "2h"}},
        "less": {"members": ["ada", "grace"], "idle": {"after": "90m"}},
        "other": {"members": ["ada"]},
    }
    site = {"idle": {"after": "24h"}, "groups": groups}
    assert after(site, "ada") == (7 * 86400, "7d")
    assert after(site, "bob") == (7 * 86400, "7d")
    # Groups widen: less than everybody has is for nobody.
    assert after(site, "grace") == (86400, "24h")
    assert after(site, "carol") == (86400, "24h")
    assert after({"groups": groups}, "ada") == (0, "")


def test_a_groups_warning_comes_in_time_too(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    path.write_text('{"groups": {"n": {"members": [], "idle": {"after": "1h", "warn": "2h"}}}}')
    with pytest.raises(UsageError, match="the warning comes 2h before the end, and the end after"):
        policy.load(path)


def test_the_page_that_tells_of_it_has_a_policy_that_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "watch.md").read_text()
    path = tmp_path / "policy.json"
    path.write_text(page.partition("```json\n")[2].partition("```")[0])
    assert policy.load(path).idle == policy.Idle(after=86400, warn=3600)
