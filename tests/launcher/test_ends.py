"""What a user is told of a kernel's end."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from kernelspec_lib.launcher import ends
from kernelspec_lib.launcher.terms import Terms

M = 1024**2


def told(
    code: int,
    *,
    oom: bool = False,
    own: bool = False,
    had: float | None = None,
    status: str = "exited",
    memory: int = 0,
    group: float | None = None,
    policy: dict[str, Any] | None = None,
) -> str:
    """The note of a kernel that ended so. group: the limit of all kernels, if it was come upon.
    own: whether its own limit was, as its own group tells. had: that limit."""
    state = {"Status": status, "ExitCode": code, "OOMKilled": oom}
    last = {"State": state, "HostConfig": {"Memory": memory}}
    strain: Any = SimpleNamespace(lately=lambda: group is not None, limit=lambda: group)
    ear: Any = SimpleNamespace(heard=True, cell=None)
    call: Any = SimpleNamespace(asked={"kernel": "churn"}, engine="Docker")
    terms = Terms(policy or {}, {"memory": "256m"}, "ada")
    ours: Any = SimpleNamespace(surely=lambda: own, limit=lambda: had)
    return ends.note(ends.End(last, "", ear, strain, ours, wanted=False), call, terms)


@pytest.mark.parametrize(
    ("memory", "policy", "remedy"),
    [
        (512 * M, {}, '"1g"'),
        (1024 * M, {}, '"2g"'),
        (768 * M, {}, '"1536m"'),
        (3, {}, '"6b"'),
        (0, {}, '"1g"'),
        (
            768 * M,
            {"resources": {"maximum": {"memory": "1g"}}},
            'up to 1 GiB, write "resources": {"m',
        ),
        (768 * M, {"per_user": {"memory": "1000m"}}, '"1000m"'),
        (1024 * M, {"per_user": {"memory": "1g"}}, "That is the most this site gives"),
    ],
)
def test_how_to_ask_for_more_memory(memory: int, policy: dict[str, Any], remedy: str) -> None:
    assert remedy in told(137, oom=True, memory=memory, policy=policy)


def test_the_limit_is_that_in_force_when_it_died() -> None:
    assert "than its limit of 768 MiB" in told(137, oom=True, memory=768 * M)


def test_an_engine_that_missed_whose_memory_it_was() -> None:
    assert "than its limit of 768 MiB" in told(137, own=True, memory=768 * M)
    assert "killed from outside" in told(137, memory=768 * M)
    assert "memory" not in told(1, own=True, memory=768 * M)


def test_an_engine_that_forgot_that_the_kernel_ran() -> None:
    assert "than its limit of 768 MiB" in told(0, own=True, status="created", memory=768 * M)
    assert told(0, status="created", memory=768 * M) == ""
    assert told(0, own=True, memory=768 * M) == ""


def test_an_engine_that_still_tells_the_first_limit() -> None:
    assert "than its limit of 256 MiB" in told(137, own=True, had=256 * M, memory=768 * M)
    assert "than its limit of 768 MiB" in told(137, oom=True, had=256 * M, memory=768 * M)


def test_all_of_a_users_kernels_together() -> None:
    said = told(137, oom=True, memory=512 * M, group=600.0 * M)
    assert "your kernels together needed more memory than the 600 MiB" in said
    assert "requirements.json" not in said


@pytest.mark.parametrize(
    ("code", "why"), [(139, "SIGSEGV"), (143, "from outside"), (3, "with exit code 3")]
)
def test_one_that_outlived_a_lack_of_memory_is_not_said_to_have_died_of_it(
    code: int, why: str
) -> None:
    assert why in told(code, oom=True, memory=512 * M, group=600.0 * M)
