"""The hooks of the hub, without one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kernelspec_lib import hub


class Log:
    """What a hub would write."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def error(self, text: str, *words: object) -> None:
        self.lines.append(text % words)


def stopped(monkeypatch: pytest.MonkeyPatch, policy: Path) -> list[str]:
    """What is logged when the server of somebody has stopped, where no engine answers."""
    monkeypatch.setenv("KERNELSPEC_POLICY", str(policy))
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    log = Log()
    spawner: Any = SimpleNamespace(user=SimpleNamespace(name="Ada", spawners={}), log=log)
    asyncio.run(hub.post_stop_hook(spawner))
    return log.lines


@pytest.mark.parametrize("text", ['{"engine": "podman"}', '{"engine": "rkt"}'])
def test_a_hub_goes_on_whatever_the_policy_and_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    path = tmp_path / "policy.json"
    path.write_text(text)
    (line,) = stopped(monkeypatch, path)
    assert line.startswith("kernels of ada may have stayed behind: the engine does not answer at")
    (line,) = stopped(monkeypatch, tmp_path / "absent.json")
    assert "/nowhere.sock" in line
