"""`policy show`: what the site's rules are, and who says so."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click

from kernelspec_lib import data, document
from kernelspec_lib import policy as policies
from kernelspec_lib.cli import common

BUILT_IN: dict[str, Any] = {
    "registry": "",
    "image": "{registry}/{login}_{image_name}:{image_version}",
    "other_indexes": False,
    "source_only": True,
    "images": [],
    "libs": {"denied": [], "required": []},
    "system_packages": True,
    "resources": {"default": {}, "maximum": {}},
    "per_user": {},
    "groups": {},
    "environment": {"denied": []},
    "enforced": [],
    "network": "host",
    "work_dir": "/home/{login}/work",
    "mounts": [],
    "read_only_root": False,
    "root_user": True,
    "launcher": "direct",
    "hub": {},
    "engine": "docker",
    "maintainers": [],
}
"""The built-in policy, as a file would say it. A key that is not here is a rule that is not set."""


@click.group("policy")
def policy_command() -> None:
    """Show the site policy in force."""


@policy_command.command("show")
@common.policy_option
@click.option("-o", "--output-format", type=click.Choice(["text", "json"]), default="text")
def show_command(policy_path: str | None, output_format: str) -> None:
    """The policy in force, and where each value comes from."""
    path = policies.find(policy_path, os.environ)
    policies.load(path)
    source = document.read(path.read_bytes()) if path else None
    said: Any = source.value if source else {}
    value = {**BUILT_IN, **said}
    if output_format == "json":
        common.echo(json.dumps(value, indent=2, ensure_ascii=True))
        return
    for key in data.schema("policy")["properties"]:
        if key != "$schema":
            shown = json.dumps(value[key]) if key in value else "not set"
            common.echo(f"{key:<16} {shown}  ({_origin(key, path, source)})")


def _origin(key: str, path: Path | None, source: document.Document | None) -> str:
    if source is None or not isinstance(source.value, dict) or key not in source.value:
        return "built in"
    return f"{path}:{source.span_of_key(document.joined([key])).line}"
