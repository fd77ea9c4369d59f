"""What pip's configuration files say, read as pip reads them."""

from __future__ import annotations

import configparser
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

_SECTIONS = ("global", "download", "install")
"""Of those that pip reads, the last wins, whichever file it stands in."""


def read(environment: Mapping[str, str]) -> dict[str, str]:
    """The settings in force, with hyphens in their names. Empty ones do not count.

    Source: "Configuration Files" in pip's documentation, and pip's own reader for the order.
    """
    told: dict[str, dict[str, str]] = {section: {} for section in _SECTIONS}
    for path in paths(environment):
        # Not strict: pip's reader is, and such a file stops pip; here the rest is used.
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read_string(path.read_text(encoding="utf-8", errors="replace"))
        except (OSError, configparser.Error):
            continue  # not there, or not to be read: pip would say so itself
        for section in _SECTIONS:
            if parser.has_section(section):
                items = {key.replace("_", "-"): text for key, text in parser.items(section)}
                told[section] |= {key: text for key, text in items.items() if text.strip()}
    settings: dict[str, str] = {}
    for section in _SECTIONS:
        settings |= told[section]
    return settings


def paths(environment: Mapping[str, str]) -> Iterator[Path]:
    """The files that pip reads, the weakest first."""
    named = environment.get("PIP_CONFIG_FILE")
    if named == "/dev/null":
        return
    for folder in (environment.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":"):
        yield Path(folder) / "pip" / "pip.conf"
    yield Path("/etc/pip.conf")
    home = environment.get("HOME")
    # A file that is named takes the place of the user's.
    if home and not (named and Path(named).exists()):
        yield Path(home) / ".pip" / "pip.conf"
        yield Path(environment.get("XDG_CONFIG_HOME") or f"{home}/.config") / "pip" / "pip.conf"
    # pip's own environment: the one that is active, or else the one that runs.
    yield Path(environment.get("VIRTUAL_ENV") or sys.prefix) / "pip.conf"
    if named:
        yield Path(named)
