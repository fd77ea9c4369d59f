"""What is remembered of a kernel, so that it can be told for how long it has been idle."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kernelspec_lib.watch import history
from kernelspec_lib.watch.history import Trace


def seen(*looks: tuple[float, float]) -> Trace | None:
    """What is known after *looks*: when, and seconds of processor time by then."""
    trace: Trace | None = None
    for now, cpu in looks:
        trace = history.after(trace, cpu, now)
    return trace


def test_of_the_time_before_the_first_look_nothing_is_known() -> None:
    assert seen((100, 5)) == Trace(at=100, cpu=5, active=100)


@pytest.mark.parametrize(
    ("looks", "active"),
    [
        # An idle ipykernel: a third of a hundredth of a processor.
        ([(0, 0), (300, 1), (600, 2)], 0),
        # The same, looked at every two seconds.
        ([(2 * at, 0.0066 * at) for at in range(200)], 0),
        # A cell of a second within five minutes is told from idling only where it costs more.
        ([(0, 0), (300, 4)], 300),
        # Work that is spread over many short looks adds up.
        ([(at, 0.1 * at) for at in range(30)], 28),
        # Work, and idle again.
        ([(0, 0), (10, 9), (300, 9.5)], 10),
    ],
)
def test_when_it_last_worked(looks: list[tuple[float, float]], active: float) -> None:
    found = seen(*looks)
    assert found is not None
    assert found.active == pytest.approx(active, abs=2)


def test_another_container_or_another_time_is_a_new_beginning() -> None:
    assert seen((100, 50), (200, 3)) == Trace(at=200, cpu=3, active=200)
    assert seen((100, 50), (50, 51)) == Trace(at=50, cpu=51, active=50)


def test_a_warning_is_forgotten_once_it_works() -> None:
    told = Trace(at=0, cpu=0, active=0, warned=50)
    idle = history.after(told, 0.1, 100)
    assert idle == Trace(at=100, cpu=0.1, active=0, warned=50)
    assert history.after(told, 60, 100) == Trace(at=100, cpu=60, active=100)


def test_what_cannot_be_read_changes_nothing() -> None:
    trace = Trace(at=0, cpu=0, active=0)
    assert history.after(trace, None, 100) is trace
    assert history.after(None, None, 100) is None


def test_it_is_kept_from_call_to_call(tmp_path: Path) -> None:
    path = history.place({"KERNELSPEC_CACHE": str(tmp_path / "cache")})
    assert path is not None
    assert history.read(path) == {}
    one, two = Trace(at=1, cpu=2, active=1), Trace(at=3, cpu=4, active=3, warned=3)
    history.write(path, {"a": one, "b": two}, {"a", "b"})
    assert history.read(path) == {"a": one, "b": two}
    # What ended is forgotten; what another call wrote meanwhile is not.
    history.write(path, {"c": one}, {"b", "c"})
    assert history.read(path) == {"b": two, "c": one}
    history.write(path, {"d": one}, None)
    assert sorted(history.read(path)) == ["b", "c", "d"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"version": 2}', '{"version": 1, "kernels": {"a": {"at": "x"}}}', "[" * 9999],
)
def test_what_is_no_memory_of_ours_is_none(text: str, tmp_path: Path) -> None:
    path = tmp_path / "watch.json"
    path.write_text(text)
    assert history.read(path) == {}
    history.write(path, {"a": Trace(at=1, cpu=1, active=1)}, {"a"})
    assert list(json.loads(path.read_text())["kernels"]) == ["a"]


def test_without_a_folder_nothing_is_kept_and_nothing_fails(tmp_path: Path) -> None:
    assert history.place({}) is None
    history.write(None, {}, set())
    (tmp_path / "file").write_text("")
    history.write(tmp_path / "file" / "watch.json", {}, set())
    assert history.read(tmp_path / "file" / "watch.json") == {}
