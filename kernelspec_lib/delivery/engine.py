"""The Docker engine, and a client on this machine that can do what is needed.

A docker client older than 23 has BuildKit inside; a newer one needs the plugin buildx, and falls
back to a builder that knows no secrets and no cache mounts. Both kinds may stand on one PATH.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from kernelspec_lib.delivery import command
from kernelspec_lib.errors import CommandFailed, ToolMissing
from kernelspec_lib.onhub.images import UNKNOWN, VARIABLE

_TIMEOUT = 60.0
_PULL_TIMEOUT = 3600.0
_FIRST_WITH_BUILDX = 23


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A client whose engine has answered."""

    name: str = "docker"
    """Docker, or podman, which takes the same commands."""
    client: str
    """Path of the client."""
    version: str
    """The client's."""
    server: str
    """The engine's version."""
    environment: Mapping[str, str]
    """What the client is run with."""

    def ask(self, *words: str, timeout: float = _TIMEOUT) -> command.Answer:
        """The answer to `docker WORDS`."""
        return command.ask((self.client, *words), self.environment, timeout)


def find(environment: Mapping[str, str], *, to_build: bool, name: str = "docker") -> Engine:
    """The first client *name* on PATH whose engine answers; for podman its own, it has no engine.

    to_build: whether it must be able to do BuildKit. Raises ToolMissing where there is no such
    client, CommandFailed where the engine does not answer.
    """
    refusal: CommandFailed | None = None
    too_plain: list[str] = []
    own = {**environment, "DOCKER_BUILDKIT": "1", "DOCKER_CLI_HINTS": "false"}
    for client in _clients(environment, name):
        answer = command.ask((client, "version", "--format", "{{json .}}"), own, _TIMEOUT)
        version, server = _versions(answer.stdout)
        if name != "docker" and answer.returncode == 0:
            server = version
        if server is None:
            refusal = refusal or _unreachable(client, answer)
        elif to_build and name == "docker" and not _has_buildkit(client, version, own):
            too_plain.append(f"{client} ({version})")
        else:
            return Engine(name=name, client=client, version=version, server=server, environment=own)
    if too_plain:
        raise ToolMissing(
            "BuildKit",
            "build images",
            f"{', '.join(too_plain)} cannot do it: install docker's plugin buildx, or name "
            f"another client in {VARIABLE}",
        )
    if refusal:
        raise refusal
    raise ToolMissing(
        name,
        "build images" if to_build else "run kernels",
        f"install it, or name it in {VARIABLE}; `kernelspec try --engine venv` needs no Docker",
    )


def labels(engine: Engine, image: str) -> Mapping[str, str] | None:
    """The labels of the local image *image*; None where there is no such image.

    Raises CommandFailed where the engine cannot say.
    """
    answer = engine.ask("image", "inspect", "--format", "{{json .Config.Labels}}", "--", image)
    if answer.returncode == 0:
        found: Mapping[str, str] | None = json.loads(answer.stdout)
        return found or {}
    if any(text in answer.stderr.lower() for text in UNKNOWN):
        return None
    raise failed(engine, "image inspect", answer)


def pull(engine: Engine, image: str) -> None:
    """Bring *image* from its registry. Raises CommandFailed."""
    answer = engine.ask("pull", "--quiet", "--", image, timeout=_PULL_TIMEOUT)
    if answer.returncode != 0:
        remedy = "see to its name, and that you are logged in to its registry (`docker login`)"
        raise failed(engine, f"pull {image}", answer, remedy)


def remove_containers(engine: Engine, label: str) -> None:
    """Remove every container that carries *label* ("name=value"), running or not."""
    listed = engine.ask("ps", "--all", "--quiet", "--no-trunc", f"--filter=label={label}")
    if listed.returncode != 0:
        raise failed(engine, "ps", listed)
    for container in listed.stdout.split():
        # It may be gone already: --rm removes it too.
        engine.ask("rm", "--force", "--volumes", container)


def failed(engine: Engine, what: str, answer: command.Answer, remedy: str = "") -> CommandFailed:
    """The error of `docker *what*` that answered so."""
    told = [line for line in answer.stderr.splitlines() if line.strip()][-5:]
    return CommandFailed(f"docker {what}", answer.returncode, told, remedy)


def _clients(environment: Mapping[str, str], name: str) -> Iterator[str]:
    path = environment.get("PATH", os.defpath)
    if named := environment.get(VARIABLE):
        found = shutil.which(named, path=path)
        if found is None:
            raise ToolMissing(named, "reach Docker", f"{VARIABLE} names it: mend or unset that")
        yield found
        return
    seen: set[Path] = set()
    for folder in path.split(os.pathsep):
        if found := shutil.which(name, path=folder) if folder else None:
            real = Path(found).resolve()
            if real not in seen:
                seen.add(real)
                yield found


def _versions(text: str) -> tuple[str, str | None]:
    """Versions of client and engine; None for the engine that did not answer."""
    try:
        told = json.loads(text)
        server = told.get("Server") or {}
        return str(told["Client"]["Version"]), server.get("Version")
    except (ValueError, LookupError, TypeError, AttributeError):
        return "unknown", None


def _has_buildkit(client: str, version: str, environment: Mapping[str, str]) -> bool:
    major = version.partition(".")[0]
    if major.isdecimal() and int(major) < _FIRST_WITH_BUILDX:
        return True
    return command.ask((client, "buildx", "version"), environment, _TIMEOUT).returncode == 0


def _unreachable(client: str, answer: command.Answer) -> CommandFailed:
    told = [line for line in answer.stderr.splitlines() if line.strip()][-3:]
    if any("permission denied" in line.lower() for line in told):
        remedy = "ask your administrator for the group that owns Docker's socket"
    else:
        remedy = "start the engine (systemctl start docker), or say where it is in DOCKER_HOST"
    return CommandFailed(
        f"asking the Docker engine with {client}",
        answer.returncode,
        told or ["it did not answer"],
        f"{remedy}; `kernelspec try --engine venv` needs no Docker",
    )
