"""Where a hub's kernel specs lie, and whose accounts it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kernelspec_lib.delivery.connection import Connection
from kernelspec_lib.onhub.people import USERS_FOLDER


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a hub's kernel specs lie."""

    connection: Connection
    pattern: str | None
    """A folder in which {login} may stand; None: below each home."""
    folder: str | None = None
    """One folder of nobody in particular, instead."""

    def folder_of(self, login: str, account: Mapping[str, Any]) -> str:
        """The folder of one user."""
        if self.folder is not None:
            return self.folder
        if self.pattern is not None:
            return self.pattern.replace("{login}", login)
        return f"{account['home'].rstrip('/')}/{USERS_FOLDER}"

    def accounts(self, logins: Mapping[str, Sequence[str]]) -> dict[str, Mapping[str, Any] | None]:
        """The hub's accounts of *logins*, each with the names to try; None for who has none."""
        found: dict[str, Mapping[str, Any] | None] = self.connection.ask("who", logins=logins)
        return found

    def is_one_for_all(self) -> bool:
        """Whether the site has one folder that all users see."""
        return self.folder is None and self.pattern is not None and "{login}" not in self.pattern
