"""What a kernel is, spelled for docker."""

from __future__ import annotations

import dataclasses

import pytest

from kernelspec_lib.kernels.container import Container, docker_run
from kernelspec_lib.kernels.identity import Owner
from kernelspec_lib.policy import Mount
from kernelspec_lib.project import Resources

WORK = Mount(source="/home/ada/work", target="/home/ada/work", read_only=False)
CONTAINER = Container(
    engine="docker",
    image="ada_churn:latest",
    command=("python", "-m", "ipykernel_launcher"),
    owner=Owner(login="ada", uid=1000, gid=100),
    kernel_name="churn",
    connection_file=Mount(source="{connection_file}", target="/connection-spec", read_only=False),
    work_dir=WORK,
    mounts=(),
    limits=Resources(),
    network="host",
    environment={},
    read_only_root=False,
)


def options(container: Container) -> tuple[str, ...]:
    """The words between `docker run` and the image."""
    words = docker_run(container)
    assert words[:2] == ("docker", "run")
    return words[2 : words.index(container.image)]


def test_the_least_container_is_hardened_and_has_a_limit_of_processes() -> None:
    assert options(CONTAINER) == (
        "--rm",
        "--init",
        "--pull=never",
        "--log-driver=none",
        "--network=host",
        "--label=kernelspec.owner=ada",
        "--label=kernelspec.kernel=churn",
        "--label=kernelspec.connection_file={connection_file}",
        '--mount=type=bind,"source={connection_file}",target=/connection-spec',
        "--mount=type=bind,source=/home/ada/work,target=/home/ada/work",
        "--workdir=/home/ada/work",
        "--user=1000:100",
        "--pids-limit=4096",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
        "--env=USER=ada",
    )


def test_podman_takes_the_same_words() -> None:
    docker, podman = (
        docker_run(CONTAINER),
        docker_run(dataclasses.replace(CONTAINER, engine="podman")),
    )
    assert (docker[0], podman[0]) == ("docker", "podman")
    assert docker[1:] == podman[1:]


def test_the_command_stands_behind_the_image() -> None:
    assert docker_run(CONTAINER)[-4:] == (
        "ada_churn:latest",
        "python",
        "-m",
        "ipykernel_launcher",
    )


def test_memory_is_limited_together_with_swap() -> None:
    limited = dataclasses.replace(CONTAINER, limits=Resources(memory=4 * 1024**3))
    words = options(limited)
    assert "--memory=4294967296" in words
    assert "--memory-swap=4294967296" in words


def test_every_limit_is_spelled() -> None:
    limits = Resources(cpus=1.5, pids=99, shm_size=1024, gpus="all")
    words = options(dataclasses.replace(CONTAINER, limits=limits))
    wanted = {"--cpus=1.5", "--pids-limit=99", "--shm-size=1024", "--gpus=all"}
    assert wanted <= set(words)
    assert "--pids-limit=4096" not in words


@pytest.mark.parametrize(
    ("cpus", "word"),
    [
        (2, "--cpus=2"),
        (0.5, "--cpus=0.5"),
        (1 / 3, "--cpus=0.333333333"),
        (1e-12, "--cpus=0.01"),
        (10, "--cpus=10"),
    ],
)
def test_cpus_are_a_decimal_that_docker_reads_and_never_zero(cpus: float, word: str) -> None:
    assert word in options(dataclasses.replace(CONTAINER, limits=Resources(cpus=cpus)))


def test_an_unknown_uid_runs_as_a_root_that_can_read_the_connection_file() -> None:
    words = options(dataclasses.replace(CONTAINER, owner=Owner(login="ada")))
    assert "--cap-add=DAC_OVERRIDE" in words
    # Whoever the image itself would run as.
    assert "--user=0:0" in words


def test_a_closed_root_leaves_tmp_and_a_home_to_write_to() -> None:
    words = options(dataclasses.replace(CONTAINER, read_only_root=True))
    assert {"--read-only", "--tmpfs=/tmp", "--env=HOME=/tmp"} <= set(words)


def test_a_further_mount_is_read_only_where_the_site_says_so() -> None:
    data = Mount(source="/srv/a,b", target="/data", read_only=True)
    words = options(dataclasses.replace(CONTAINER, mounts=(data,)))
    assert '--mount=type=bind,"source=/srv/a,b",target=/data,readonly' in words


def test_the_users_variables_come_last_and_win() -> None:
    changed = dataclasses.replace(CONTAINER, environment={"USER": "x", "A": "--privileged"})
    assert options(changed)[-2:] == ("--env=USER=x", "--env=A=--privileged")
