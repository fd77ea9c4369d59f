"""git, whoever runs the tests."""

from __future__ import annotations

import subprocess
from pathlib import Path

_SETTINGS = ("user.name=x", "user.email=x@localhost", "init.defaultBranch=main")


def git(folder: Path, *words: str) -> str:
    """What `git WORDS` prints in *folder*."""
    settings = [word for one in _SETTINGS for word in ("-c", one)]
    done = subprocess.run(
        ["git", *settings, *words], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()
