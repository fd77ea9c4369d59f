"""What a person who waits for a build sees of it."""

from __future__ import annotations

import pytest

from kernelspec_lib.delivery.steps import Steps

BUILDKIT = {
    "#1 [internal] load build definition from Dockerfile": None,
    "#1 sha256:6fc724ce9fa50d1d46e2f4958c99a3d25b9acc653fb69e8ce33dbc085307d929": None,
    "#1 transferring dockerfile: 126B 0.0s done": None,
    "#1 DONE 0.1s": None,
    "": None,
    "#5 [installer 1/1] FROM localhost/x:1": "1/1  FROM localhost/x:1",
    "#7 [stage-1 2/5] RUN mkdir -p /home/kernel": "2/5  RUN mkdir -p /home/kernel",
    "#7 CACHED": None,
    "#9 [stage-1 4/5] RUN --mount=type=cache,target=/x --network=none set -u;": "4/5  RUN set -u;",
    "#9 sha256:e4b84f04e23f3a3ecbb9cdf99dfe4cecc2e5cb825061d35b631e3f828288d6cd": None,
    "#9 1.234 Resolved 30 packages in 2.17s": "4/5  Resolved 30 packages in 2.17s",
    "#9 12.5    Building psycopg2==2.9.10": "4/5  Building psycopg2==2.9.10",
    "#12 exporting to image": "exporting to image",
    "#12 naming to docker.io/library/ada_churn:latest done": None,
    "------": None,
}


def test_the_step_of_how_many_and_its_last_words() -> None:
    steps = Steps()
    assert {line: steps.read(line) for line in BUILDKIT} == BUILDKIT


@pytest.mark.parametrize(
    "line", ["STEP 3/9: RUN --mount=type=secret,id=a true", "STEP 3/9: RUN true"]
)
def test_podman_counts_its_steps_too(line: str) -> None:
    assert Steps().read(line) == "3/9  RUN true"
