"""A kernel's start to its first reply: launcher, plain `docker run` and bare kernel in turn.

    python benchmarks/start.py IMAGE [--runs 9]

IMAGE holds ipykernel, and a Docker engine runs here. Prints medians of one run beside their aims:
the starts; the memory of the launcher and its watchdog while the kernel idles (PSS: of what they
share with others, their part); the time from the call of `kernelspec-launch` to its first word to
Docker.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

import kernelspec_lib

HERE = Path(sys.executable).parent
USER = (os.getuid() or 12345, os.getgid() or 12345)
"""Never root: the connection file is given to an ordinary uid."""
WAYS = ("bare", "direct", "supervised")


def install(kernels: Path, image: str, work: Path) -> Path:
    """One kernel spec for each of WAYS; the folder's policy."""
    policy = kernels / "policy.json"
    folder = kernels / "project"
    folder.mkdir(parents=True)
    value = {"kernel_name": "start", "python_version": "3.11", "libs": ["ipykernel"]}
    (folder / "requirements.json").write_text(json.dumps(value))
    for way in WAYS[1:]:
        mount = {"source": str(work), "target": "/home/{login}/work"}
        policy.write_text(json.dumps({"launcher": way, "work_dir": mount}))
        words = [HERE / "kernelspec", "emit", folder, "--login=bench", f"--image={image}"]
        words += [f"--user={USER[0]}:{USER[1]}", f"--policy={policy}", f"--output={kernels / way}"]
        subprocess.run(words, check=True, stderr=subprocess.DEVNULL)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernels / "bare").mkdir()
    spec = {"argv": argv, "display_name": "bare", "language": "python"}
    (kernels / "bare" / "kernel.json").write_text(json.dumps(spec))
    return policy


def manager(kernels: Path, way: str, runtime: Path) -> KernelManager:
    """What starts a kernel of *way*, with its connection file written."""
    made = KernelManager(
        kernel_name=way,
        kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(kernels)]),
        connection_file=str(runtime / f"kernel-{uuid.uuid4()}.json"),
        cache_ports=False,
    )
    made.write_connection_file()
    if way != "bare":
        os.chown(made.connection_file, *USER)
    return made


def started(made: KernelManager, environment: dict[str, str], work: Path) -> tuple[float, float]:
    """Seconds to the first reply, and megabytes of what Jupyter started, once it idles."""
    began = time.perf_counter()
    null = subprocess.DEVNULL
    made.start_kernel(env=environment, cwd=str(work), stdout=null, stderr=null)
    client = made.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=120)
        seconds = time.perf_counter() - began
        assert made.provisioner is not None
        time.sleep(0.5)
        return seconds, sum(map(pss, family(made.provisioner.pid)))
    finally:
        client.stop_channels()
        made.shutdown_kernel()


def family(pid: int) -> list[int]:
    """*pid* and all that descend from it."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        parents.setdefault(parent, []).append(int(path.parent.name))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def pss(pid: int) -> float:
    """Megabytes of memory, each shared page divided among those who share it."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def exec_seconds(kernels: Path, runtime: Path, environment: dict[str, str]) -> tuple[float, float]:
    """From the call of the launcher to its first word to Docker: on the clock, and of one core."""
    made = manager(kernels, "supervised", runtime)
    path = runtime / f"{uuid.uuid4().hex[:8]}.sock"
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(str(path))
        engine.listen()
        words = [HERE / "kernelspec-launch", kernels / "supervised", made.connection_file]
        own = {**environment, "DOCKER_HOST": f"unix://{path}"}
        began = time.perf_counter()
        with subprocess.Popen(words, env=own, stderr=subprocess.DEVNULL) as launcher:
            engine.settimeout(30)
            connection, _ = engine.accept()
            connection.recv(1)
            seconds = time.perf_counter() - began
            launcher.kill()
            _, _, used = os.wait4(launcher.pid, 0)
            launcher.returncode = -9
            connection.close()
    made.cleanup_resources()
    return seconds, used.ru_utime + used.ru_stime


def measure(
    image: str, runs: int, root: Path
) -> tuple[dict[str, list[tuple[float, float]]], float]:
    """What each of WAYS took, and the launcher's time to exec."""
    work, runtime, kernels = root / "work", root / "runtime", root / "kernels"
    for folder in (work, runtime):
        folder.mkdir()
    os.chown(work, *USER)
    root.chmod(0o755)
    # From bytecode, as pip installs it.
    compileall.compile_dir(Path(kernelspec_lib.__file__).parent, quiet=1)
    policy = install(kernels, image, work)
    environment = {**os.environ, "KERNELSPEC_POLICY": str(policy)}
    environment["PATH"] = f"{HERE}:{environment['PATH']}"
    told: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    for turn in range(runs + 1):
        for way in WAYS:
            found = started(manager(kernels, way, runtime), environment, work)
            if turn:  # the first turn warms what all share
                told[way].append(found)
    execs = [exec_seconds(kernels, runtime, environment) for _ in range(runs + 1)][1:]
    return told, execs


def refusal(image: str) -> str:
    """Why no kernel starts in *image*; empty: one does."""
    python = ["python", "-c", "import ipykernel"]
    words = ["docker", "run", "--rm", "--pull=never", "--network=none", image, *python]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    if "No module named" in done.stderr:
        return f"{image} holds no ipykernel: name an image that `kernelspec build` made"
    return f"{image} does not start: {done.stderr.strip().splitlines()[0]}"


def main(words: Sequence[str] | None = None) -> None:
    """Measure, and tell."""
    parser = argparse.ArgumentParser()
    parser.add_argument("image")
    parser.add_argument("--runs", type=int, default=9)
    given = parser.parse_args(words)
    if why := refusal(given.image):
        parser.error(why)
    with tempfile.TemporaryDirectory() as root:
        told, execs = measure(given.image, given.runs, Path(root))
    seconds = {way: statistics.median(one for one, _ in told[way]) for way in WAYS}
    memory = statistics.median(one for _, one in told["supervised"])
    for way in WAYS:
        print(f"{way:10} {seconds[way]:.3f} s to the first reply")
    print(f"launcher / docker run: {seconds['supervised'] / seconds['direct']:.2f} (at most 1.10)")
    print(f"launcher / bare: {seconds['supervised'] / seconds['bare']:.2f} (at most 1.5)")
    print(f"launcher and watchdog, idle: {memory:.1f} MB PSS (at most 15)")
    clock, core = (statistics.median(column) * 1000 for column in zip(*execs, strict=True))
    print(
        f"call of the launcher to its first word to Docker: {clock:.0f} ms (at most 60); "
        f"least {min(execs)[0] * 1000:.0f} ms; of one core {core:.0f} ms"
    )


if __name__ == "__main__":
    main()
