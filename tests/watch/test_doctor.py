"""What `doctor` finds: each part once as it should be, and once not."""

from __future__ import annotations

import grp
import json
import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from kernelspec_lib import cli
from kernelspec_lib.delivery.installed import Row
from kernelspec_lib.errors import CommandFailed, IndexUnreachable
from kernelspec_lib.policy import Budget, Policy
from kernelspec_lib.watch import machine, onthehub, verdict
from kernelspec_lib.watch.verdict import Verdict
from tests.watch.kernels import kernel

ROOT = os.geteuid() == 0
SECRET = "s3cr3t-of-ada"


class Answers(BaseHTTPRequestHandler):
    """A registry and an index, as far as they are asked here."""

    def do_GET(self) -> None:
        paths = {
            "/v2/": b"{}",
            "/simple/pip/": PAGE,
            "/simple/ipykernel/": PAGE,
            "/bare/pip/": PAGE,
        }
        body = paths.get(self.path)
        self.send_response(200 if body is not None else 404)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *words: Any) -> None:
        pass


PAGE = b'<!DOCTYPE html><html><body><a href="pip-1.0-py3-none-any.whl">pip</a></body></html>'


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    """Host and port."""
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def closed() -> str:
    """Host and port at which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{one.getsockname()[1]}"


def test_a_policy(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    path.write_text('{"registry": "registry.example"}')
    found, site = machine.policy(str(path), {})
    assert (found.state, found.said) == ("ok", str(path))
    assert site is not None
    assert site.registry == "registry.example"
    for text in ('{"registri": 1}', '{"network": "bridge"}'):
        path.write_text(text)
        found, site = machine.policy(str(path), {})
        assert (found.state, site) == ("fail", None)
    found, site = machine.policy(str(tmp_path / "none"), {})
    assert (found.state, site) == ("fail", None)


def test_no_policy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("kernelspec_lib.policy.SYSTEM_POLICY", tmp_path / "none")
    found, site = machine.policy(None, {})
    assert (found.state, site) == ("warn", Policy())


def client(folder: Path, text: str) -> dict[str, str]:
    """An environment whose docker says *text*."""
    path = folder / "docker"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin", "KERNELSPEC_DOCKER": str(path)}


def test_an_engine(tmp_path: Path) -> None:
    told = '{"Client": {"Version": "20.10.1"}, "Server": {"Version": "20.10.9"}}'
    found = machine.engine(Policy(), client(tmp_path, f"echo '{told}'"))
    assert (found.state, found.said.split()[:2]) == ("ok", ["docker", "20.10.9"])
    with pytest.raises(CommandFailed):
        machine.engine(Policy(), client(tmp_path, "echo 'permission denied' >&2; exit 1"))


@pytest.fixture
def engine_socket(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))
        path.chmod(0o600)
        yield path


def test_who_can_open_the_socket(engine_socket: Path) -> None:
    here = {"DOCKER_HOST": f"unix://{engine_socket}"}
    assert machine.socket_of(Policy(), here).state == "ok"
    engine_socket.chmod(0o666)
    found = machine.socket_of(Policy(), here)
    assert (found.state, "everyone on this machine" in found.said) == ("fail", True)
    assert found.remedy.startswith(f"chmod 660 {engine_socket}")


@pytest.mark.skipif(not ROOT, reason="only root can give a file to a group")
def test_who_is_in_the_group_of_the_socket(
    engine_socket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = {"DOCKER_HOST": f"unix://{engine_socket}"}
    os.chown(engine_socket, 0, 4242)
    engine_socket.chmod(0o660)
    members: list[str] = []
    group = grp.struct_group(("docker", "x", 4242, members))
    monkeypatch.setattr(grp, "getgrgid", lambda gid: group)
    assert machine.socket_of(Policy(launcher="sudo"), here).state == "ok"
    members += ["ada", "grace", "root"]
    found = machine.socket_of(Policy(launcher="sudo"), here)
    assert found.state == "warn"
    assert "2 users are root by the group docker" in found.said
    assert "ada, grace" in found.said
    assert machine.socket_of(Policy(), here).state == "ok"


@pytest.mark.parametrize(
    ("variables", "state"),
    [
        ({"DOCKER_HOST": "tcp://192.0.2.7:2375"}, "fail"),
        ({"DOCKER_HOST": "tcp://192.0.2.7:2376", "DOCKER_TLS_VERIFY": "1"}, "skip"),
        ({"DOCKER_HOST": "unix:///nowhere.sock"}, "skip"),
    ],
)
def test_an_engine_that_listens_elsewhere(variables: dict[str, str], state: str) -> None:
    assert machine.socket_of(Policy(), variables).state == state


def test_an_index(served: str, closed: str) -> None:
    good = Policy(index_url=f"http://{served}/simple")
    found = machine.index(good, {})
    assert (found.state, found.said) == ("ok", f"http://{served}/simple answers (the site policy)")
    bare = machine.index(Policy(index_url=f"http://{served}/bare"), {})
    assert (bare.state, bare.said.endswith("has no ipykernel")) == ("warn", True)
    for url in (f"http://{served}/none", f"http://{closed}/simple"):
        with pytest.raises(IndexUnreachable):
            machine.index(Policy(index_url=url), {"PIP_RETRIES": "0", "PIP_TIMEOUT": "2"})


def test_a_proxy(served: str, closed: str) -> None:
    site = Policy(index_url="http://index.example/simple")
    assert machine.proxy(site, {}).state == "skip"
    good = {"http_proxy": f"http://ada:{SECRET}@{served}"}
    assert machine.proxy(site, good).state == "ok"
    odd = machine.proxy(site, {**good, "no_proxy": "localhost,10.0.0.0/8"})
    assert (odd.state, odd.said) == ("warn", "no_proxy holds 10.0.0.0/8")
    bad = machine.proxy(site, {"http_proxy": f"http://ada:{SECRET}@{closed}"})
    assert bad.state == "fail"
    assert "cannot be reached: Connection refused" in bad.said
    assert SECRET not in bad.said + odd.said + machine.proxy(site, good).said
    assert machine.proxy(site, {"http_proxy": "http://[bad"}).state == "fail"


def test_a_registry(served: str, closed: str) -> None:
    assert machine.registry(Policy(), {}).state == "skip"
    assert machine.registry(Policy(registry=f"{served}/kernels"), {}).state == "ok"
    down = verdict.guarded(
        "registry", lambda: machine.registry(Policy(registry=f"{closed}/kernels"), {})
    )
    assert (down.state, "cannot use the registry" in down.said) == ("fail", True)


def test_a_launcher(tmp_path: Path) -> None:
    assert machine.launcher(Policy(), {}).state == "ok"
    held = Policy(per_user=Budget(kernels=2))
    assert machine.launcher(held, {}).state == "warn"
    supervised = Policy(launcher="supervised")
    assert machine.launcher(supervised, {"PATH": str(tmp_path)}).state == "fail"
    program = tmp_path / "kernelspec-launch"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert machine.launcher(supervised, {"PATH": str(tmp_path)}).state == "ok"


@pytest.mark.skipif(not ROOT, reason="only root has files that are root's alone")
def test_a_launcher_for_sudo() -> None:
    site = Policy(launcher="sudo")
    folder = Path("/run", f"kernelspec-doctor-{os.getpid()}")
    folder.mkdir(mode=0o755)
    path = folder / "kernelspec-launch"
    try:
        told = []
        told.append(machine.launcher(site, {}, str(path)).said)
        path.write_text("#!/usr/bin/python\n")
        path.chmod(0o644)
        told.append(machine.launcher(site, {}, str(path)).said)
        path.write_text("#!/usr/bin/python -I\n")
        told.append(machine.launcher(site, {}, str(path)).said)
        path.chmod(0o755)
        assert machine.launcher(site, {}, str(path)).state == "ok"
        path.chmod(0o777)
        told.append(machine.launcher(site, {}, str(path)).said)
        path.chmod(0o755)
        folder.chmod(0o777)
        told.append(machine.launcher(site, {}, str(path)).said)
    finally:
        path.unlink()
        folder.rmdir()
    assert [one.removeprefix(f"{path} ").split(",")[0] for one in told] == [
        "is not there",
        "does not begin with `#!…/python -I`",
        "cannot be executed",
        "is not root's alone",
        "is not root's alone",
    ]


def test_the_line_for_sudo(tmp_path: Path) -> None:
    site, path = Policy(launcher="sudo"), tmp_path / "kernelspec"
    assert machine.sudoers(Policy(), str(path)).state == "skip"
    assert machine.sudoers(site, str(path)).state == "fail"
    path.touch()
    assert machine.sudoers(site, str(path)).state == "ok"


DIGEST = f"sha256:{'a' * 64}"


def installed(name: str, *, present: bool | None = True, newest: str | None = None) -> Row:
    return Row(
        kernel=name,
        owner="ada",
        user="ada" if name != "shared" else "grace",
        folder="/kernels",
        account=None,
        made={"image": DIGEST if newest else f"ada_{name}@{DIGEST}", "reference": f"ada_{name}"},
        before=None,
        present=present,
        image_lock="",
        newest_id=newest,
    )


def test_images_that_installed_kernels_need() -> None:
    found = onthehub.images([installed("a"), installed("b")])
    assert (found.state, found.said) == ("ok", "all 2 kernels have theirs")
    lacking = onthehub.images([installed("a"), installed("shared", present=False)])
    assert lacking.state == "fail"
    assert lacking.said.endswith("1 kernels are not on the hub: ada/shared for grace")
    assert onthehub.images([installed("a", present=None)]).state == "skip"


def test_kernels_whose_image_is_older(monkeypatch: pytest.MonkeyPatch) -> None:
    assert onthehub.newer([installed("a", newest=DIGEST)], {}).state == "ok"
    other = f"sha256:{'b' * 64}"
    found = onthehub.newer([installed("a", newest=DIGEST), installed("b", newest=other)], {})
    assert (found.state, found.said.endswith("1 kernels: ada/b")) == ("warn", True)
    assert onthehub.newer([installed("a")], {}).state == "skip"

    def silent(rows: Any, environment: Any, told: Any) -> dict[str, str | None]:
        told("note: whether there are newer images is not known: it is down")
        return {}

    monkeypatch.setattr("kernelspec_lib.delivery.installed.newest", silent)
    down = onthehub.newer([installed("a")], {})
    assert (down.state, down.said) == (
        "skip",
        "whether there are newer images is not known: it is down",
    )


def test_orphans() -> None:
    assert onthehub.orphans([kernel()]).state == "ok"
    found = onthehub.orphans([kernel(), kernel("b" * 64, connection_file="/nowhere/k.json")])
    assert (found.state, found.said) == (
        "warn",
        "1 containers have no server any more: ada/churn",
    )


HUB = "from kernelspec_lib import hub\nc.Spawner.post_stop_hook = hub.post_stop_hook\n"
SERVER = "from kernelspec_lib import hub\nhub.stop_in_order(c, idle_hours=12)\n"


@pytest.mark.parametrize(
    ("hub", "server", "launcher", "states"),
    [
        (HUB, SERVER, "direct", ["ok", "ok"]),
        (HUB.replace("hub.p", "p"), SERVER.replace("hub.s", "s"), "direct", ["ok", "ok"]),
        ("c = 1\n", SERVER, "direct", ["fail", "ok"]),
        ("c = 1\n", "", "sudo", ["warn", "warn"]),
        (HUB, None, "direct", ["ok", "fail"]),
        (f"# {HUB}", f"# {SERVER}".replace("\nhub", "\n# hub"), "supervised", ["ok", "warn"]),
        ("c.Spawner.post_stop_hook = mine\n", SERVER, "direct", ["warn", "ok"]),
        ("c = (\n", SERVER, "direct", ["fail", "fail", "ok"]),
        (None, SERVER, "direct", ["skip"]),
        (None, None, "direct", ["skip"]),
    ],
)
def test_hooks(
    hub: str | None, server: str | None, launcher: Any, states: list[str], tmp_path: Path
) -> None:
    paths = []
    for name, text in (("jupyterhub_config.py", hub), ("jupyter_server_config.py", server)):
        if text is not None:
            paths.append(tmp_path / name)
            paths[-1].write_text(text)
    found = onthehub.hooks(paths, Policy(launcher=launcher))
    assert [one.state for one in found] == states


def test_files_that_are_named_stand_before_the_usual_ones() -> None:
    assert onthehub.configurations(["mine.py"]) == [Path("mine.py")]
    assert all(path.is_file() for path in onthehub.configurations([]))


def test_verdicts_for_people_and_programs() -> None:
    found = [
        Verdict(name="engine", state="ok", said="it answers"),
        Verdict(name="images", state="fail", said="one is missing", remedy="bring it"),
    ]
    assert verdict.text(found) == [
        "ok    engine     it answers",
        "fail  images     one is missing",
        "                 -> bring it",
    ]
    assert verdict.value(found)["checks"][1] == {
        "name": "images",
        "verdict": "fail",
        "message": "one is missing",
        "remedy": "bring it",
    }
    assert verdict.few(f"k{at}" for at in range(7)) == "k0, k1, k2, k3, k4 and 2 more"


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, served: str, engine_socket: Path
) -> dict[str, Any]:
    """A machine on which all is as it should be, but no kernel can be counted."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    told = '{"Client": {"Version": "20.10.1"}, "Server": {"Version": "20.10.9"}}'
    for name, value in client(tmp_path, f"echo '{told}'").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{engine_socket}")
    monkeypatch.setattr("kernelspec_lib.watch.containers.listed", lambda socket: [])
    policy: dict[str, Any] = {
        "index_url": f"http://{served}/simple",
        "registry": f"{served}/kernels",
    }
    monkeypatch.setenv("KERNELSPEC_POLICY", str(tmp_path / "policy.json"))
    (tmp_path / "jupyterhub_config.py").write_text(HUB + SERVER)
    (tmp_path / "policy.json").write_text(json.dumps(policy))
    return policy


def doctor(
    folder: Path, capsys: pytest.CaptureFixture[str], code: int, *words: str
) -> dict[str, str]:
    config = f"--config={folder / 'jupyterhub_config.py'}"
    assert cli.run(["doctor", "--json", f"--prefix={folder}", config, *words]) == code
    said = capsys.readouterr()
    assert SECRET not in said.out + said.err
    return {one["name"]: one["verdict"] for one in json.loads(said.out)["checks"]}


def test_a_machine_that_works(
    call: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = doctor(tmp_path, capsys, 0)
    assert set(found.values()) <= {"ok", "skip"}
    works = ("policy", "engine", "socket", "index", "registry", "launcher", "hub", "hooks")
    assert {found[name] for name in works} == {"ok"}


def test_a_machine_that_does_not(
    call: Any,
    tmp_path: Path,
    closed: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("http_proxy", f"http://ada:{SECRET}@{closed}")
    monkeypatch.setenv("PIP_RETRIES", "0")
    client(tmp_path, "exit 1")
    call.update(index_url="http://index.example/simple", registry=f"{closed}/kernels")
    (tmp_path / "policy.json").write_text(json.dumps(call))
    found = doctor(tmp_path, capsys, 3)
    failed = {name for name, state in found.items() if state == "fail"}
    assert failed >= {"engine", "proxy", "index", "registry"}
    # What kernels there are is told all the same.
    assert found["hub"] == "ok"
    (tmp_path / "policy.json").write_text("{")
    assert doctor(tmp_path, capsys, 3) == {"policy": "fail", "engine": "fail", "socket": "ok"}


def test_a_hub_that_is_another_machine(
    call: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ssh = tmp_path / "ssh"
    ssh.write_text("#!/bin/sh\necho 'no route to host' >&2\nexit 255\n")
    ssh.chmod(0o755)
    assert cli.run(["doctor", "--json", "--host=hub.example"]) == 3
    checks = json.loads(capsys.readouterr().out)["checks"]
    found = {one["name"]: one["verdict"] for one in checks}
    assert (found["hub"], found["orphans"], found["hooks"]) == ("fail", "skip", "skip")
    assert "images" not in found


def test_a_configuration_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["doctor", "--config=/nowhere.py"]) == 2
    assert '"/nowhere.py", named by --config, is no file' in capsys.readouterr().err
