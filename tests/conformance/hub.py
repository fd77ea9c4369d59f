"""A real JupyterHub with its proxy and real users, spoken to as its web page does."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import websocket

from tests.conformance.people import Person, World, environment

CONFIG = """
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_port = {hub_port}
c.JupyterHub.db_url = "sqlite:///:memory:"
c.JupyterHub.cookie_secret_file = "{folder}/cookie_secret"
c.JupyterHub.cleanup_servers = True
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api_port}"
c.ConfigurableHTTPProxy.command = ["{proxy}"]
c.ConfigurableHTTPProxy.pid_file = "{folder}/proxy.pid"
c.JupyterHub.authenticator_class = "shared-password"
c.SharedPasswordAuthenticator.user_password = "{token}"
c.Authenticator.allow_all = True
c.JupyterHub.services = [dict(name="tests", api_token="{token}")]
c.JupyterHub.load_roles = [dict(
    name="tests", scopes=["admin:users", "admin:servers", "access:servers"], services=["tests"])]
c.JupyterHub.spawner_class = "jupyterhub.spawner.LocalProcessSpawner"
c.Spawner.cmd = ["{singleuser}"]
c.Spawner.env_keep = ["PATH", "LANG"]
c.Spawner.environment = dict(JUPYTERHUB_ALLOW_TOKEN_IN_URL="1")
c.Spawner.notebook_dir = "~/work"
c.JupyterHub.allow_named_servers = True
c.Spawner.start_timeout = 180
c.Spawner.http_timeout = 180
"""
SERVER_CONFIG = "/etc/jupyter/jupyter_server_config.py"
_PATIENCE = 180.0


@dataclass(frozen=True, kw_only=True)
class Hub:
    """A running hub, asked as its service `tests`."""

    url: str
    token: str
    log: Path

    def ask(self, method: str, path: str, /, **value: Any) -> Any:
        """What the hub, or a user's server behind it, answers to one request."""
        answer = requests.request(
            method,
            f"{self.url}{path}",
            headers={"Authorization": f"token {self.token}"},
            json=value or None,
            timeout=60,
        )
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json() if answer.content else None

    def start(self, who: Person, name: str = "") -> Server:
        """The server of *who*, once it is ready. name: of a further one."""
        try:
            servers = self._servers(who)
        except AssertionError:
            servers = self.ask("POST", f"/hub/api/users/{who.login}")["servers"]
        if name not in servers:
            self.ask("POST", f"/hub/api/users/{who.login}/servers/{name}")
        wait(lambda: self._servers(who)[name]["ready"])
        return Server(hub=self, who=who, name=name)

    def stop(self, who: Person, name: str = "") -> None:
        """Stop a server of *who*, and wait until the hub says so."""
        self.ask("DELETE", f"/hub/api/users/{who.login}/servers/{name}")
        wait(lambda: name not in self._servers(who))

    def _servers(self, who: Person) -> Any:
        return self.ask("GET", f"/hub/api/users/{who.login}")["servers"]


@dataclass(frozen=True, kw_only=True)
class Server:
    """One user's Jupyter server, behind the hub's proxy."""

    hub: Hub
    who: Person
    name: str

    @property
    def path(self) -> str:
        """Where it stands behind the hub."""
        return f"/user/{self.who.login}/{self.name}".rstrip("/")

    def ask(self, method: str, path: str, /, **value: Any) -> Any:
        """What its REST interface answers."""
        return self.hub.ask(method, f"{self.path}/api/{path}", **value)

    def start_kernel(self, name: str, folder: str = "") -> str:
        """The id of a new kernel, which need not have answered yet. folder: in the work folder."""
        return str(self.ask("POST", "kernels", name=name, path=folder)["id"])

    def execute(self, kernel: str, code: str, *, until: str = "") -> str:
        """What *code* prints or raises. until: what ends the wait, where the cell runs on."""
        with self.channels(kernel) as channels:
            return channels.execute(code, until=until)

    @contextmanager
    def channels(self, kernel: str) -> Iterator[Channels]:
        """The websocket that a notebook has to its kernel."""
        url = f"{self.hub.url}{self.path}/api/kernels/{kernel}/channels".replace("http", "ws", 1)
        connection = websocket.create_connection(
            url, header=[f"Authorization: token {self.hub.token}"], timeout=_PATIENCE
        )
        try:
            yield Channels(connection=connection)
        finally:
            connection.close()


@dataclass(frozen=True, kw_only=True)
class Channels:
    """A notebook's websocket."""

    connection: Any

    def execute(self, code: str, *, until: str = "") -> str:
        """What *code* prints or raises."""
        request = uuid.uuid4().hex
        content = {"code": code, "silent": False, "allow_stdin": False}
        header = {"msg_id": request, "msg_type": "execute_request", "version": "5.3"}
        header |= {"session": request, "username": "", "date": "2026-01-01T00:00:00Z"}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
        self.connection.send(json.dumps({**message, "channel": "shell", "buffers": []}))
        said = ""
        while True:
            heard = json.loads(self.connection.recv())
            if heard["parent_header"].get("msg_id") != request:
                continue
            content = heard["content"]
            said += content.get("text", "") + content.get("ename", "")
            idle = content.get("execution_state") == "idle" and heard["channel"] == "iopub"
            if idle or (until and until in said):
                return said


def wait(condition: Callable[[], Any], patience: float = _PATIENCE) -> None:
    """Wait until *condition* holds."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.1)


@contextmanager
def running(world: World, folder: Path, more: str = "") -> Iterator[Hub]:
    """A hub in *world*. *folder* takes its files; more: lines for its configuration."""
    port, hub_port, api_port = _free_ports(3)
    token = uuid.uuid4().hex
    here = Path(sys.executable).parent
    text = CONFIG.format(
        port=port,
        hub_port=hub_port,
        api_port=api_port,
        folder=folder,
        proxy=proxy(os.environ),
        token=token,
        singleuser=here / "jupyterhub-singleuser",
    )
    config = folder / "jupyterhub_config.py"
    config.write_text(text + more)
    log = folder / "hub.log"
    command = world.command([str(here / "jupyterhub"), f"--config={config}"])
    with log.open("wb") as told:
        process = subprocess.Popen(
            command, env=environment(None, {}), cwd=folder, stdout=told, stderr=told
        )
    hub = Hub(url=f"http://127.0.0.1:{port}", token=token, log=log)
    try:
        wait(lambda: process.poll() is not None or _answers(hub))
        assert process.poll() is None, log.read_text()[-4000:]
        yield hub
    finally:
        process.terminate()
        process.wait()


def _answers(hub: Hub) -> bool:
    try:
        hub.ask("GET", "/hub/api/users")
    except (AssertionError, requests.RequestException):
        return False
    return True


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def programs() -> list[Path]:
    """The folders of the proxy, and of the node that runs it."""
    node = shutil.which("node")
    assert node, "node is needed for configurable-http-proxy"
    return [Path(proxy(os.environ)).parent.parent, Path(node).resolve().parent.parent]


def proxy(variables: dict[str, str] | os._Environ[str]) -> str:
    """The program configurable-http-proxy: the machine's, else one that is installed for tests."""
    if found := shutil.which("configurable-http-proxy"):
        return found
    usual = Path(variables.get("XDG_CACHE_HOME") or Path.home() / ".cache", "kernelspec-tests")
    prefix = Path(variables.get("KERNELSPEC_TEST_CACHE") or usual) / "node"
    program = prefix / "node_modules/.bin/configurable-http-proxy"
    if not program.exists():
        command = ["npm", "install", "--silent", "--prefix", str(prefix), "configurable-http-proxy"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return str(program)
