"""docs/zero-to-hub.md, done: files written, commands run, the hub started, a kernel used."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kernelspec_lib.delivery.engine import Engine
from tests.conformance import hub as hubs
from tests.conformance import people
from tests.conformance.conftest import none_of
from tests.conformance.people import ROOT, Person, World
from tests.docker.conftest import Kernel

GUIDE = (ROOT / "docs/zero-to-hub.md").read_text(encoding="utf-8")
FILES: dict[str, str] = dict(
    re.findall(r"`(/[\w./-]+)`:\n\n```\w+\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
)
"""What the guide says is in which file."""


def commands(kind: str = "") -> str:
    """The commands of the guide; kind: those that a test runs apart, by their name."""
    fence = f"sh {kind}".strip()
    return "\n".join(re.findall(rf"^```{fence}\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE))


def test_each_file_of_the_guide_is_named() -> None:
    assert sorted(FILES) == [
        "/etc/jupyter/jupyter_server_config.py",
        "/etc/jupyterhub/jupyterhub_config.py",
        "/etc/kernelspec/policy.json",
        "/etc/systemd/system/jupyterhub.service",
        "/usr/local/bin/kernelspec-launch",
    ]


def test_the_service_starts_what_the_guide_installs() -> None:
    unit = configparser.ConfigParser()
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(FILES["/etc/systemd/system/jupyterhub.service"])
    config = "/etc/jupyterhub/jupyterhub_config.py"
    assert unit["Service"]["ExecStart"] == f"/opt/jupyterhub/bin/jupyterhub --config={config}"
    assert config in FILES
    # Mounts that root's launcher makes for the engine must reach it.
    assert not {"PrivateTmp", "PrivateMounts", "ProtectSystem", "ProtectHome"} & {*unit["Service"]}


def test_the_readme_names_the_lines_of_the_guide() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
    lines = [line.partition("#")[0].strip() for line in block.splitlines() if line]
    assert len(lines) == 3
    assert all(line in GUIDE for line in lines)


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", GUIDE):
        assert (ROOT / "docs" / target).exists(), target


@pytest.fixture
def machine(world: World) -> Iterator[World]:
    """The world of the tests with the guide's files, and this Python as the hub's environment."""
    bound = world.run(["mount", "--bind", sys.prefix, "/opt/jupyterhub"])
    assert bound.returncode == 0, bound.stderr
    kept = world.run(["cat", "/usr/local/bin/kernelspec-launch"]).stdout
    for path, text in FILES.items():
        if "systemd" not in path:
            world.write(path, text)
    yield world
    world.write("/usr/local/bin/kernelspec-launch", kept, 0o755)
    world.run(["umount", "--lazy", "/opt/jupyterhub"])


@pytest.mark.docker
@pytest.mark.network
def test_the_guide_from_its_policy_to_a_cell(
    machine: World, kernel: Kernel, engine: Engine, tmp_path: Path
) -> None:
    with people.person("ada") as ada:
        done = machine.run(["sh", "-euxc", f"cd {ROOT}\n{commands()}"])
        assert done.returncode == 0, done.stdout + done.stderr
        assert '"sudo"' in done.stdout  # of `kernelspec policy show`
        _first_kernel(machine, ada, kernel, tmp_path)
        hub_config = FILES["/etc/jupyterhub/jupyterhub_config.py"]
        folder = tmp_path / "hub"
        folder.mkdir()
        with hubs.running(machine, folder, hub_config) as hub:
            server = hub.start(ada)
            one = server.start_kernel("first")
            assert server.execute(one, "print(6 * 7)") == "42\n"
            assert server.execute(one, "import os; print(os.getuid())") == f"{ada.uid}\n"
            hub.stop(ada)
        assert none_of(engine, ada)


def _first_kernel(machine: World, ada: Person, kernel: Kernel, tmp_path: Path) -> None:
    """The guide's commands for a kernel, with the index and the login of the test."""
    text = commands("kernel").replace("--login ada", f"--login {ada.login}")
    text = text.replace("/srv", str(tmp_path))
    index = f"--index-url={kernel.index_url}"
    text = re.sub(r"^kernelspec (lint|build) .*$", rf"\g<0> {index}", text, flags=re.MULTILINE)
    text = re.sub(r"^kernelspec build .*$", r"\g<0> --network=host", text, flags=re.MULTILINE)
    done = machine.run(["sh", "-euxc", text], KERNELSPEC_CACHE=str(tmp_path / "cache"))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.network
@pytest.mark.skipif(
    "KERNELSPEC_TEST_GUIDE" not in os.environ,
    reason="installs JupyterHub anew, a minute: set KERNELSPEC_TEST_GUIDE=1",
)
def test_the_installation(machine: World, tmp_path: Path) -> None:
    wheel = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(tmp_path)]
    subprocess.run([*wheel, str(ROOT)], check=True)
    machine.run(["umount", "/opt/jupyterhub"])
    lines = commands("install").splitlines()
    wanted = [line for line in lines if not line.startswith(("apt-get", "npm"))]
    done = machine.run(["sh", "-euxc", "\n".join([f"cd {tmp_path}", *wanted])])
    assert done.returncode == 0, done.stdout + done.stderr
    for program in ("jupyterhub", "jupyterhub-singleuser", "kernelspec", "kernelspec-launch"):
        assert machine.run(["test", "-x", f"/opt/jupyterhub/bin/{program}"]).returncode == 0
