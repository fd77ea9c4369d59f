"""What a policy gives one kernel of one user."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from kernelspec_lib.launcher import terms
from kernelspec_lib.launcher.notes import Refused
from kernelspec_lib.launcher.terms import Terms

G = 1024**3
SITE: dict[str, Any] = {
    "resources": {"default": {"memory": "2g"}, "maximum": {"memory": "4g", "cpus": 2, "gpus": 0}},
    "per_user": {"memory": "8g", "kernels": 2},
    "groups": {
        "ml": {"members": ["ada"], "resources": {"maximum": {"memory": "16g", "gpus": "all"}}},
        "more": {"members": ["ada"], "per_user": {"memory": "32g", "kernels": 1, "cpus": 64}},
    },
}


def limits(asked: dict[str, Any], login: str, policy: Any = SITE) -> dict[str, float]:
    return Terms(policy, asked, login).limits


def test_what_a_kernel_does_not_ask_is_the_default_or_the_maximum() -> None:
    assert limits({}, "grace") == {"memory": 2 * G, "cpus": 2, "pids": 4096}
    assert limits({}, "grace", {}) == {"pids": 4096}


def test_what_a_kernel_asks_is_capped_by_the_maximum() -> None:
    asked = {"memory": "64g", "cpus": 0.5, "gpus": "all", "pids": 10, "shm_size": "1m"}
    assert limits(asked, "grace") == {
        "memory": 4 * G,
        "cpus": 0.5,
        "gpus": 0,
        "pids": 10,
        "shm_size": 1024**2,
    }


def test_a_group_widens_maximum_and_budget_of_its_members() -> None:
    widened = Terms(SITE, {"memory": "64g", "gpus": "all"}, "ada")
    assert widened.limits["memory"] == 16 * G
    assert widened.limits["gpus"] == math.inf
    # The largest wins; what the site does not bound, a group cannot bound.
    assert widened.budget == {"memory": 32 * G, "kernels": 2}
    assert Terms(SITE, {}, "grace").budget == {"memory": 8 * G, "kernels": 2}


def test_one_kernel_has_no_more_than_its_user() -> None:
    site = {"per_user": {"memory": "1g"}}
    assert limits({"memory": "2g"}, "ada", site)["memory"] == G


def test_docker_would_read_no_processor_as_no_limit() -> None:
    assert limits({"cpus": 1e-9}, "ada")["cpus"] == 0.01


def test_folders_are_the_users() -> None:
    site = {"work_dir": {"source": "/srv/{login}"}, "mounts": [{"source": "/d", "target": "/t"}]}
    given = Terms(site, {}, "ada")
    assert (given.work.source, given.work.target, given.work.read_only) == (
        "/srv/ada",
        "/srv/ada",
        False,
    )
    assert [(one.source, one.target, one.read_only) for one in given.mounts] == [("/d", "/t", True)]
    assert Terms({}, {}, "ada").work.source == "/home/ada/work"


def kernel_json(**keys: Any) -> bytes:
    made = {"owner": "ada", "kernel": "churn", "image": "ada_churn:latest", **keys}
    return json.dumps({"argv": [], "metadata": {"kernelspec": made}}).encode()


def test_a_kernel_spec_of_emit_is_read() -> None:
    asked = terms.asked_of(kernel_json(resources={"memory": "4g"}, version="1"), "/k")
    assert asked["resources"] == {"memory": "4g"}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b'{"metadata": {}}',
        kernel_json(kernel="../x"),
        kernel_json(image=""),
        kernel_json(image="a\nb"),
        kernel_json(resources={"memory": "lots"}),
        kernel_json(environment={"A=B": "c"}),
        kernel_json(environment={"A": 1}),
    ],
)
def test_another_kernel_spec_is_refused(text: bytes) -> None:
    with pytest.raises(Refused, match=r"The kernel spec /k was not made by `kernelspec emit`"):
        terms.asked_of(text, "/k")
