"""How an image is built: the plan, its words, and why a build failed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest

from kernelspec_lib import document
from kernelspec_lib import project as projects
from kernelspec_lib.delivery import image, secrets, trouble
from kernelspec_lib.delivery.engine import Engine
from kernelspec_lib.errors import FileUnusable, UsageError
from kernelspec_lib.packages.settings import IndexConfig

INDEX = IndexConfig(url="https://index.example/simple", origin="a test")
LOCK = b"# a lock\n"


def a_plan(folder: Path, index: IndexConfig = INDEX, **keys: Any) -> image.Plan:
    value = {"kernel_name": "churn", "python_version": "3.11", "libs": ["ipykernel"], **keys}
    (folder / "requirements.lock").write_bytes(LOCK)
    (folder / "Dockerfile").write_text("ARG INSTALLER_IMAGE=scratch\n")
    place = projects.Place(requirements="requirements.json", folder=folder, whole=True)
    project = projects.from_document(place, document.read(json.dumps(value).encode()))
    return image.plan(project, "ada_churn:latest", "ada", index, {"CI_COMMIT_SHA": "c0ffee"})


def test_the_plan_says_what_the_dockerfile_asks(tmp_path: Path) -> None:
    plan = a_plan(tmp_path, system_packages=["libgomp1", "libgl1"])
    assert plan.arguments == {
        "BASE_IMAGE": "python:3.11-slim",
        "SYSTEM_PACKAGES": "libgomp1 libgl1",
        "BUILDKIT_CACHE_MOUNT_NS": "ada",
    }
    assert plan.takes_installer
    assert plan.folder == tmp_path
    assert plan.proxies == {}
    assert plan.network is None


def test_the_labels_say_whose_and_from_which_lock(tmp_path: Path) -> None:
    assert a_plan(tmp_path, display_name="Churn").labels == {
        "kernelspec.owner": "ada",
        "kernelspec.kernel": "churn",
        "kernelspec.lock": f"sha256:{hashlib.sha256(LOCK).hexdigest()}",
        "kernelspec.stage": "development",
        "kernelspec.schema": "1",
        "org.opencontainers.image.title": "churn",
        "org.opencontainers.image.description": "Churn",
        "org.opencontainers.image.version": "latest",
        "org.opencontainers.image.base.name": "python:3.11-slim",
        "org.opencontainers.image.revision": "c0ffee",
    }


def test_the_words_of_docker(tmp_path: Path) -> None:
    plan = dataclasses.replace(
        a_plan(tmp_path),
        labels={"a": "b c"},
        network="host",
        proxies={"http_proxy": "http://u:p@x"},
    )
    files = {"pip_conf": "/tmp/a,b/pip_conf"}
    assert image.argv(plan, files, {"INSTALLER_IMAGE": "localhost/x:1"}) == (
        "build",
        "--progress=plain",
        "--tag=ada_churn:latest",
        "--build-arg=BASE_IMAGE=python:3.11-slim",
        "--build-arg=SYSTEM_PACKAGES=",
        "--build-arg=BUILDKIT_CACHE_MOUNT_NS=ada",
        "--build-arg=INSTALLER_IMAGE=localhost/x:1",
        "--build-arg=http_proxy",
        "--label=a=b c",
        '--secret=id=pip_conf,"src=/tmp/a,b/pip_conf"',
        "--network=host",
        str(tmp_path),
    )


def test_the_index_and_its_password_are_a_secret(tmp_path: Path) -> None:
    index = dataclasses.replace(INDEX, username="ada", password="p@ss/word")
    plan = a_plan(tmp_path, index)
    url = "https://ada:p%40ss%2Fword@index.example/simple"
    assert plan.secrets["pip_conf"].decode() == f"[global]\nindex-url = {url}\n"
    assert tomllib.loads(plan.secrets["uv_toml"].decode()) == {
        "index": [{"name": "site", "url": url, "default": True}]
    }
    assert "p@ss" not in repr(image.argv(plan, {"pip_conf": "/x"}, {}))


def test_an_index_without_tls_is_trusted_by_its_port() -> None:
    index = dataclasses.replace(INDEX, url="http://127.0.0.1:8081/simple")
    assert secrets.pip_conf(index).endswith("trusted-host = 127.0.0.1:8081\n")


def test_an_index_that_pip_was_told_to_trust_is_trusted() -> None:
    index = dataclasses.replace(INDEX, trusted=True)
    assert secrets.pip_conf(index).endswith("trusted-host = index.example\n")


def test_the_sites_certificates_are_a_secret(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes(b"certificates")
    plan = a_plan(tmp_path, dataclasses.replace(INDEX, ca_bundle=str(bundle)))
    assert plan.secrets["ca_bundle"] == b"certificates"


def test_certificates_that_are_not_there_are_told(tmp_path: Path) -> None:
    with pytest.raises(FileUnusable, match=r"nowhere\.pem"):
        a_plan(tmp_path, dataclasses.replace(INDEX, ca_bundle="/nowhere.pem"))


def test_proxies_come_in_both_spellings(tmp_path: Path) -> None:
    index = dataclasses.replace(INDEX, proxies={"https": "http://p:1"}, no_proxy="localhost")
    assert a_plan(tmp_path, index).proxies == {
        "https_proxy": "http://p:1",
        "HTTPS_PROXY": "http://p:1",
        "no_proxy": "localhost",
        "NO_PROXY": "localhost",
    }


def an_engine(folder: Path, script: str) -> Engine:
    """A client that keeps what it was told, and runs *script*."""
    client = folder / "docker"
    kept = f'echo "$*" >> {folder}/words'
    client.write_text(f"#!/bin/sh\n{kept}\n{script}\n")
    client.chmod(0o755)
    return Engine(
        client=str(client),
        version="20.10",
        server="20.10",
        environment={"PATH": os.environ["PATH"], "TMPDIR": str(folder)},
    )


def test_an_image_of_somebody_else_is_not_replaced(tmp_path: Path) -> None:
    plan = a_plan(tmp_path)
    docker = an_engine(tmp_path, 'echo \'{"kernelspec.owner": "grace"}\'')
    with pytest.raises(UsageError, match="belongs to grace, and ada cannot replace it"):
        image.build(docker, plan, print)
    assert "build" not in (tmp_path / "words").read_text()


_LOOKS = """
case "$1" in image) echo null; exit 0;; esac
for word; do case "$word" in
    --secret=id=pip_conf,*) path=${word#*src=}; path=${path%\\"};;
esac; done
readlink "$path"; cat "$path"; echo "$path"; echo "$http_proxy"
"""


def test_a_secret_has_no_name_on_any_disk(tmp_path: Path) -> None:
    heard: list[str] = []
    index = dataclasses.replace(INDEX, proxies={"http": "http://p:1"})
    image.build(an_engine(tmp_path, _LOOKS), a_plan(tmp_path, index), heard.append)
    where, _, url, path, proxy = heard
    # Memory that is gone with the last process that holds it, killed or not.
    assert where == "/memfd:kernelspec-pip_conf (deleted)"
    assert url == "index-url = https://index.example/simple"
    assert proxy == "http://p:1"
    assert path.startswith("/proc/self/fd/")


def test_a_build_that_fails_holds_no_secret_any_more(tmp_path: Path) -> None:
    heard: list[str] = []
    docker = an_engine(tmp_path, _LOOKS + "exit 1")
    with pytest.raises(trouble.BuildFailed):
        image.build(docker, a_plan(tmp_path), heard.append)
    held = [str(one.readlink()) for one in Path("/proc/self/fd").iterdir() if one.is_symlink()]
    assert not [one for one in held if one.startswith("/memfd:kernelspec-")]


def test_a_system_without_files_in_memory_has_a_folder_of_this_user_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "memfd_create")
    with secrets.handed({"pip_conf": b"x"}) as files:
        path = Path(files.paths["pip_conf"])
        assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"x", 0o600)
        assert path.parent.stat().st_mode & 0o777 == 0o700
    assert not path.parent.exists()


def test_a_token_of_the_index_is_in_no_line_of_a_build(tmp_path: Path) -> None:
    token = "tok-0123456789abcdef0123456789"
    index = dataclasses.replace(INDEX, url=f"https://index.example/{token}/simple")
    heard: list[str] = []
    script = f"case $1 in image) echo null; exit 0;; esac; echo 'E: {index.url} failed'; exit 1"
    with pytest.raises(trouble.BuildFailed) as caught:
        image.build(an_engine(tmp_path, script), a_plan(tmp_path, index), heard.append)
    assert heard == ["E: https://index.example/…/simple failed"]
    assert token not in str(caught.value)


def test_what_builds_leave_is_bounded(tmp_path: Path) -> None:
    image.bound_cache(an_engine(tmp_path, "exit 0"), "20g")
    assert (tmp_path / "words").read_text() == "builder prune --force --keep-storage=20g\n"
