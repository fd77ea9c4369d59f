"""Runs the conformance suite against an installed kernel spec."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

from kernelspec_lib.conformance import lifecycle, many, trouble
from kernelspec_lib.conformance.case import KNOWN, Case, Outcome, Verdict
from kernelspec_lib.conformance.subject import CaseFailed, NotRun, Subject
from kernelspec_lib.delivery.engine import Engine
from kernelspec_lib.errors import FileUnusable, KernelspecError, UsageError
from kernelspec_lib.policy import Mount
from kernelspec_lib.wording import shown

AT_ONCE = "KERNELSPEC_CONFORMANCE_AT_ONCE"
IN_A_ROW = "KERNELSPEC_CONFORMANCE_IN_A_ROW"
"""Name how many kernels the two largest cases start."""

_PATIENCE, _PATIENCE_KNOWN = 30.0, 3.0


def _elsewhere(needs: str) -> Callable[[Subject], None]:
    def run(subject: Subject) -> None:
        raise NotRun(f"{needs}; tests/conformance has them")

    return run


ELSEWHERE = (
    Case(
        id="neighbour",
        what="a neighbour's kernel keeps its pace while another's takes all it can",
        how="time a cell of one user alone, and beside another user's hog",
        run=_elsewhere("two users"),
    ),
    Case(
        id="docker-restarted",
        what="a restart of Docker loses no file, and the kernel comes back",
        how="stop and start the engine below a running kernel",
        run=_elsewhere("root, and a Docker engine that nobody else uses"),
    ),
    Case(
        id="hub-stop-idle",
        what="JupyterHub stops a server: its idle kernel leaves nothing",
        how="start a kernel through the hub, stop the user's server",
        run=_elsewhere("root, and a JupyterHub"),
    ),
    Case(
        id="hub-stop-busy",
        what="so does a busy one",
        how="the same, while a cell runs",
        run=_elsewhere("root, and a JupyterHub"),
    ),
    Case(
        id="hub-stop-fresh",
        what="so does one that has only just been asked for",
        how="the same, before the kernel has answered",
        run=_elsewhere("root, and a JupyterHub"),
    ),
)
"""What this program cannot do alone, as any user, on any machine."""

CASES = (*lifecycle.CASES, *trouble.CASES, *many.CASES, *ELSEWHERE)


def subject(
    kernel_name: str,
    work_dir: Mount,
    room: Callable[[Mapping[str, Any]], int | None],
    engine: Engine | None,
    folder: Path,
    timeout: float,
    environment: Mapping[str, str],
) -> Subject:
    """The kernel spec that Jupyter finds under *kernel_name*.

    work_dir: the user's, which is made if it is absent. room: how many kernels that ask for these
    resources the site lets the user have. folder: takes what the kernels' processes write. Raises
    UsageError where there is no such kernel, and FileUnusable.
    """
    try:
        found = KernelSpecManager().get_kernel_spec(kernel_name)
    except NoSuchKernel:
        names = ", ".join(sorted(KernelSpecManager().find_kernel_specs())) or "none"
        raise UsageError(
            f"there is no kernel {shown(kernel_name)} here; installed: {names}"
        ) from None
    place = Path(found.resource_dir)
    return Subject(
        kernels=place.parent,
        kernel_name=place.name,
        launcher=launcher_of(found.argv),
        work=_made(Path(work_dir.source)),
        inside=work_dir.target,
        room=room(found.metadata.get("kernelspec", {}).get("resources", {})),
        engine=engine,
        folder=folder,
        timeout=timeout,
        patience=_PATIENCE,
        at_once=_number(environment, AT_ONCE, 30),
        in_a_row=_number(environment, IN_A_ROW, 200),
    )


def _made(work: Path) -> Path:
    """*work*, which is there: a server starts kernels in no other folder."""
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileUnusable(str(work), "make", error.strerror or str(error)) from error
    return work


def launcher_of(argv: Sequence[str]) -> str:
    """What starts a kernel with this command: "direct", "supervised", "sudo" or "other"."""
    match [Path(word).name for word in argv[:2]]:
        case ["docker" | "podman", "run"]:
            return "direct"
        case ["sudo", *_]:
            return "sudo"
        case ["kernelspec-launch", *_]:
            return "supervised"
    return "other"


def _number(environment: Mapping[str, str], name: str, usual: int) -> int:
    text = environment.get(name, str(usual))
    if not (text.isdecimal() and text.isascii() and 0 < int(text) <= 10_000):
        raise UsageError(f"{name} is {shown(text)}, and must be a number from 1 to 10000")
    return int(text)


def run(subject: Subject, cases: Sequence[Case], told: Callable[[Case], None]) -> Iterator[Verdict]:
    """The verdicts of *cases*, one after the other. told: hears which one begins."""
    known = KNOWN.get(subject.launcher, {})
    for case in cases:
        told(case)
        patience = _PATIENCE_KNOWN if case.id in known else subject.patience
        began = time.monotonic()
        outcome, reason = _outcome(case, dataclasses.replace(subject, patience=patience))
        if outcome == "failed" and case.id in known:
            outcome, reason = "known", known[case.id]
        seconds = time.monotonic() - began
        yield Verdict(case=case, outcome=outcome, reason=reason, seconds=seconds)


def _outcome(case: Case, subject: Subject) -> tuple[Outcome, str]:
    try:
        case.run(subject)
    except NotRun as missing:
        return "not run", f"needs {missing}"
    except (CaseFailed, KernelspecError) as error:
        return "failed", str(error)
    except Exception as error:
        # jupyter_client has many words for a kernel that does not do as it is told.
        return "failed", f"{type(error).__name__}: {error}"
    return "passed", ""
