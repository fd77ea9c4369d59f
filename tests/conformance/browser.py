"""Chromium without a screen, led by its own debugging protocol.

Source: the Chrome DevTools Protocol, domains Emulation, Input, Page and Runtime.
"""

from __future__ import annotations

import base64
import itertools
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import websocket

from kernelspec_lib.conformance.traces import happens

# It runs as root here, on pages of this machine only, and has nothing to ask of the network.
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--window-size=1000,640", "--remote-debugging-port=0",
    "--proxy-server=direct://", "about:blank",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Page:
    """The one page of a browser."""

    connection: Any
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def call(self, method: str, **parameters: Any) -> Any:
        """What the browser answers to one call."""
        number = next(self.numbers)
        self.connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            heard = json.loads(self.connection.recv())
            if heard.get("id") == number:
                assert "error" not in heard, f"{method}: {heard['error']}"
                return heard["result"]

    def open(self, url: str) -> None:
        """Go there."""
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)
        self.call("Page.navigate", url=url)

    def evaluate(self, code: str) -> Any:
        """The value of *code*, once what it promises has come."""
        told = self.call("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def wait(self, code: str, patience: float = 180) -> None:
        """Wait until *code* is true."""
        assert happens(lambda: bool(self.evaluate(code)), patience), self.evaluate(
            "document.body.innerText"
        )[:2000]

    def click(self, selector: str) -> None:
        """Click into the middle of what *selector* finds."""
        x, y = self.evaluate(
            f"(r => [r.x + r.width / 2, r.y + r.height / 2])"
            f"(document.querySelector({selector!r}).getBoundingClientRect())"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def shift_enter(self) -> None:
        """Press the keys that run a cell."""
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "modifiers": 8}
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, **key)

    def picture(self, path: Path) -> None:
        """Write what is to be seen as PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))


@contextmanager
def chromium(folder: Path) -> Iterator[Page]:
    """A browser with one empty page. *folder* takes its profile."""
    program = shutil.which("chromium")
    assert program, "chromium is needed for the pictures"
    profile = folder / "profile"
    process = subprocess.Popen(
        [program, f"--user-data-dir={profile}", *FLAGS],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    told = profile / "DevToolsActivePort"
    try:
        assert happens(lambda: told.exists() and "\n" in told.read_text(), 120)
        port = told.read_text().splitlines()[0]
        pages = requests.get(f"http://127.0.0.1:{port}/json/list", timeout=60).json()
        (url,) = [one["webSocketDebuggerUrl"] for one in pages if one["type"] == "page"]
        connection = websocket.create_connection(url, timeout=180, suppress_origin=True)
        try:
            yield Page(connection=connection)
        finally:
            connection.close()
    finally:
        process.terminate()
        process.wait()
