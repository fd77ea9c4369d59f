"""What Prometheus reads, by node_exporter's textfile folder.

Source: "Text-based format" of the Prometheus documentation, version 0.0.4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from kernelspec_lib.watch.rows import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One number of each kernel."""

    name: str
    kind: str
    """`counter` or `gauge`."""
    help: str
    of: Callable[[Row], float | None]
    """None: it is left out, which is not zero."""


METRICS = (
    Metric(
        name="kernelspec_cpu_seconds_total",
        kind="counter",
        help="Processor time that the kernel has spent.",
        of=lambda row: row.usage.cpu,
    ),
    Metric(
        name="kernelspec_cpu_limit",
        kind="gauge",
        help="Processors that the kernel may use.",
        of=lambda row: row.kernel.cpus_limit,
    ),
    Metric(
        name="kernelspec_memory_bytes",
        kind="gauge",
        help="Memory in use, without files that were read long ago.",
        of=lambda row: row.usage.memory,
    ),
    Metric(
        name="kernelspec_memory_limit_bytes",
        kind="gauge",
        help="Memory that the kernel may use.",
        of=lambda row: row.kernel.memory_limit,
    ),
    Metric(
        name="kernelspec_pids",
        kind="gauge",
        help="Processes and threads of the kernel.",
        of=lambda row: row.usage.pids,
    ),
    Metric(
        name="kernelspec_pids_limit",
        kind="gauge",
        help="Processes and threads that the kernel may have.",
        of=lambda row: row.kernel.pids_limit,
    ),
    Metric(
        name="kernelspec_start_time_seconds",
        kind="gauge",
        help="When the kernel was started, since the epoch.",
        of=lambda row: row.kernel.created,
    ),
    Metric(
        name="kernelspec_idle_seconds",
        kind="gauge",
        help="For how long it has not worked, as far as anybody looked.",
        of=lambda row: row.idle,
    ),
    Metric(
        name="kernelspec_orphan",
        kind="gauge",
        help="1 where nobody needs the container any more.",
        of=lambda row: 1.0 if row.orphan else 0.0,
    ),
)
BUDGET_MEMORY = "kernelspec_user_memory_budget_bytes"
BUDGET_KERNELS = "kernelspec_user_kernels_budget"
LOOKED = "kernelspec_looked_time_seconds"
NAMES = (*(one.name for one in METRICS), BUDGET_MEMORY, BUDGET_KERNELS, LOOKED)
"""Every metric that there is."""


def text(rows: Sequence[Row], budgets: Mapping[str, Mapping[str, float]], now: float) -> str:
    """The exposition of *rows*.

    budgets: of each user, as `kernels.budget.of` has it. now: seconds since the epoch.
    """
    lines: list[str] = []
    for metric in METRICS:
        values = [(_labels(row), metric.of(row)) for row in rows]
        lines += _family(metric.name, metric.kind, metric.help, values)
    for name, key, told in (
        (BUDGET_MEMORY, "memory", "Memory that all kernels of the user may have together."),
        (BUDGET_KERNELS, "kernels", "Kernels that the user may have at once."),
    ):
        users = [({"user": user}, most.get(key)) for user, most in sorted(budgets.items())]
        lines += _family(name, "gauge", told, users)
    lines += _family(LOOKED, "gauge", "When this was written, since the epoch.", [({}, now)])
    return "\n".join(lines) + "\n"


def _labels(row: Row) -> dict[str, str]:
    one = row.kernel
    return {"user": one.login, "kernel": one.kernel, "container": one.id[:12]}


def _family(
    name: str, kind: str, told: str, values: Iterable[tuple[Mapping[str, str], float | None]]
) -> list[str]:
    lines = [
        f"{name}{_braced(labels)} {_number(value)}" for labels, value in values if value is not None
    ]
    return [f"# HELP {name} {told}", f"# TYPE {name} {kind}", *lines]


def _braced(labels: Mapping[str, str]) -> str:
    told = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
    return f"{{{told}}}" if told else ""


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return repr(int(value)) if value == int(value) else repr(float(value))
