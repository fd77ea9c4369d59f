"""devpi on loopback: a package index that many sites run. It tells no metadata files or sizes."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.index.parts import free_ports, running
from tests.package_index import PackageFile


@contextmanager
def serving(files: Sequence[PackageFile], folder: Path) -> Iterator[str]:
    """The URL of devpi's index root/dev, with *files* uploaded to it."""
    there = str(folder / "server")
    (port,) = free_ports(1)
    programs = Path(sys.executable).parent
    made = [str(programs / "devpi-init"), "--serverdir", there, "--no-root-pypi"]
    subprocess.run(made, check=True, capture_output=True)
    command = [str(programs / "devpi-server"), "--serverdir", there]
    command += ["--host", "127.0.0.1", "--port", str(port), "--threads", "8"]
    with running(command, port, folder / "devpi.log", seconds=120), requests.Session() as session:
        session.trust_env = False
        root = f"http://127.0.0.1:{port}"

        def ask(method: str, path: str, **told: Any) -> Any:
            reply = session.request(method, f"{root}{path}", timeout=60, **told)
            assert reply.status_code == 200, reply.text
            return reply

        token = ask("POST", "/+login", json={"user": "root", "password": ""}).json()
        secret = f"root:{token['result']['password']}".encode()
        session.headers["X-Devpi-Auth"] = base64.b64encode(secret).decode()
        ask("PUT", "/root/dev", json={"type": "stage", "bases": [], "volatile": True})
        for one in files:
            told = {
                ":action": "file_upload",
                "name": one.project,
                "version": re.search("^Version: (.*)$", one.metadata, re.M)[1],  # type: ignore[index]
                "filetype": "bdist_wheel" if one.filename.endswith(".whl") else "sdist",
                "requires_python": one.requires_python or "",
            }
            ask("POST", "/root/dev/", data=told, files={"content": (one.filename, one.content)})
        yield f"{root}/root/dev/+simple"
