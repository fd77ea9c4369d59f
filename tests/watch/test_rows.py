"""What `top` shows, for people, for programs and for Prometheus; and the alerts on that."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families as parsed
from rich.console import Console

from kernelspec_lib.cli import top
from kernelspec_lib.watch import exposition, rows
from kernelspec_lib.watch.history import Trace
from kernelspec_lib.watch.rows import Look
from kernelspec_lib.watch.usage import Usage
from tests.watch.kernels import G, kernel, row

ALERTS = Path(__file__).parent.parent.parent / "docs" / "alerts.yml"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (3605, "1 h"),
        (93_600, "1 d 2 h"),
        (90_000 * 10, "10 d 10 h"),
    ],
)
def test_a_span_in_its_two_largest_units(seconds: float, told: str) -> None:
    assert rows.span(seconds) == told


def test_processors_are_told_between_two_looks() -> None:
    one, late = kernel(), kernel("b" * 64, created=1100.0)
    first = Look(now=1099.0, kernels=(one,), usage={one.id: Usage(cpu=5)})
    second = Look(
        now=1101.0,
        kernels=(one, late),
        usage={one.id: Usage(cpu=8), late.id: Usage()},
    )
    known = rows.seen(second, rows.seen(first, {}))
    told = rows.rows(second, first, known)
    assert [(each.cpus, each.age, each.idle) for each in told] == [(1.5, 101, 0), (None, 1, None)]
    assert rows.rows(first, None, {one.id: Trace(at=0, cpu=0, active=99)})[0].idle == 1000


def test_a_table_for_people() -> None:
    told = rows.table(
        [
            row(kernel(), idle=None),
            row(
                kernel("b" * 64, login="grace", memory_limit=None, state="exited"),
                usage=Usage(),
                cpus=None,
                orphan="its connection file is gone",
            ),
        ]
    )
    assert told == [
        "USER   KERNEL  CPU   MEMORY  OF        PIDS  AGE  IDLE   CONTAINER",
        "ada    churn   50 %  1 GiB   4 GiB     9     1 h  -      aaaaaaaaaaaa",
        "grace  churn   -     -       no limit  -     1 h  1 min  "
        "bbbbbbbbbbbb  orphan: its connection file is gone",
    ]


def test_values_for_programs() -> None:
    value = rows.value(row(kernel()))
    assert (value["user"], value["kernel"], value["cpus"]) == ("ada", "churn", 0.5)
    assert (value["memory"], value["memory_limit"]) == (G, 4 * G)
    assert (value["age"], value["idle"], value["orphan"]) == (3600, 60, None)


def exposed(text: str) -> dict[str, list[Any]]:
    return {sample.name: [] for family in parsed(text) for sample in family.samples} | {
        name: [one for family in parsed(text) for one in family.samples if one.name == name]
        for name in exposition.NAMES
    }


def test_a_text_that_prometheus_reads() -> None:
    hostile = kernel("b" * 64, login='gr"ace\\', kernel="two\nlines", memory_limit=None)
    text = exposition.text(
        [row(kernel()), row(hostile, usage=Usage(), idle=None, orphan="x")],
        {"ada": {"memory": 16.0 * G, "kernels": 3}, 'gr"ace\\': {}},
        1234.5,
    )
    found = exposed(text)
    assert set(found) == set(exposition.NAMES)
    (spent,) = found["kernelspec_cpu_seconds_total"]
    assert spent.labels == {"user": "ada", "kernel": "churn", "container": "a" * 12}
    assert spent.value == 12.5
    assert [one.value for one in found["kernelspec_orphan"]] == [0, 1]
    assert found["kernelspec_orphan"][1].labels["user"] == 'gr"ace\\'
    assert found["kernelspec_orphan"][1].labels["kernel"] == "two\nlines"
    assert [one.value for one in found["kernelspec_memory_limit_bytes"]] == [4 * G]
    assert [one.value for one in found[exposition.BUDGET_MEMORY]] == [16 * G]
    assert [one.value for one in found[exposition.LOOKED]] == [1234.5]
    # node_exporter refuses a file in which a sample has a time of its own.
    assert all(one.timestamp is None for family in parsed(text) for one in family.samples)
    kinds = {family.name: family.type for family in parsed(text)}
    assert kinds["kernelspec_cpu_seconds"] == "counter"
    assert kinds["kernelspec_idle_seconds"] == "gauge"


def test_no_kernel_is_a_text_too() -> None:
    found = exposed(exposition.text([], {}, 1.0))
    assert [name for name, samples in found.items() if samples] == [exposition.LOOKED]


def test_each_alert_is_on_a_metric_that_there_is() -> None:
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    alerts = [rule for group in groups for rule in group["rules"]]
    assert len({rule["alert"] for rule in alerts}) == len(alerts) >= 5
    for rule in alerts:
        used = set(re.findall(r"kernelspec_\w+", rule["expr"]))
        assert used, rule["alert"]
        assert used <= set(exposition.NAMES), rule["alert"]
        assert re.fullmatch(r"[0-9]+[smh]", rule["for"])
        assert {"summary", "description"} == set(rule["annotations"])
        assert rule["labels"]["severity"] in ("warning", "critical")


def test_a_narrow_terminal_shows_whole_names(capsys: pytest.CaptureFixture[str]) -> None:
    left = kernel(login="ada-lovelace-1", kernel="churn-in-spring")
    drawn = top._drawn([row(left, orphan="the docker run that started it is gone")])
    Console(width=100).print(drawn)
    line = capsys.readouterr().out.splitlines()[2]
    assert line.split()[:2] == ["ada-lovelace-1", "churn-in-spring"]
    assert len(line) == 100
