"""The account that the machine's kernel keeps, in both of its versions."""

from __future__ import annotations

from pathlib import Path

from kernelspec_lib.watch import usage
from kernelspec_lib.watch.usage import Usage


def written(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_version_1(tmp_path: Path) -> None:
    proc, root = tmp_path / "proc", tmp_path / "cgroup"
    written(proc / "7", cgroup="8:pids:/d/x\n4:memory:/k/ada/x\n2:cpu,cpuacct:/d/x\n0::/d/x\n")
    memory = root / "memory/k/ada/x"
    written(
        memory,
        memory__usage_in_bytes="5000\n",
        memory__stat="cache 9\ntotal_inactive_file 1000\n",
    )
    written(root / "cpuacct/d/x", cpuacct__usage="2500000000\n")
    written(root / "pids/d/x", pids__current="9\n")
    assert usage.of(7, proc, root) == Usage(cpu=2.5, memory=4000, pids=9)


def test_version_2(tmp_path: Path) -> None:
    proc, root = tmp_path / "proc", tmp_path / "cgroup"
    written(proc / "7", cgroup="0::/kernelspec.slice/docker-x.scope\n")
    written(root, cgroup__controllers="cpu memory pids\n")
    written(
        root / "kernelspec.slice/docker-x.scope",
        memory__current="5000\n",
        memory__stat="inactive_file 6000\n",
        cpu__stat="usage_usec 2500000\nuser_usec 1\n",
        pids__current="9\n",
    )
    assert usage.of(7, proc, root) == Usage(cpu=2.5, memory=0, pids=9)


def test_what_has_ended_or_is_not_ours_to_see(tmp_path: Path) -> None:
    assert usage.of(0, tmp_path, tmp_path) == Usage()
    assert usage.of(7, tmp_path, tmp_path) == Usage()
    written(tmp_path / "7", cgroup="4:memory:/gone\nnonsense\n")
    assert usage.of(7, tmp_path, tmp_path) == Usage()
