"""kernel.json: from requirements.json and policy to what Jupyter loads."""

from __future__ import annotations

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jupyter_client.kernelspec import KernelSpec as JupyterKernelSpec

from kernelspec_lib import __version__, document, policy
from kernelspec_lib import project as projects
from kernelspec_lib.checks import schema
from kernelspec_lib.errors import UsageError
from kernelspec_lib.kernels import spec
from kernelspec_lib.kernels.identity import Owner
from kernelspec_lib.policy import Policy
from kernelspec_lib.project import KernelProject, Place

ADA = Owner(login="ada", uid=1000, gid=1000)
LEAST = {"kernel_name": "churn", "python_version": "3.11", "libs": ["ipykernel"]}
LOGOS = {name: name.encode() for name in spec.LOGOS}


def a_project(**keys: Any) -> KernelProject:
    source = document.read(json.dumps({**LEAST, **keys}).encode())
    assert not list(schema.check(source, "requirements.json"))
    place = Place(requirements="requirements.json", folder=Path(), whole=False)
    return projects.from_document(place, source)


def a_spec(owner: Owner = ADA, **keys: Any) -> spec.KernelSpec:
    return spec.emit(a_project(**keys), Policy(), owner)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_source_systems_own_example(tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    file.write_text(
        json.dumps(
            {
                "registry": "registry.example/docker/registry",
                "work_dir": {"source": "/home/{login}/work", "target": "/root/work"},
                "network": "host",
            }
        )
    )
    project = a_project(kernel_name="dataflow", display_name="anikishin_dataflow")
    owner = Owner(login="anikishin", uid=1017, gid=1017)
    emitted = spec.emit(project, policy.load(file), owner)
    assert emitted.argv == (
        "docker",
        "run",
        "--rm",
        "--init",
        "--pull=never",
        "--log-driver=none",
        "--network=host",
        "--label=kernelspec.owner=anikishin",
        "--label=kernelspec.kernel=dataflow",
        "--label=kernelspec.connection_file={connection_file}",
        '--mount=type=bind,"source={connection_file}",target=/connection-spec',
        "--mount=type=bind,source=/home/anikishin/work,target=/root/work",
        "--workdir=/root/work",
        "--user=1017:1017",
        "--pids-limit=4096",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
        "--env=USER=anikishin",
        "registry.example/docker/registry/anikishin_dataflow:latest",
        "python",
        "-m",
        "ipykernel_launcher",
        "-f",
        "/connection-spec",
    )
    assert emitted.display_name == "anikishin_dataflow"


def test_kernel_json_says_no_more_than_jupyter_reads() -> None:
    emitted = a_spec(display_name="Churn «β»")
    text = spec.to_json(emitted)
    assert json.loads(text) == {
        "argv": list(emitted.argv),
        "display_name": "Churn «β»",
        "language": "python",
        "interrupt_mode": "message",
        "env": {},
        "metadata": {
            "kernelspec": {
                "owner": "ada",
                "kernel": "churn",
                "image": "ada_churn:latest",
                "version": __version__,
                "resources": {},
                "environment": {},
            }
        },
    }
    assert "«β»" in text


def test_another_image_may_be_named() -> None:
    emitted = spec.emit(a_project(), Policy(), ADA, "registry.example/x@sha256:" + "0" * 64)
    assert "registry.example/x@sha256:" + "0" * 64 in emitted.argv
    assert "ada_churn:latest" not in emitted.argv


def test_a_limit_that_the_kernel_does_not_name_is_the_sites() -> None:
    site = Policy(default_resources={"memory": "1g", "cpus": 2, "pids": 50})
    words = spec.emit(a_project(resources={"cpus": 1}), site, ADA).argv
    assert {"--memory=1073741824", "--cpus=1", "--pids-limit=50"} <= set(words)


def test_every_mount_of_the_site_is_the_owners() -> None:
    site = policy.from_value({"mounts": [{"source": "/srv/{login}", "target": "/data"}]})
    words = spec.emit(a_project(), site, ADA).argv
    assert "--mount=type=bind,source=/srv/ada,target=/data,readonly" in words


def test_jupyter_loads_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "kernels" / "churn"
    emitted = a_spec()
    spec.write(emitted, folder, LOGOS)
    loaded = JupyterKernelSpec.from_resource_dir(str(folder))
    assert tuple(loaded.argv) == emitted.argv
    assert (loaded.display_name, loaded.language) == ("churn", "python")
    assert loaded.interrupt_mode == "message"
    assert loaded.metadata["kernelspec"]["owner"] == "ada"
    assert names(folder) == ["kernel.json", *spec.LOGOS]


def test_the_hub_can_read_what_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "churn"
    mask = os.umask(0o077)
    try:
        spec.write(a_spec(), folder, LOGOS)
    finally:
        os.umask(mask)
    assert folder.stat().st_mode & 0o777 == 0o755
    assert (folder / "kernel.json").stat().st_mode & 0o777 == 0o644


def test_the_same_kernel_is_replaced_whole(tmp_path: Path) -> None:
    folder = tmp_path / "churn"
    spec.write(a_spec(), folder, LOGOS)
    (folder / "stale.txt").write_text("of an older version")
    spec.write(a_spec(display_name="Second"), folder, {})
    assert names(folder) == ["kernel.json"]
    assert json.loads((folder / "kernel.json").read_text())["display_name"] == "Second"
    assert names(tmp_path) == ["churn"]


def test_there_is_no_moment_without_the_kernel(tmp_path: Path) -> None:
    folder = tmp_path / "churn"
    spec.write(a_spec(), folder, LOGOS)
    ended = threading.Event()
    texts: list[str] = []

    def look() -> None:
        while not ended.is_set():
            texts.append((folder / "kernel.json").read_text())

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look)
        for number in range(30):
            spec.write(a_spec(display_name=str(number)), folder, LOGOS)
        ended.set()
        looking.result()
    assert all(json.loads(text)["metadata"]["kernelspec"]["owner"] == "ada" for text in texts)


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    folder = tmp_path / "churn"
    folder.mkdir()
    spec.write(a_spec(), folder, {})
    assert names(folder) == ["kernel.json"]


def refused_and_left_alone(folder: Path) -> None:
    before = sorted(str(path) for path in folder.parent.rglob("*"))
    with pytest.raises(UsageError, match="is not the kernel churn of ada"):
        spec.write(a_spec(), folder, LOGOS)
    assert sorted(str(path) for path in folder.parent.rglob("*")) == before


def test_another_owners_kernel_is_refused(tmp_path: Path) -> None:
    spec.write(a_spec(Owner(login="grace")), tmp_path / "churn", LOGOS)
    refused_and_left_alone(tmp_path / "churn")


def test_another_kernel_of_the_owner_is_refused(tmp_path: Path) -> None:
    spec.write(a_spec(kernel_name="other"), tmp_path / "churn", LOGOS)
    refused_and_left_alone(tmp_path / "churn")


@pytest.mark.parametrize(
    "content", ["", "[]", '{"metadata": null}', '{"metadata": {}}', "\xff", '{"argv": []}']
)
def test_a_kernel_made_by_others_is_refused(tmp_path: Path, content: str) -> None:
    folder = tmp_path / "churn"
    folder.mkdir()
    (folder / "kernel.json").write_text(content, encoding="latin-1")
    refused_and_left_alone(folder)


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "churn").write_text("")
    refused_and_left_alone(tmp_path / "churn")


def test_a_link_is_refused(tmp_path: Path) -> None:
    spec.write(a_spec(), tmp_path / "elsewhere", LOGOS)
    (tmp_path / "churn").symlink_to(tmp_path / "elsewhere")
    refused_and_left_alone(tmp_path / "churn")


def test_a_kernels_own_logo_is_taken_before_the_templates(tmp_path: Path) -> None:
    (tmp_path / "logo-32x32.png").write_bytes(b"own")
    found = spec.logos(tmp_path)
    assert found["logo-32x32.png"] == b"own"


def test_a_logo_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (tmp_path / "logo-svg.svg").symlink_to(secret)
    assert spec.logos(tmp_path).get("logo-svg.svg") != b"secret"


def test_a_logo_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "logo-svg.svg").write_bytes(b"x" * (spec.MAX_LOGO + 1))
    with pytest.raises(UsageError, match="1 MiB"):
        spec.logos(tmp_path)


_texts = st.text(st.characters(codec="utf-8"), max_size=20)
_resources = st.fixed_dictionaries(
    {},
    optional={
        "memory": st.from_regex(r"[1-9][0-9]{0,14}[bkmg]", fullmatch=True),
        "cpus": st.floats(min_value=0, max_value=1024, exclude_min=True) | st.integers(1, 1024),
        "pids": st.integers(1, 4194304),
        "shm_size": st.from_regex(r"[1-9][0-9]{0,14}[bkmg]", fullmatch=True),
        "gpus": st.just("all") | st.integers(1, 64),
    },
)
_projects = st.fixed_dictionaries(
    {
        **{key: st.just(value) for key, value in LEAST.items()},
        "environment": st.dictionaries(st.from_regex(r"[A-Za-z_]\w*", fullmatch=True), _texts),
        "resources": _resources,
    },
    optional={
        "display_name": _texts,
        "image_name": st.from_regex(r"[a-z0-9]+([.-][a-z0-9]+)*", fullmatch=True),
        "image_version": st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,9}", fullmatch=True),
    },
)


@given(value=_projects)
def test_no_word_of_an_admitted_project_becomes_an_option(value: dict[str, Any]) -> None:
    source = document.read(json.dumps(value).encode())
    if list(schema.check(source, "requirements.json")):
        return
    place = Place(requirements="requirements.json", folder=Path(), whole=False)
    project = projects.from_document(place, source)
    words = spec.emit(project, Policy(), ADA).argv
    least = spec.emit(a_project(), Policy(), ADA).argv
    image = f"ada_{project.image_name}:{project.image_version}"
    # Behind the image stands the same command, and before it only words of our own.
    assert words[words.index(image) + 1 :] == least[least.index("ada_churn:latest") + 1 :]
    own = ("--memory=", "--memory-swap=", "--cpus=", "--pids-limit=", "--shm-size=", "--gpus=")
    added = [word for word in words[: words.index(image)] if word not in least]
    assert all(word.startswith((*own, "--env=")) for word in added)
    variables = [word.removeprefix("--env=") for word in words if word.startswith("--env=")]
    assert dict(one.split("=", 1) for one in variables) == {"USER": "ada", **project.environment}
    assert not any("\0" in word or "\n" in word for word in words)


def test_a_supervised_kernel_is_started_by_the_launcher_that_reads_what_it_asks_for() -> None:
    asked = {"resources": {"memory": "4g"}, "environment": {"A": "b"}}
    emitted = spec.emit(a_project(**asked), Policy(launcher="supervised"), ADA)
    assert emitted.argv == ("kernelspec-launch", "{resource_dir}", "{connection_file}")
    made = emitted.metadata["kernelspec"]
    assert {key: made[key] for key in asked} == asked


def test_through_sudo_only_a_name_and_a_connection_file_are_handed_on() -> None:
    emitted = spec.emit(a_project(), Policy(launcher="sudo"), ADA)
    program = "/usr/local/bin/kernelspec-launch"
    assert emitted.argv == ("sudo", "-n", program, "churn", "{connection_file}")
