"""Real users of this machine, and a place of their own to run programs in.

A hub's users cannot read root's home, and often the Python that the tests run with is there. So
what users run is run in a mount name space in which the way to that Python is open, and in which
the folders of PRIVATE can be changed without changing the machine.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PRIVATE = (
    "/etc/kernelspec", "/etc/jupyter", "/etc/jupyterhub", "/etc/skel", "/etc/sudoers.d",
    "/usr/local/bin", "/usr/local/share/jupyter", "/opt/jupyterhub",
)  # fmt: skip


STAGED = "/run/kernelspec"
"""What root's launcher mounts here, the Docker engine outside must see."""

_APART = """
findmnt --raw --noheadings --output=TARGET | while read -r target; do
    [ "$target" = {0} ] || mount --make-slave "$(printf %b "$target")" 2>/dev/null
done
case $(findmnt --raw --noheadings --output=PROPAGATION /) in *shared*) exit 1 ;; esac
echo ready
exec sleep infinity
"""


@dataclass(frozen=True, kw_only=True)
class Person:
    """An account with a home."""

    login: str
    uid: int
    gid: int
    home: Path

    @property
    def work(self) -> Path:
        """The work folder that the policy names by default."""
        return self.home / "work"

    @property
    def kernels(self) -> Path:
        """Where this person's own kernel specs lie."""
        return self.home / ".local/share/jupyter/kernels"


@contextmanager
def person(name: str, *groups: str) -> Iterator[Person]:
    """A new account, which is removed with its home and all its processes."""
    login = f"{name}-{uuid.uuid4().hex[:6]}"
    more = [f"--groups={','.join(groups)}"] if groups else []
    _root("useradd", "--create-home", "--shell=/bin/bash", *more, login)
    try:
        account = pwd.getpwnam(login)
        home = Path(account.pw_dir)
        one = Person(login=login, uid=account.pw_uid, gid=account.pw_gid, home=home)
        one.work.mkdir()
        os.chown(one.work, one.uid, one.gid)
        yield one
    finally:
        _end_processes(login)
        subprocess.run(["userdel", "--force", "--remove", login], capture_output=True, check=False)


def _end_processes(login: str) -> None:
    uid = pwd.getpwnam(login).pw_uid
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if path.stat().st_uid == uid:
                os.kill(int(path.name), signal.SIGKILL)


@dataclass(frozen=True, kw_only=True)
class World:
    """A mount name space, held by a process that sleeps."""

    holder: int

    def command(self, words: Sequence[str], who: Person | None = None) -> list[str]:
        """*words*, to be run in this world; as *who*, or as root."""
        inside = ["nsenter", f"--mount=/proc/{self.holder}/ns/mnt", f"--wd={Path.cwd()}"]
        if who is None:
            return [*inside, *words]
        user = [f"--reuid={who.uid}", f"--regid={who.gid}", "--init-groups"]
        return [*inside, "setpriv", *user, "--", *words]

    def run(
        self, words: Sequence[str], who: Person | None = None, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run *words* to their end, with *more* in the environment that *who* logs in with."""
        return subprocess.run(
            self.command(words, who),
            env=environment(who, more),
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Make the file *path* of root's in this world."""
        script = f'mkdir -p "$(dirname {path})" && cat >{path} && chmod {mode:o} {path}'
        command = self.command(["sh", "-c", script])
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def environment(who: Person | None, more: Mapping[str, str]) -> dict[str, str]:
    """The variables of a login, with this Python's programs first on PATH."""
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
    home = str(who.home) if who else "/root"
    login = who.login if who else "root"
    return {"PATH": path, "HOME": home, "USER": login, "LOGNAME": login, "LANG": "C.UTF-8", **more}


@contextmanager
def world(folder: Path, needed: Sequence[Path] = ()) -> Iterator[World]:
    """A mount name space of its own; *folder* takes what is private to it.

    needed: folders that must be reached in it, besides those of this Python.
    """
    _share(Path(STAGED))
    holder = subprocess.Popen(
        ["unshare", "--mount", "--propagation=unchanged", "sh", "-c", _APART.format(STAGED)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        one = World(holder=holder.pid)
        for number, path in enumerate(PRIVATE):
            _private(one, path, folder / str(number))
        for closed, inside in _closed_ways(needed).items():
            _open(one, closed, sorted(inside), folder)
        yield one
    finally:
        holder.kill()
        holder.communicate()


def _share(folder: Path) -> None:
    """Let mounts in *folder* be seen by name spaces that are made from now on, and theirs here.

    It stays so until the machine restarts: another world may stand on it.
    """
    folder.mkdir(mode=0o755, exist_ok=True)
    words = ["findmnt", "--noheadings", "--output=PROPAGATION", str(folder)]
    if (
        subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()
        != "shared"
    ):
        _root("mount", "--rbind", str(folder), str(folder))
        _root("mount", "--make-shared", str(folder))


def _private(one: World, path: str, instead: Path) -> None:
    # Never removed again: it may be where another world begins.
    Path(path).mkdir(parents=True, exist_ok=True)
    instead.mkdir(mode=0o755)
    instead.chmod(Path(path).stat().st_mode & 0o7777)
    for file in Path(path).iterdir():
        if file.is_file():
            shutil.copy2(file, instead)
    _inside(one, "mount", "--bind", str(instead), path)


def _closed_ways(needed: Sequence[Path]) -> dict[Path, set[Path]]:
    """Folders that not everybody may pass, and what in them everybody has to reach."""
    closed: dict[Path, set[Path]] = {}
    for path in {Path(sys.prefix), Path(sys.base_prefix).resolve(), ROOT, *needed}:
        for above in reversed(path.parents):
            if not above.stat().st_mode & 0o001:
                closed.setdefault(above, set()).add(path)
                break
    return closed


def _open(one: World, closed: Path, needed: Sequence[Path], folder: Path) -> None:
    """Let an open and empty folder stand for *closed*, with nothing in it but *needed*."""
    aside = [folder / f"{closed.name}-{number}" for number in range(len(needed))]
    for path, kept in zip(needed, aside, strict=True):
        kept.mkdir()
        _inside(one, "mount", "--bind", str(path), str(kept))
    _inside(one, "mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(closed))
    for path, kept in zip(needed, aside, strict=True):
        _inside(one, "mkdir", "-p", str(path))
        _inside(one, "mount", "--bind", str(kept), str(path))


def _inside(one: World, *words: str) -> None:
    done = one.run(words)
    assert done.returncode == 0, f"{words}: {done.stderr}"


def _root(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}: {done.stderr}"
