"""A GitLab pipeline for the kernels of one repository: the jobs of the template, once for each.

Source: the reference of GitLab's CI/CD YAML, "Downstream pipelines".
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import yaml

HEAD = "# Written by `kernelspec pipeline`, for one run.\n"
STAGES = ("lint", "build", "test", "deploy")

_RUNNER = ("runner_system_failure", "stuck_or_timeout_failure", "scheduler_failure")
"""What is the runner's fault, and worth another try."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """One kernel of a repository of many."""

    path: str
    """Its folder, from the repository's root; "." where the repository is the kernel's own."""
    owner: str | None
    """The login whose folder it lies in; None: whoever runs the pipeline."""
    delivered: bool
    """Whether it is built and installed as well, and not only judged."""

    @property
    def name(self) -> str:
        """How its jobs begin."""
        return "kernel" if self.path == "." else self.path


def pipeline(
    kernels: Sequence[Kernel],
    include: str | None,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """The YAML text of a pipeline for *kernels*.

    include: "GROUP/PROJECT:FILE" whose settings (`default`, `variables`) hold for all jobs.
    variables: those that the jobs of this one run get besides.
    """
    head: dict[str, Any] = {"stages": list(STAGES)}
    if variables:
        head["variables"] = dict(variables)
    if include is not None:
        project, _, file = include.partition(":")
        head["include"] = [{"project": project, "file": f"/{file.lstrip('/')}"}]
    jobs = {name: job for kernel in kernels for name, job in _jobs(kernel).items()}
    if not jobs:
        # GitLab takes no pipeline without a job.
        jobs = {"no kernel changed": {"stage": "lint", "script": ["true"]}}
    return HEAD + yaml.dump(
        {**head, **jobs}, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True
    )


class _Dumper(yaml.SafeDumper):
    """Lists stand below their key, as yamllint wants it."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _jobs(kernel: Kernel) -> dict[str, dict[str, Any]]:
    lint, build, test, deploy = (f"{kernel.name}: {stage}" for stage in STAGES)
    judged = {lint: _lint(kernel)}
    if not kernel.delivered:
        return judged
    path = _word(kernel.path)
    group = kernel.name.replace("/", "-")
    return {
        **judged,
        build: {
            **_common(kernel, "build", f"kernelspec build {path} --push --dotenv build.env"),
            "needs": [lint],
            "resource_group": f"build-{group}",
            "timeout": "2 hours",
            "artifacts": {"reports": {"dotenv": "build.env"}},
        },
        test: {
            **_common(kernel, "test", f"kernelspec try {path} --engine docker"),
            "needs": [lint, build],
            "timeout": "30 minutes",
        },
        deploy: {
            **_common(kernel, "deploy", f"kernelspec install {path}"),
            "needs": [lint, build, test],
            "resource_group": f"deploy-{group}",
            "interruptible": False,
            "timeout": "30 minutes",
            "environment": {"name": f"hub/{group}"},
        },
    }


def _lint(kernel: Kernel) -> dict[str, Any]:
    reports = "--output-file gitlab=codequality.json --output-file junit=junit.xml"
    return {
        **_common(kernel, "lint", f"kernelspec lint {_word(kernel.path)} {reports}"),
        "timeout": "15 minutes",
        # 3: the index is out of reach, and the kernel is not to blame.
        "retry": {"max": 2, "when": list(_RUNNER), "exit_codes": [3]},
        "artifacts": {
            "when": "always",
            "paths": [
                "requirements.lock" if kernel.path == "." else f"{kernel.path}/requirements.lock"
            ],
            "reports": {"codequality": "codequality.json", "junit": "junit.xml"},
        },
    }


def _common(kernel: Kernel, stage: str, command: str) -> dict[str, Any]:
    # Whose kernel it is, every command learns from this variable; a job's own one comes first.
    owner = {"variables": {"GITLAB_USER_LOGIN": kernel.owner}} if kernel.owner else {}
    return {
        "stage": stage,
        **owner,
        "interruptible": True,
        "retry": {"max": 2, "when": list(_RUNNER)},
        "script": [command],
    }


def _word(path: str) -> str:
    # A folder's name may begin as an option does.
    return shlex.quote(path if path == "." else f"./{path}")
