"""More than one kernel: at the budget, all at once, and one after the other."""

from __future__ import annotations

from contextlib import ExitStack

from kernelspec_lib.conformance.case import Case
from kernelspec_lib.conformance.subject import (
    CaseFailed,
    Kernel,
    NotRun,
    Subject,
    must_be_gone,
    running,
)
from kernelspec_lib.delivery import session
from kernelspec_lib.errors import KernelFailed

_MANY = 8
"""A budget of more kernels is not spent for a test."""


def _budget(subject: Subject) -> None:
    count = subject.room
    if count is None or count > _MANY:
        raise NotRun(f"a budget (per_user) of at most {_MANY} such kernels in the site policy")
    with ExitStack() as stack:
        held = [stack.enter_context(running(subject)) for _ in range(count)]
        told = _refusal(subject)
        if subject.kernel_name not in told:
            raise CaseFailed(
                f"the refusal does not name the kernels that hold the budget: {told!r}"
            )
        for kernel in held:
            kernel.expect("print('undisturbed')", "undisturbed")
        held[0].manager.shutdown_kernel()
        must_be_gone(held[0].traces(), subject.patience)
        with running(subject) as kernel:
            kernel.expect("print('room again')", "room again")


def _refusal(subject: Subject) -> str:
    """What is said of one kernel too many. Raises CaseFailed where it runs."""
    try:
        with running(subject) as kernel:
            said = kernel.ask("print('runs')")
            if said.stdout.strip() == "runs":
                raise CaseFailed("one kernel more than the budget has runs")
            return "\n".join(kernel.heard)
    except KernelFailed as error:
        return str(error)


def _at_once(subject: Subject) -> None:
    with ExitStack() as stack:
        count = min(subject.at_once, subject.room or subject.at_once)
        places = [subject.place() for _ in range(count)]
        managers = [stack.enter_context(session.started(place)) for place in places]
        found = []
        for place, manager in zip(places, managers, strict=True):
            connected = session.connected(manager, place, subject.timeout)
            client = stack.enter_context(connected)
            kernel = Kernel(subject=subject, place=place, manager=manager, client=client)
            kernel.learn()
            found.append(kernel.traces())
            stack.callback(kernel.traces().sweep)
        if len({one.first for one in found}) != len(places):
            raise CaseFailed("two kernels are one")
        for manager in managers:
            manager.request_shutdown()
        for manager in managers:
            manager.shutdown_kernel()
        for one in found:
            must_be_gone(one, subject.patience)


def _in_a_row(subject: Subject) -> None:
    found = []
    for _ in range(subject.in_a_row):
        with running(subject) as kernel:
            found.append(kernel.traces())
    for one in found:
        must_be_gone(one, subject.patience)


CASES = (
    Case(
        id="budget",
        what="one kernel more than the budget is refused, and told who holds it",
        how="start as many as the policy allows, then one more; end one, start again",
        run=_budget,
    ),
    Case(
        id="at-once",
        what="many kernels started at once all answer, and leave nothing",
        how="start 30 together, or as many as the budget allows; ask each, shut all down",
        run=_at_once,
    ),
    Case(
        id="in-a-row",
        what="many starts and stops in a row leave nothing",
        how="200 times: start, ask, shut down; then look",
        run=_in_a_row,
    ),
)
