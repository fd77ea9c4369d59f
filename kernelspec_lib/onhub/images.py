"""The images that kernels need, in this machine's container engine."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from kernelspec_lib.onhub.files import Refused

VARIABLE = "KERNELSPEC_DOCKER"
"""Names another client, by name or by path."""
REPOSITORY = "kernelspec-installed"
"""In front of tags that hold images: `docker image prune` removes what has a digest only."""
_SEARCHED = ("/usr/local/bin", "/usr/bin", "/bin", "/snap/bin")
_TIMEOUT = 60.0
_PULL_TIMEOUT = 3600.0
_NAMES = '{"size": {{json .Size}}, "tags": {{json .RepoTags}}, "digests": {{json .RepoDigests}}}'
UNKNOWN = ("no such image", "image not known", "no such object")
"""What docker and podman say, in small letters, of an image that they do not have."""


class Engine:
    """The client *name* (docker or podman) of this machine. Raises Refused where there is none."""

    def __init__(self, name: str) -> None:
        path = os.pathsep.join((os.environ.get("PATH", os.defpath), *_SEARCHED))
        program = shutil.which(os.environ.get(VARIABLE) or name, path=path)
        if program is None:
            raise Refused(f"there is no {name}, and kernels run in it: install it")
        self.name, self.program = name, program

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The answer to `docker WORDS`. Raises Refused where there is none."""
        try:
            return subprocess.run(
                (self.program, *words),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=_TIMEOUT,
                check=False,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise Refused(f"{self.name} {words[0]} does not answer: {error}") from error

    def look(self, references: Sequence[str]) -> dict[str, dict[str, Any]]:
        """What is here of the images *references*: id, digests, labels, when it was created."""
        wanted = sorted(set(references))
        if not wanted:
            return {}
        answer = self.ask("image", "inspect", "--", *wanted)
        if answer.returncode != 0:
            said = answer.stderr.lower()
            if not any(text in said for text in UNKNOWN):
                raise Refused(f"{self.name} image inspect failed: {last(answer.stderr)}")
            # Those that are here are told all the same, in their order.
            complaints = {line.split()[-1] for line in answer.stderr.splitlines() if line.strip()}
            wanted = [one for one in wanted if one not in complaints]
        values = json.loads(answer.stdout.strip() or "[]")
        if len(values) == len(wanted):
            return {one: _told(value) for one, value in zip(wanted, values)}
        return {name: found for one in wanted for name, found in self._one(one).items()}

    def _one(self, reference: str) -> dict[str, dict[str, Any]]:
        answer = self.ask("image", "inspect", "--", reference)
        values = json.loads(answer.stdout) if answer.returncode == 0 else []
        return {reference: _told(values[0])} if values else {}

    def pull(self, reference: str, told: Callable[[str], None]) -> str | None:
        """Pull *reference*; its digest, if the engine says one. Raises Refused, with its words."""
        process = subprocess.Popen(
            (self.program, "pull", "--", reference),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        timer = threading.Timer(_PULL_TIMEOUT, process.kill)
        timer.daemon = True
        timer.start()
        lines: list[str] = []
        try:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            for line in process.stdout:
                lines.append(line.strip())
                told(line.strip())
            process.wait()
        finally:
            timer.cancel()
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        if process.returncode != 0:
            raise Refused(f"{self.name} cannot pull {reference}: {last(' | '.join(lines[-3:]))}")
        said = [line.split()[-1] for line in lines if line.startswith("Digest: sha256:")]
        return said[-1] if said else None

    def hold(self, image: str, tag: str) -> None:
        """Give *image* a tag of ours: it stays when somebody empties the machine of old images."""
        answer = self.ask("tag", image, tag)
        if answer.returncode != 0:
            raise Refused(f"{self.name} tag failed: {last(answer.stderr)}")

    def held(self) -> list[tuple[str, str]]:
        """Tag and image id of all images that kernels on this machine need."""
        form = "{{.Repository}}:{{.Tag}} {{.ID}}"
        answer = self.ask("image", "ls", "--no-trunc", f"--format={form}")
        if answer.returncode != 0:
            raise Refused(f"{self.name} image ls failed: {last(answer.stderr)}")
        rows = [line.split(" ", 1) for line in answer.stdout.splitlines()]
        # podman puts the name of this machine's own registry in front.
        bare = [(row[0].replace("localhost/", "", 1), row[1]) for row in rows if len(row) == 2]
        return [(tag, image) for tag, image in bare if tag.startswith(f"{REPOSITORY}/")]

    def of_kernels(self, label: str) -> list[dict[str, Any]]:
        """Every image that carries *label*: id, size in bytes, and its tags and digests."""
        answer = self.ask("image", "ls", "--quiet", "--no-trunc", f"--filter=label={label}")
        if answer.returncode != 0:
            raise Refused(f"{self.name} image ls failed: {last(answer.stderr)}")
        found = []
        for image in sorted(set(answer.stdout.split())):
            told = self.ask("image", "inspect", f"--format={_NAMES}", "--", image)
            if told.returncode == 0:  # else it is gone by now
                value = json.loads(told.stdout)
                names = [*(value["tags"] or []), *(value["digests"] or [])]
                found.append({"id": image, "size": value["size"], "names": names})
        return found

    def drop(self, image: str, names: Sequence[str]) -> bool:
        """Remove the *image* under all its *names*; whether it is gone. What is in use stays."""
        for name in names or [image]:
            self.ask("image", "rm", name)
        return not self.look([image])

    def release(self, tags: Iterable[str]) -> None:
        """Remove *tags*, and the images that have no other; those in use stay."""
        for tag in tags:
            self.ask("image", "rm", tag)


def _told(value: Mapping[str, Any]) -> dict[str, Any]:
    # podman writes an image's id without what it is a hash of.
    known = value["Id"] if value["Id"].startswith("sha256:") else f"sha256:{value['Id']}"
    return {
        "id": known,
        "digests": value.get("RepoDigests") or [],
        "labels": (value.get("Config") or {}).get("Labels") or {},
        "created": value.get("Created"),
    }


def tag_of(owner: str, kernel: str, folder: str, image: str) -> str:
    """The tag that holds the image id *image* for the kernel *kernel* in *folder*."""
    return f"{_own(owner, kernel, folder)}{image.split(':')[-1][:12]}"


def _own(owner: str, kernel: str, folder: str) -> str:
    place = hashlib.sha256(folder.encode()).hexdigest()[:8]
    return f"{REPOSITORY}/{owner}_{kernel}:{place}-"


def unneeded(
    engine: Engine, owner: str, kernel: str, folder: str, needed: Iterable[str]
) -> list[str]:
    """The tags that hold images for the kernel in *folder* beside the image ids *needed*."""
    kept = {tag_of(owner, kernel, folder, image) for image in needed}
    own = _own(owner, kernel, folder)
    return [tag for tag, _ in engine.held() if tag.startswith(own) and tag not in kept]


def last(text: str) -> str:
    """The end of what a program said, in one line."""
    return " ".join(text.split())[-500:] or "it did not say why"
