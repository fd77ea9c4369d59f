"""Which docker client is used. The clients are small programs that answer as docker does."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from kernelspec_lib.delivery import engine
from kernelspec_lib.delivery.engine import Engine
from kernelspec_lib.errors import CommandFailed, ToolMissing

SERVER = {"Version": "20.10.24"}


def a_client(folder: Path, version: str, *, server: bool = True, buildx: bool = False) -> str:
    """A client that says that it has *version*, and what else it is asked of itself."""
    told = {"Client": {"Version": version}, "Server": SERVER if server else None}
    down = "echo 'Cannot connect to the Docker daemon.' >&2; exit 1"
    lines = [
        "#!/bin/sh",
        'case "$1" in',
        f"version) echo '{json.dumps(told)}'; {'exit 0' if server else down};;",
        f"buildx) exit {0 if buildx else 1};;",
        'image) echo "Error: No such image: $6" >&2; exit 1;;',
        "ps) echo one; echo two;;",
        f'rm) echo "$*" >> {folder}/removed;;',
        "esac",
    ]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "docker"
    path.write_text("\n".join(lines))
    path.chmod(0o755)
    return str(path)


def on_path(*folders: Path, **more: str) -> Mapping[str, str]:
    return {"PATH": os.pathsep.join(map(str, folders)), **more}


def test_an_old_client_has_buildkit_inside(tmp_path: Path) -> None:
    client = a_client(tmp_path / "a", "20.10.24+dfsg1")
    found = engine.find(on_path(tmp_path / "a"), to_build=True)
    assert (found.client, found.version, found.server) == (client, "20.10.24+dfsg1", "20.10.24")
    assert found.environment["DOCKER_BUILDKIT"] == "1"


def test_podman_is_its_own_engine(tmp_path: Path) -> None:
    a_client(tmp_path / "a", "20.10.24")
    client = tmp_path / "b" / "podman"
    client.parent.mkdir()
    client.write_text(f"#!/bin/sh\necho '{json.dumps({'Client': {'Version': '4.3.1'}})}'\n")
    client.chmod(0o755)
    path = on_path(tmp_path / "a", tmp_path / "b")
    found = engine.find(path, to_build=True, name="podman")
    assert (found.name, found.client, found.server) == ("podman", str(client), "4.3.1")
    with pytest.raises(ToolMissing, match="podman is needed to run kernels"):
        engine.find(on_path(tmp_path / "a"), to_build=False, name="podman")


def test_a_new_client_without_buildx_is_passed_over_to_build(tmp_path: Path) -> None:
    a_client(tmp_path / "new", "28.2.2")
    old = a_client(tmp_path / "old", "20.10.24")
    path = on_path(tmp_path / "new", tmp_path / "old")
    assert engine.find(path, to_build=True).client == old


def test_a_new_client_without_buildx_is_good_enough_to_run(tmp_path: Path) -> None:
    new = a_client(tmp_path / "new", "28.2.2")
    a_client(tmp_path / "old", "20.10.24")
    path = on_path(tmp_path / "new", tmp_path / "old")
    assert engine.find(path, to_build=False).client == new


def test_a_new_client_with_buildx_is_taken(tmp_path: Path) -> None:
    new = a_client(tmp_path / "new", "28.2.2", buildx=True)
    assert engine.find(on_path(tmp_path / "new"), to_build=True).client == new


def test_no_client_with_buildkit_names_those_without(tmp_path: Path) -> None:
    new = a_client(tmp_path / "new", "28.2.2")
    with pytest.raises(ToolMissing, match="plugin buildx") as caught:
        engine.find(on_path(tmp_path / "new"), to_build=True)
    assert f"{new} (28.2.2)" in str(caught.value)
    assert caught.value.exit_code == 3


def test_an_engine_that_is_down_is_told_with_a_remedy(tmp_path: Path) -> None:
    a_client(tmp_path / "a", "20.10.24", server=False)
    with pytest.raises(CommandFailed, match="Cannot connect") as caught:
        engine.find(on_path(tmp_path / "a"), to_build=True)
    assert "DOCKER_HOST" in str(caught.value)
    assert caught.value.exit_code == 3


def test_a_client_whose_engine_is_down_is_passed_over(tmp_path: Path) -> None:
    a_client(tmp_path / "down", "20.10.24", server=False)
    up = a_client(tmp_path / "up", "20.10.24")
    path = on_path(tmp_path / "down", tmp_path / "up")
    assert engine.find(path, to_build=True).client == up


def test_no_docker_at_all(tmp_path: Path) -> None:
    with pytest.raises(ToolMissing, match="docker is needed to build images") as caught:
        engine.find(on_path(tmp_path), to_build=True)
    assert caught.value.exit_code == 3


def test_a_program_that_is_no_docker_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "odd").mkdir()
    odd = tmp_path / "odd" / "docker"
    odd.write_text("#!/bin/sh\necho '[1]'\n")
    odd.chmod(0o755)
    good = a_client(tmp_path / "good", "20.10.24")
    path = on_path(tmp_path / "odd", tmp_path / "good")
    assert engine.find(path, to_build=True).client == good


def test_a_program_that_does_not_start_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "docker").write_bytes(b"\x7fELF of another machine")
    (tmp_path / "odd" / "docker").chmod(0o755)
    good = a_client(tmp_path / "good", "20.10.24")
    path = on_path(tmp_path / "odd", tmp_path / "good")
    assert engine.find(path, to_build=True).client == good


def test_the_variable_names_the_client(tmp_path: Path) -> None:
    a_client(tmp_path / "a", "20.10.24")
    other = a_client(tmp_path / "b", "19.3.0")
    path = on_path(tmp_path / "a", KERNELSPEC_DOCKER=other)
    assert engine.find(path, to_build=True).client == other


def test_a_variable_that_names_nothing_is_told(tmp_path: Path) -> None:
    a_client(tmp_path / "a", "20.10.24")
    with pytest.raises(ToolMissing, match="KERNELSPEC_DOCKER names it"):
        engine.find(on_path(tmp_path / "a", KERNELSPEC_DOCKER="/nowhere"), to_build=True)


def an_engine(tmp_path: Path) -> Engine:
    a_client(tmp_path, "20.10.24")
    return engine.find({"PATH": f"{tmp_path}:{os.defpath}"}, to_build=True)


def test_the_labels_of_no_image(tmp_path: Path) -> None:
    assert engine.labels(an_engine(tmp_path), "ada_churn:latest") is None


def test_containers_are_removed_by_their_names_from_ps(tmp_path: Path) -> None:
    engine.remove_containers(an_engine(tmp_path), "a=b")
    removed = (tmp_path / "removed").read_text()
    assert removed == "rm --force --volumes one\nrm --force --volumes two\n"
