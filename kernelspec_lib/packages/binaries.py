"""Where uv is, and what it sees of the caller's environment."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping

from kernelspec_lib import waking
from kernelspec_lib.errors import ToolMissing


def find(environment: Mapping[str, str]) -> str:
    """The path of uv. Raises ToolMissing."""
    if beside := waking.uv_beside():
        return beside
    try:
        import uv

        return uv.find_uv_bin()
    except (ImportError, FileNotFoundError):
        found = shutil.which("uv", path=environment.get("PATH", os.defpath))
    if found is None:
        raise ToolMissing("uv", "check what the libs depend on", "install it with: pip install uv")
    return found


def default_index(environment: Mapping[str, str]) -> str:
    """The URL that uv asks when nobody names an index; empty where it does not tell."""
    command = [find(environment), "pip", "compile", "-", "--no-config", "--offline", "--no-header"]
    command += ["--emit-index-url", "--no-python-downloads", "--python", sys.executable]
    done = subprocess.run(
        command,
        input="",
        capture_output=True,
        text=True,
        env=waking.bare(environment),
        timeout=60,
        check=False,
    )
    told = re.search(r"^--index-url (\S+)$", done.stdout, re.M)
    return told[1] if told else ""
