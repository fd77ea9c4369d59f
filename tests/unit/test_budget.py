"""What users may have together, what they have, and the files that hold them to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kernelspec_lib.cli import watch
from kernelspec_lib.kernels import budget
from kernelspec_lib.policy import Budget, Group, Policy

G = 1024**3
POLICY = Policy(
    per_user=Budget(memory="4g", cpus=2, kernels=3),
    groups=(
        Group(name="ml", members=frozenset({"ada-l"}), per_user=Budget(memory="16g")),
        Group(name="none", members=frozenset({"grace"})),
    ),
)


def container(login: str, kernel: str, memory: int, cpus: float, *, running: bool = True) -> Any:
    return {
        "Config": {"Labels": {"kernelspec.owner": login, "kernelspec.kernel": kernel}},
        "State": {"Running": running},
        "HostConfig": {"Memory": memory, "NanoCpus": int(cpus * 10**9)},
    }


def test_a_group_widens_what_its_members_may_have() -> None:
    assert budget.of(POLICY, None) == {"memory": 4 * G, "cpus": 2, "kernels": 3}
    assert budget.of(POLICY, "ada-l") == {"memory": 16 * G, "cpus": 2, "kernels": 3}
    assert budget.of(Policy(), "ada-l") == {}


def test_how_many_kernels_fit_into_a_budget() -> None:
    def room(login: str, **asked: Any) -> int | None:
        return budget.room(POLICY, login, asked)

    assert (room("grace"), room("ada-l")) == (3, 3)
    assert room("grace", memory="2g") == 2
    assert room("ada-l", memory="2g") == 3
    assert room("grace", cpus=1.5) == 1
    # What it asks for beyond that, it does not get.
    assert room("grace", memory="64g") == 1
    assert budget.room(Policy(), "grace", {"memory": "2g"}) is None
    usual = Policy(per_user=Budget(memory="4g"), default_resources={"memory": "1g"})
    assert budget.room(usual, "grace", {}) == 4


def test_each_users_use(tmp_path: Path) -> None:
    group = tmp_path / "memory/kernelspec/grace"
    group.mkdir(parents=True)
    (group / "memory.usage_in_bytes").write_text(f"{G}\n")
    found = budget.shares(
        POLICY,
        [
            container("grace", "churn", 2 * G, 1),
            container("grace", "base", 0, 0.5),
            container("grace", "ended", 9 * G, 9, running=False),
            container("ada-l", "churn", G, 0),
        ],
        tmp_path,
    )
    assert [(one.login, one.kernels, one.memory) for one in found] == [
        ("ada-l", ("churn",), None),
        ("grace", ("base", "churn"), G),
    ]
    assert (found[1].memory_limits, found[1].cpus_limits) == (2 * G, 1.5)
    assert json.loads(budget.to_json(found))["users"][1]["budget"]["kernels"] == 3
    assert watch._table(POLICY, found).splitlines() == [
        "user   kernels  memory in use  memory limits    processors",
        "ada-l  1 of 3   unknown        1 GiB of 16 GiB  0 of 2",
        "grace  2 of 3   1 GiB          2 GiB of 4 GiB   1.5 of 2",
    ]
    assert watch._table(POLICY, []) == (
        "no kernel runs; each user may have 3 kernels, 4 GiB, 2 processors\n"
    )


@pytest.mark.parametrize(
    "name",
    [
        "kernelspec/ada-l/memory.current",
        "kernelspec.slice/kernelspec-ada\\x2dl.slice/memory.current",
        "memory/kernelspec.slice/kernelspec-ada\\x2dl.slice/memory.usage_in_bytes",
    ],
)
def test_memory_is_found_with_each_driver_and_version(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text("5\n")
    (share,) = budget.shares(POLICY, [container("ada-l", "churn", 0, 0)], tmp_path)
    assert share.memory == 5


def test_drop_ins_limit_every_user_and_those_who_have_more() -> None:
    made = budget.drop_ins(POLICY)
    assert list(made) == [
        "kernelspec-.slice.d/50-kernelspec.conf",
        "kernelspec-ada\\x2dl.slice.d/50-kernelspec.conf",
    ]
    assert made["kernelspec-.slice.d/50-kernelspec.conf"].splitlines()[1:] == [
        "[Slice]",
        f"MemoryMax={4 * G}",
        "MemorySwapMax=0",
        "CPUQuota=200%",
    ]
    assert f"MemoryMax={16 * G}" in made["kernelspec-ada\\x2dl.slice.d/50-kernelspec.conf"]


def test_drop_ins_are_written_whole_and_old_ones_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    watch._write_drop_ins(POLICY, tmp_path)
    other = tmp_path / "kernelspec-x.slice.d" / "90-own.conf"
    other.parent.mkdir()
    other.write_text("[Slice]\n")
    watch._write_drop_ins(Policy(per_user=Budget(cpus=0.5)), tmp_path)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.conf")) == [
        "kernelspec-.slice.d/50-kernelspec.conf",
        "kernelspec-x.slice.d/90-own.conf",
    ]
    text = (tmp_path / "kernelspec-.slice.d/50-kernelspec.conf").read_text()
    assert text.endswith("[Slice]\nCPUQuota=50%\n")
    assert "removed" in capsys.readouterr().out


def test_groups_of_processes_are_limited_for_members_and_for_who_runs_something(
    tmp_path: Path,
) -> None:
    running = budget.shares(POLICY, [container("alan", "churn", 0, 0)], tmp_path)
    assert budget.logins(POLICY, running) == ["ada-l", "alan", "grace"]
