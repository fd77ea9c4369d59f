"""Kernels of several users, a budget, and an engine that is restarted below a kernel."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from kernelspec_lib.conformance.traces import happens
from kernelspec_lib.delivery.engine import Engine
from tests.conformance.conftest import KERNEL, LAUNCHERS, none_of, site
from tests.conformance.people import ROOT, STAGED, Person, World, environment
from tests.docker.conftest import LOGIN

pytestmark = [pytest.mark.docker, pytest.mark.network]


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Somebody who does one of tests.conformance.acts, line by line."""

    process: subprocess.Popen[str]

    def tell(self, line: str) -> None:
        """Say *line* to the act."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        """The next line of the act."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        assert line, self.process.communicate()[1]
        return line


@contextmanager
def acting(world: World, who: Person, act: str) -> Iterator[Actor]:
    """*who*, doing *act*, which must end well."""
    command = world.command([sys.executable, "-m", "tests.conformance.acts", act], who)
    variables = environment(who, {"PYTHONPATH": str(ROOT)})
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, env=variables, stdin=pipe, stdout=pipe, stderr=pipe, text=True
    ) as process:
        try:
            yield Actor(process=process)
            _, told = process.communicate(timeout=120)
            assert process.returncode == 0, told
        finally:
            process.kill()


def test_a_neighbour_keeps_its_pace_beside_a_hog(
    world: World, somebody: Callable[[str], Person], engine: Engine
) -> None:
    site(world)
    hog, neighbour = somebody("direct"), somebody("supervised")
    with acting(world, neighbour, "neighbour") as beside:
        assert beside.hear() == "ready"
        beside.tell("measure")
        alone = float(beside.hear())
        with acting(world, hog, "hog") as greedy:
            assert greedy.hear() == "ready"
            beside.tell("measure")
            together = float(beside.hear())
            greedy.tell("stop")
    # Eight processes on one processor's share: without a limit it would be a multiple of this.
    assert together / alone < 4
    assert none_of(engine, hog)
    assert none_of(engine, neighbour)


@pytest.mark.parametrize("launcher", [one for one in LAUNCHERS if one != "direct"])
def test_one_kernel_more_than_the_budget_is_refused_and_the_suite_keeps_to_it(
    launcher: str, world: World, somebody: Callable[[str], Person], engine: Engine
) -> None:
    who = somebody(launcher)
    site(world, per_user={"kernels": 2})
    words = [sys.executable, "-m", "tests.conformance.acts", "budget,at-once"]
    done = world.run(words, who, PYTHONPATH=str(ROOT))
    verdicts = json.loads(done.stdout)["cases"]
    assert [(one["outcome"], one["reason"]) for one in verdicts] == [("passed", "")] * 2
    assert none_of(engine, who)


@dataclass(kw_only=True)
class OwnEngine:
    """A Docker engine that nobody else uses, and that can be restarted."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        """Where it answers."""
        return f"unix://{self.folder}/docker.sock"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        words = ["--data-root", "data", "--exec-root", "exec", "--pidfile", "pid"]
        paths = [str(self.folder / word) if n % 2 else word for n, word in enumerate(words)]
        # With "none" or one of its own it would take docker0 away from the other engine.
        more = ["--bridge=docker0", "--iptables=false", f"--host={self.host}"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(["dockerd", *paths, *more], stdout=log, stderr=log)
        assert happens(lambda: self.ask("version").returncode == 0, 60), self.log()

    def stop(self) -> None:
        """Stop it as systemd does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The answer to `docker WORDS`."""
        command = ["docker", f"--host={self.host}", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def log(self) -> str:
        """The end of what it has written."""
        return (self.folder / "log").read_text()[-2000:]


@pytest.fixture(scope="module")
def own_engine(root: None, kernel: object, engine: Engine) -> Iterator[OwnEngine]:
    """An engine of its own, with the image of the kernel."""
    with TemporaryDirectory(prefix="kernelspec-engine-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # users pass it, on their way to the socket
        yield from _own_engine(OwnEngine(folder=folder), engine)


def _own_engine(own: OwnEngine, engine: Engine) -> Iterator[OwnEngine]:
    folder = own.folder
    own.start()
    try:
        image = f"{LOGIN}_{KERNEL}:latest"
        archive = str(folder / "image.tar")
        saved = engine.ask("save", f"--output={archive}", image)
        assert saved.returncode == 0, saved.stderr
        loaded = own.ask("load", f"--input={archive}")
        assert loaded.returncode == 0, loaded.stderr
        Path(archive).unlink()
        yield own
    finally:
        own.stop()
        for mounted in (folder / "exec/netns").glob("*"):
            subprocess.run(["umount", str(mounted)], check=False)


@pytest.fixture(scope="module")
def own_world(own_engine: OwnEngine, world: World) -> Iterator[None]:
    """Lets that engine be the one of *world*: its socket stands where everybody looks for one."""
    socket = own_engine.folder / "docker.sock"
    link = f"ln -s {socket} /run/docker.sock"
    aside = own_engine.folder / "staged"
    aside.mkdir()
    script = (
        f"mount --rbind {STAGED} {aside} && mount -t tmpfs -o mode=755 tmpfs /run && "
        f"mkdir /run/sudo {STAGED} && mount --rbind {aside} {STAGED} && {link}"
    )
    done = world.run(["sh", "-c", script])
    assert done.returncode == 0, done.stderr
    yield
    world.run(["umount", "--lazy", "/run", str(aside)])


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_restart_of_docker_loses_nothing(
    launcher: str,
    own_engine: OwnEngine,
    own_world: None,
    world: World,
    somebody: Callable[[str], Person],
) -> None:
    site(world)
    with acting(world, somebody(launcher), "survive") as who:
        assert who.hear() == "ready"
        own_engine.stop()
        who.tell("down")
        assert who.hear() == "dead"
        own_engine.start()
        who.tell("up")
        assert who.hear() == "kept"
    assert happens(lambda: not own_engine.ask("ps", "--all", "--quiet").stdout, 30)
