"""The way to the hub's machine: this one, or over one connection of ssh."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from kernelspec_lib import onhub
from kernelspec_lib.errors import HubFailed, ToolMissing, UsageError
from kernelspec_lib.onhub import dialog
from kernelspec_lib.onhub.files import Refused
from kernelspec_lib.wording import shown

REMOTE = 'python3 -I -c "import sys; exec(sys.stdin.buffer.readline())"'
"""The one command that a hub is ever given. All else comes to its standard input."""

_ROOM = ("files", "kernels", "people", "images", "dialog")
"""The modules of `onhub`, each behind those that it imports."""
_HOST = re.compile(r"([a-z_][a-z0-9_.-]*@)?[A-Za-z0-9]+([.-]+[A-Za-z0-9]+)*")
_TOO_OLD = "kernelspec: the hub's Python is "
_GRACE = 10.0
"""Seconds that ssh has to end once nothing is asked any more."""

_BOOT = """
import sys, types
if sys.version_info < (3, 8):
    sys.exit(TOO_OLD + sys.version.split()[0])
for name in ("kernelspec_lib", "kernelspec_lib.onhub"):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = []
for name, text in SOURCES:
    made = types.ModuleType("kernelspec_lib.onhub." + name)
    sys.modules[made.__name__] = made
    setattr(sys.modules["kernelspec_lib.onhub"], name, made)
    exec(compile(text, made.__name__, "exec"), made.__dict__)
made.serve()
"""


class Connection(Protocol):
    """Answers what `onhub.dialog` can do."""

    @property
    def hub(self) -> str:
        """How the machine is called in messages."""

    def ask(self, verb: str, **request: Any) -> Any:
        """The answer of dialog.VERBS[*verb*]. Raises UsageError or HubFailed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """This machine is the hub."""

    told: Callable[[str], None]
    """Hears what is done meanwhile."""
    hub: str = "this machine"

    def ask(self, verb: str, **request: Any) -> Any:
        """The answer of dialog.VERBS[*verb*]. Raises UsageError or HubFailed."""
        try:
            return dialog.VERBS[verb](request, self.told)
        except Refused as refusal:
            raise _refused(self.hub, refusal.text, usage=refusal.usage) from refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Ssh:
    """How ssh reaches the hub; what is not said here, ssh's own configuration says."""

    host: str
    """Such as "deploy@hub.example"."""
    identity: str | None = None
    """The file of a private key."""
    known_hosts: str | None = None
    config: str | None = None
    """Another file than ~/.ssh/config."""

    def argv(self) -> tuple[str, ...]:
        """The command. Raises UsageError for a host or a file that there cannot be."""
        if not _HOST.fullmatch(self.host):
            raise UsageError(
                f"{shown(self.host)} is no host: write one such as deploy@hub.example; port and "
                "jump hosts are told by ssh's own configuration"
            )
        options = [
            # What a hub is asked must not wait for somebody at a keyboard.
            "BatchMode=yes",
            "StrictHostKeyChecking=yes",
            "ConnectTimeout=15",
            "ServerAliveInterval=15",
            "ServerAliveCountMax=4",
            "ClearAllForwardings=yes",
            "LogLevel=ERROR",
        ]
        if self.known_hosts is not None:
            options.append(f"UserKnownHostsFile={_quoted(_file(self.known_hosts))}")
            options.append("GlobalKnownHostsFile=/dev/null")
        if self.identity is not None:
            options.append("IdentitiesOnly=yes")
        files = [f"-F{_file(self.config)}"] if self.config is not None else []
        files += [f"-i{_file(self.identity)}"] if self.identity is not None else []
        own = [f"-o{option}" for option in options]
        return ("ssh", "-T", "-a", "-x", *files, *own, "--", self.host, REMOTE)


def _file(path: str) -> str:
    """*path*, which ssh cannot take for anything else. Raises UsageError where there is no file."""
    if not Path(path).is_file():
        raise UsageError(f"{shown(path)} does not exist")
    return str(Path(path).absolute())


def _quoted(path: str) -> str:
    # ssh splits the value at blanks, and replaces what stands behind a percent sign.
    if '"' in path or "\\" in path or "${" in path:
        raise UsageError(f"ssh cannot take the name {shown(path)} of a file of known hosts")
    return f'"{path.replace("%", "%%")}"'


@contextmanager
def over_ssh(
    ssh: Ssh, environment: Mapping[str, str], told: Callable[[str], None]
) -> Iterator[Connection]:
    """The hub at the other end of *ssh*, while the block runs.

    Raises UsageError, ToolMissing or HubFailed.
    """
    command = ssh.argv()
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(
                command,
                env={**environment, "SSH_ASKPASS_REQUIRE": "never"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                # A jump host must not ask at the terminal either; and Ctrl-C is for us to pass on.
                start_new_session=True,
            )
        except OSError as error:
            raise ToolMissing("ssh", f"reach {ssh.host}", "install it (openssh-client)") from error
        try:
            yield _Remote(ssh.host, process, errors, told)
        finally:
            _end(process)


class _Remote:
    """A hub that answers line by line."""

    def __init__(
        self,
        host: str,
        process: subprocess.Popen[bytes],
        errors: IO[bytes],
        told: Callable[[str], None],
    ) -> None:
        self.hub, self._process, self._errors, self._told = host, process, errors, told
        self._write(program())
        while self._read().rstrip() != dialog.READY.encode():
            pass

    def ask(self, verb: str, **request: Any) -> Any:
        self._write(json.dumps({"do": verb, **request}).encode() + b"\n")
        while True:
            try:
                answer = json.loads(self._read())
            except ValueError as error:
                raise HubFailed(self.hub, f"its answer cannot be read: {error}") from error
            if "told" in answer:
                self._told(answer["told"])
            elif "refused" in answer:
                raise _refused(self.hub, answer["refused"], usage=answer["usage"])
            else:
                return answer["done"]

    def _write(self, text: bytes) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        try:
            self._process.stdin.write(text)
            self._process.stdin.flush()
        except OSError as error:
            raise self._gone() from error

    def _read(self) -> bytes:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise self._gone()
        return line

    def _gone(self) -> HubFailed:
        _end(self._process)
        self._errors.seek(0)
        said = self._errors.read()[-4000:].decode(errors="replace")
        return _explained(self.hub, self._process.returncode, said)


def program() -> bytes:
    """One line of Python: `onhub`, and the start of its dialog."""
    folder = Path(onhub.__file__).parent
    sources = [(name, (folder / f"{name}.py").read_text(encoding="utf-8")) for name in _ROOM]
    text = f"TOO_OLD = {_TOO_OLD!r}\nSOURCES = {sources!r}\n{_BOOT}"
    return f"exec({text!a})\n".encode("ascii")


def _end(process: subprocess.Popen[bytes]) -> None:
    """The hub sees the end of its input, and leaves; so does ssh."""
    try:
        if process.stdin is not None and not process.stdin.closed:
            process.stdin.close()
    except OSError:
        pass
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _refused(hub: str, text: str, *, usage: bool) -> UsageError | HubFailed:
    if usage:
        return UsageError(f"{hub}: {text}")
    low = text.lower()
    remedy = next((remedy for said, remedy in _REMEDIES if re.search(said, low)), "")
    return HubFailed(hub, text, remedy)


_REMEDIES = (
    (
        r"unauthorized|no basic auth|authentication required|access to the resource is denied"
        r"|denied: requested access",
        "its docker is not, or no longer, logged in to the registry: `docker login` there, as the "
        "user that ssh names",
    ),
    (
        r"manifest unknown|manifest for .* not found|repository .* not found",
        "the registry has no such image: `kernelspec build --push` brings it there",
    ),
    (
        r"connection refused|no such host|i/o timeout|network is unreachable|no route to host"
        r"|deadline exceeded|tls handshake|certificate|connection reset|\beof\b|server gave http",
        "the hub does not reach the registry: see that it is up and rightly named in the policy",
    ),
    (r"no space left|disk quota", "make room there: `docker system df` tells what takes it"),
    (r"no image ", "build it there with `kernelspec build`, or name the site's registry"),
    (
        r"permission denied.*docker|docker\.sock.*permission denied",
        "the user that ssh names must be of the group that owns Docker's socket",
    ),
    (
        r"cannot connect to the docker daemon|is the docker daemon running",
        "start the engine there: systemctl start docker",
    ),
    (r"read-only file system|permission denied", "see who may write there: `ls -ld` of the folder"),
)
"""What a hub says, in small letters, and what to do about it; the first that fits."""


def _explained(hub: str, returncode: int, said: str) -> HubFailed:
    """Why ssh has ended, from what it *said* on standard error."""
    if _TOO_OLD in said:
        version = said.partition(_TOO_OLD)[2].split()[0]
        return HubFailed(hub, f"its python3 is {version}", "3.8 or newer is needed there")
    lines = [line.strip() for line in said.splitlines() if line.strip(" @\r")]
    low = said.lower()
    for pattern, reason, remedy in _SSH_SAYS:
        if re.search(pattern, low):
            return HubFailed(hub, reason, remedy)
    if returncode == 127 or re.search(r"python3?: (command )?not found", low):
        return HubFailed(hub, "it has no python3", "install it there: it does the work")
    told = lines[-1] if lines else f"ssh ended with exit {returncode} and said nothing"
    return HubFailed(hub, f"the connection ended: {told}", "")


_SSH_SAYS = (
    (
        r"remote host identification has changed",
        "its host key is not the one in known_hosts: it is another machine, or has a new key",
        "have its administrator confirm the new key before you replace the line",
    ),
    (
        r"host key verification failed|no .* host key is known",
        "its host key is not in known_hosts",
        "get the key from its administrator, and name the file with --known-hosts",
    ),
    (
        r"unprotected private key|bad permissions",
        "ssh refuses the key, since others may read its file",
        "chmod 600 the file first",
    ),
    (
        r"error in libcrypto|invalid format",
        "ssh cannot read the key",
        "a key ends with an empty line behind its last one, and has no passphrase here",
    ),
    (
        r"permission denied \(",
        "it does not let us in",
        "name the private key with -i, and see that its public half is in authorized_keys there",
    ),
    (
        r"could not resolve|connection refused|timed out|no route|unreachable|connection closed"
        r"|connection reset",
        "ssh cannot reach it",
        "see that the name is right, and that the machine is up",
    ),
)
"""What ssh says, in small letters; what that means; what to do about it."""
