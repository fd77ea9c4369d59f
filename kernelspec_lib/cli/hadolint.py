"""hadolint, asked where it is installed. Where it breaks or waits, nothing is harmed."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from kernelspec_lib.checks import hadolint, kernel
from kernelspec_lib.checks.kernel import Examined
from kernelspec_lib.document import PlainText
from kernelspec_lib.findings import Finding
from kernelspec_lib.policy import Policy
from kernelspec_lib.project import DOCKERFILE

_TOGETHER = 100
"""So many files are handed to it at a time: a command line has an end."""
_TIMEOUT = 20.0
"""Seconds for those; it needs hundredths for each."""


def findings(
    examined: Sequence[Examined], policy: Policy, environment: Mapping[str, str]
) -> Iterator[Finding]:
    """What hadolint says of the Dockerfiles of *examined*, and they do not ignore."""
    texts: dict[str, PlainText] = {}
    owners: dict[str, Examined] = {}
    for one in examined:
        path = str(one.place.folder / DOCKERFILE)
        if path in one.texts:
            texts[path], owners[path] = one.texts[path], one
    program = _program(environment) if texts else None
    if program is None:
        return
    # Loaded for those who have it only.
    from kernelspec_lib.delivery import command

    paths = list(texts)
    for start in range(0, len(paths), _TOGETHER):
        some = paths[start : start + _TOGETHER]
        argv = (program, "--no-fail", "--no-color", "--format=json", "--", *some)
        answer = command.ask(argv, environment, _TIMEOUT)
        if answer.returncode == 0:
            for finding in hadolint.findings(answer.stdout, texts):
                yield from kernel.not_ignored([finding], owners[finding.path].project, policy)


def _program(environment: Mapping[str, str]) -> str | None:
    # pip puts it beside the Python that runs this, which need not be on PATH.
    beside = str(Path(sys.executable).parent)
    path = os.pathsep.join((beside, environment.get("PATH", os.defpath)))
    return shutil.which("hadolint", path=path)
