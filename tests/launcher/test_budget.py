"""Whether one more kernel fits beside a user's others."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from kernelspec_lib.launcher import budget, cgroups
from kernelspec_lib.launcher.engine import Engine
from kernelspec_lib.launcher.notes import Refused
from kernelspec_lib.launcher.terms import Terms

G = 1024**3
NOON = int(time.mktime((2026, 11, 23, 12, 0, 0, 0, 0, -1)))


class Listed(Engine):
    """An engine that knows the limits of its containers."""

    def __init__(self, **limits: tuple[int, float]) -> None:
        super().__init__("nowhere")
        self.limits = limits

    def ask(self, method: str, target: str, body: Any = None) -> Any:
        memory, cpus = self.limits[target.split("/")[2]]
        return {"HostConfig": {"Memory": memory, "NanoCpus": int(cpus * 10**9)}}

    def containers(self) -> list[Any]:
        return [
            {"Id": name, "State": "running", "Created": NOON, "Labels": {"kernelspec.kernel": name}}
            for name in self.limits
        ]


def checked(engine: Listed, per_user: dict[str, Any], asked: dict[str, Any]) -> None:
    budget.check(engine, Terms({"per_user": per_user}, asked, "ada"), engine.containers())


def test_what_fits_passes() -> None:
    engine = Listed(a=(2 * G, 1), b=(0, 0))
    checked(engine, {"memory": "4g", "cpus": 2, "kernels": 3}, {"memory": "2g", "cpus": 1})
    checked(engine, {}, {"memory": "2g"})


def test_a_refusal_names_the_kernels_that_hold_it_and_since_when() -> None:
    with pytest.raises(Refused) as caught:
        checked(Listed(a=(3 * G, 1), b=(0, 0)), {"memory": "4g"}, {"memory": "2g"})
    assert (
        "4 GiB together on this site; this one wants 2 GiB, and these hold it: a (3 GiB, since "
        "2026-11-23 12:00)."
    ) in str(caught.value)


def test_the_number_of_kernels_and_their_processors() -> None:
    with pytest.raises(Refused, match=r"at once on this site, and these hold it: a .*; b \(since"):
        checked(Listed(a=(0, 0), b=(0, 0)), {"kernels": 2}, {})
    with pytest.raises(Refused, match=r"wants 1.5 processors, and this one holds it: a \(1 proc"):
        checked(Listed(a=(0, 1)), {"cpus": 2}, {"cpus": 1.5})


def test_a_container_that_has_ended_holds_nothing() -> None:
    engine = Listed(a=(0, 0))
    others = [{**engine.containers()[0], "State": "exited"}]
    budget.check(engine, Terms({"per_user": {"kernels": 1}}, {}, "ada"), others)


def test_the_group_of_a_user_in_both_drivers() -> None:
    assert cgroups.parent("cgroupfs", "ada-l") == "/kernelspec/ada-l"
    assert cgroups.parent("systemd", "ada-l") == "kernelspec-ada\\x2dl.slice"
    assert cgroups.slice_of("ada.l_x") == "kernelspec-ada.l_x.slice"


def test_version_1_takes_the_limits_whatever_they_were_before() -> None:
    written = list(cgroups.files("ada", {"memory": 2.0 * G, "cpus": 1.5}, unified=False))
    memory = "memory/kernelspec/ada/memory"
    assert written == [
        (f"{memory}.limit_in_bytes", f"{2 * G}"),
        (f"{memory}.memsw.limit_in_bytes", f"{2 * G}"),
        (f"{memory}.limit_in_bytes", f"{2 * G}"),
        ("cpu/kernelspec/ada/cpu.cfs_period_us", "100000"),
        ("cpu/kernelspec/ada/cpu.cfs_quota_us", "150000"),
    ]
    assert ("cpu/kernelspec/ada/cpu.cfs_quota_us", "-1") in cgroups.files("ada", {}, unified=False)


def test_version_2_enables_the_controllers_from_above() -> None:
    assert list(cgroups.files("ada", {"memory": 2.0 * G}, unified=True)) == [
        ("cgroup.subtree_control", "+memory +cpu +pids"),
        ("kernelspec/cgroup.subtree_control", "+memory +cpu +pids"),
        ("kernelspec/ada/memory.max", f"{2 * G}"),
        ("kernelspec/ada/memory.swap.max", "0"),
        ("kernelspec/ada/cpu.max", "max 100000"),
    ]


def test_what_the_machine_does_not_take_is_told(tmp_path: Any) -> None:
    root = str(tmp_path)
    assert not cgroups.hold("ada", {"memory": 2.0 * G}, root)
    for name, _ in cgroups.files("ada", {"memory": 2.0 * G}, unified=False):
        (tmp_path / name).touch()
    (tmp_path / "memory/kernelspec/ada/memory.memsw.limit_in_bytes").unlink()
    assert cgroups.hold("ada", {"memory": 2.0 * G}, root)
    assert (tmp_path / "memory/kernelspec/ada/memory.limit_in_bytes").read_text() == f"{2 * G}"


def test_who_may_not_wait_on_the_group_counts(tmp_path: Path) -> None:
    group = tmp_path / "memory/kernelspec/ada"
    group.mkdir(parents=True)
    (group / "memory.failcnt").write_text("7\n")
    (group / "memory.limit_in_bytes").write_text(f"{2 * G}\n")
    strain = cgroups.Strain("/kernelspec/ada", str(tmp_path))
    assert (strain.reads, strain.urgent, strain.lately()) == ([], [], False)
    (group / "memory.failcnt").write_text("8\n")
    assert strain.lately()
    assert strain.limit() == 2 * G


def test_version_2_counts_itself_and_is_waited_on(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").touch()
    group = tmp_path / "kernelspec.slice" / "kernelspec-ada.slice"
    group.mkdir(parents=True)
    (group / "memory.events.local").write_text("low 0\nmax 31\noom 1\noom_kill 1\n")
    (group / "memory.max").write_text("max\n")
    strain = cgroups.Strain("kernelspec-ada.slice", str(tmp_path))
    assert (len(strain.urgent), strain.lately(), strain.limit()) == (1, False, None)
    (group / "memory.events.local").write_text("low 0\nmax 40\noom 2\noom_kill 2\n")
    assert strain.lately()


@pytest.mark.parametrize(
    ("told", "group"),
    [
        ("12:pids:/x\n5:cpu,memory:/kernelspec/ada/libpod-1\n0::/y\n", "/kernelspec/ada/libpod-1"),
        ("0::/kernelspec.slice/one\n", "/kernelspec.slice/one"),
        ("5:memory:/\n", None),
        ("0::/../../other\n", None),
        ("", None),
    ],
)
def test_the_group_of_a_process(told: str, group: str | None, tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "cgroup").write_text(told)
    assert cgroups.of(7, str(tmp_path)) == group
    assert cgroups.of(8, str(tmp_path)) is None


@pytest.mark.parametrize(
    ("before", "gone", "after", "strained"),
    [
        (1, False, 0, True),  # more than its limit
        (1, True, 0, False),  # the group has ended, and that was all
        (2, True, 0, True),  # both, seen at once
        (1, True, 1, True),  # both, the end told late
    ],
)
def test_the_end_of_a_group_is_not_taken_for_its_limit(
    before: int, gone: bool, after: int, strained: bool, tmp_path: Path
) -> None:
    group = tmp_path / "memory/kernelspec/ada"
    group.mkdir(parents=True)
    for name in ("memory.oom_control", "cgroup.event_control"):
        (group / name).touch()
    (group / "memory.limit_in_bytes").write_text(f"{2 * G}\n")
    strain = cgroups.Strain("/kernelspec/ada", str(tmp_path))
    os.eventfd_write(strain.reads[0], before)
    if gone:
        shutil.rmtree(group)
    strain.look()
    if after:
        os.eventfd_write(strain.reads[0], after)
    assert strain.surely() == strained


def test_without_a_group_nothing_is_strained(tmp_path: Path) -> None:
    strain = cgroups.Strain(None, str(tmp_path))
    assert (strain.lately(), strain.limit(), strain.reads, strain.urgent) == (False, None, [], [])


def test_the_limit_of_a_group_that_is_gone_is_what_it_came_upon(tmp_path: Path) -> None:
    group = tmp_path / "memory/kernelspec/ada"
    group.mkdir(parents=True)
    limit = group / "memory.limit_in_bytes"
    (group / "memory.failcnt").write_text("0\n")
    limit.write_text(f"{2**63 - 4096}\n")
    strain = cgroups.Strain("/kernelspec/ada", str(tmp_path))
    assert strain.limit() is None
    limit.write_text(f"{2 * G}\n")
    (group / "memory.failcnt").write_text("1\n")
    strain.look()
    shutil.rmtree(group)
    assert strain.limit() == 2 * G
