"""The real parts of a delivery: a registry with TLS and a password, and a hub behind sshd."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.index.parts import free_ports, private_ca, program, wait_for

LOGIN = ("deploy", "s3cret-Pa55")
DOCKER_CERTIFICATES = Path("/etc/docker/certs.d")

_REGISTRY = """
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {folder}/storage}}
  delete: {{enabled: true}}
http:
  addr: 127.0.0.1:{port}
  tls: {{certificate: {folder}/site.pem, key: {folder}/site.key}}
auth:
  htpasswd: {{realm: kernels, path: {folder}/passwords}}
"""


@dataclass(kw_only=True)
class Daemon:
    """A program that serves a port of loopback, and can be stopped and started again."""

    command: Sequence[str]
    port: int
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self.log.open("ab") as told:
            self.process = subprocess.Popen(self.command, stdout=told, stderr=told)
        wait_for(self.process, self.port, self.log)

    def stop(self) -> None:
        """End it; nothing for one that does not run."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """While the block runs, nobody answers."""
        self.stop()
        try:
            yield
        finally:
            self.start()


@dataclass(kw_only=True)
class Registry:
    """Debian's docker-registry, which wants a login, behind a certificate of a private CA."""

    host: str
    """With its port: what stands in front of an image's name."""
    ca: Path
    folder: Path
    daemon: Daemon
    docker_config: Path
    """A folder for $DOCKER_CONFIG: docker is logged in there."""
    no_login: Path
    """Another one, without a login."""

    def set_password(self, password: str) -> None:
        """From now on the account has *password*: that of `docker_config` is LOGIN's."""
        told = ["htpasswd", "-Bbn", LOGIN[0], password]
        line = subprocess.run(told, check=True, capture_output=True, text=True).stdout
        # The registry reads the file anew when its time of change is another one.
        self.folder.joinpath("passwords").write_text(line)
        later = time.time() + next(_SECONDS)
        os.utime(self.folder / "passwords", (later, later))


_SECONDS = iter(range(1, 10_000))


def docker_login(folder: Path, host: str, password: str = LOGIN[1]) -> Path:
    """A folder for $DOCKER_CONFIG in which docker is logged in to *host*."""
    folder.mkdir(parents=True, exist_ok=True)
    auth = base64.b64encode(f"{LOGIN[0]}:{password}".encode()).decode()
    folder.joinpath("config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    return folder


@contextmanager
def registry(folder: Path) -> Iterator[Registry]:
    """A registry, empty, that docker trusts."""
    program("htpasswd")
    binary = program("docker-registry")
    ca = private_ca(folder)
    (port,) = free_ports(1)
    host = f"127.0.0.1:{port}"
    (folder / "config.yml").write_text(_REGISTRY.format(folder=folder, port=port))
    (folder / "nobody").mkdir()
    (folder / "nobody" / "config.json").write_text("{}")
    command = [binary, "serve", str(folder / "config.yml")]
    one = Registry(
        host=host,
        ca=ca,
        folder=folder,
        daemon=Daemon(command=command, port=port, log=folder / "registry.log"),
        docker_config=docker_login(folder / "docker", host),
        no_login=folder / "nobody",
    )
    one.set_password(LOGIN[1])
    with _trusted(host, ca):
        one.daemon.start()
        try:
            yield one
        finally:
            one.daemon.stop()


@contextmanager
def _trusted(host: str, ca: Path) -> Iterator[None]:
    """Docker trusts *ca* for *host*. Who may not say so has an engine that forgives loopback."""
    trusted = DOCKER_CERTIFICATES / host
    if os.geteuid() != 0:
        yield
        return
    trusted.mkdir(parents=True)
    try:
        (trusted / "ca.crt").write_bytes(ca.read_bytes())
        yield
    finally:
        (trusted / "ca.crt").unlink(missing_ok=True)
        trusted.rmdir()


@dataclass(frozen=True, kw_only=True)
class Account:
    """A real user of this machine, without root's rights."""

    login: str
    uid: int
    gid: int
    home: Path


@contextmanager
def account(login: str, *groups: str) -> Iterator[Account]:
    """A new user *login*, member of *groups*; removed with its home afterwards."""
    if os.geteuid() != 0:
        if os.environ.get("CI") == "true":
            pytest.fail("in CI these tests run as root: they make users")
        pytest.skip("only root can make users")
    home = Path("/home", login)
    more = [f"--groups={','.join(groups)}"] if groups else []
    _as_root("useradd", "--create-home", f"--home-dir={home}", "--shell=/bin/bash", *more, login)
    try:
        # An account without a password is locked, and sshd lets nobody in.
        _as_root("usermod", "--password=*", login)
        status = home.stat()
        yield Account(login=login, uid=status.st_uid, gid=status.st_gid, home=home)
    finally:
        _as_root("userdel", "--remove", "--force", login)


def _as_root(*command: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        # 10: the list of users is locked by another one. 12: there was no mail to remove.
        if done.returncode in (0, 12):
            return
        assert "lock" in done.stderr, done.stderr
        assert time.monotonic() < deadline, done.stderr
        time.sleep(0.2)


@dataclass(kw_only=True)
class SshHub:
    """sshd on loopback, which lets one account in by its key."""

    account: Account
    daemon: Daemon
    folder: Path
    name: str = "hub.test"
    """As ssh's configuration knows it."""
    config: Path = field(init=False)
    key: Path = field(init=False)
    known_hosts: Path = field(init=False)

    def __post_init__(self) -> None:
        self.config = self.folder / "config"
        self.key = self.folder / "key"
        self.known_hosts = self.folder / "known hosts"

    @property
    def words(self) -> tuple[str, ...]:
        """The options that make `kernelspec` reach it."""
        return (f"--host={self.name}", f"--ssh-config={self.config}")

    def host_key(self) -> str:
        """The line of known_hosts that is true of it."""
        public = (self.folder / "host.pub").read_text().split()
        return f"[127.0.0.1]:{self.daemon.port} {public[0]} {public[1]}\n"


_SSHD = """
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/key.pub
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PidFile none
MaxStartups 200
SetEnv {variables}
"""

_SSH = """
Host {name}
    HostName 127.0.0.1
    Port {port}
    User {user}
    IdentityFile {folder}/key
    IdentitiesOnly yes
    UserKnownHostsFile "{folder}/known hosts"
    GlobalKnownHostsFile /dev/null
"""


def _key(path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)


@contextmanager
def ssh_hub(folder: Path, account: Account, **variables: str) -> Iterator[SshHub]:
    """A hub at which *account* logs in, with *variables* in its environment."""
    program("ssh")
    binary = program("sshd")
    Path("/run/sshd").mkdir(exist_ok=True)
    folder.chmod(0o755)
    _key(folder / "host")
    _key(folder / "key")
    (folder / "key.pub").chmod(0o644)
    (port,) = free_ports(1)
    told = " ".join(f'"{name}={value}"' for name, value in {"KERNELSPEC": "1", **variables}.items())
    text = _SSHD.format(folder=folder, port=port, variables=told)
    (folder / "sshd_config").write_text(text)
    command = [binary, "-D", "-f", str(folder / "sshd_config"), "-E", str(folder / "sshd.log")]
    daemon = Daemon(command=command, port=port, log=folder / "sshd.log")
    one = SshHub(account=account, daemon=daemon, folder=folder)
    one.known_hosts.write_text(one.host_key())
    one.config.write_text(_SSH.format(name=one.name, port=port, user=account.login, folder=folder))
    daemon.start()
    try:
        yield one
    finally:
        daemon.stop()
