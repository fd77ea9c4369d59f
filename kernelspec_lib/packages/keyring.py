"""The login that the user's keyring holds for an index, asked for as pip does: by its command."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock

TIMEOUT = 20
"""Seconds: a keyring that is locked asks for its password on a screen that may not be there."""

Login = tuple[str, str]
"""User name and password."""


@dataclass(slots=True, kw_only=True)
class Keyring:
    """Asked once at most, and only when an index wants a login that nobody gave."""

    places: Sequence[str]
    """What the login may be kept under, the nearest first. They stand in an argv: no secret."""
    username: str = ""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    found: Login | None = field(default=None, repr=False)
    _asked: bool = field(default=False, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    @property
    def is_there(self) -> bool:
        """Whether there is a keyring that could be asked."""
        return self._command() is not None

    def ask(self) -> Login | None:
        """The login; None: it has none, or does not answer, or is not there."""
        with self._lock:
            if not self._asked:
                self._asked = True
                self.found = self._look()
            return self.found

    def _look(self) -> Login | None:
        command = self._command()
        for place in self.places if command else ():
            assert command is not None  # noqa: S101 - the loop runs where it was found
            if self.username:
                lines = self._run([command, "get", place, self.username])
                if lines:
                    return self.username, lines[0]
            else:
                lines = self._run([command, "--mode", "creds", "get", place])
                if len(lines) == 2:
                    return lines[0], lines[1]
        return None

    def _command(self) -> str | None:
        if self.environment.get("PIP_KEYRING_PROVIDER") in ("disabled", "import"):
            return None
        return shutil.which("keyring", path=self.environment.get("PATH", ""))

    def _run(self, command: Sequence[str]) -> list[str]:
        try:
            done = subprocess.run(
                command,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=TIMEOUT,
                check=False,
            )
        except (OSError, ValueError, subprocess.TimeoutExpired):
            return []
        return done.stdout.splitlines() if done.returncode == 0 else []
