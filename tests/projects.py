"""Kernel projects for tests, through the same border as a user's."""

from __future__ import annotations

import json
from pathlib import Path

from kernelspec_lib import document
from kernelspec_lib import project as projects
from kernelspec_lib.checks import schema
from kernelspec_lib.project import KernelProject, Place

DOCKERFILE = """\
FROM python:3.11-slim
RUN --mount=type=bind,source=requirements.lock,target=/tmp/requirements.lock \\
    pip install --no-cache-dir --no-deps --require-hashes -r /tmp/requirements.lock
"""
"""One in which nothing is found."""


def a_project(*libs: str, python_version: str = "3.11", **keys: object) -> KernelProject:
    """A project with *libs*, whose first one stands at line 5, column 5 of its file."""
    value = {"kernel_name": "churn", "python_version": python_version, "libs": libs, **keys}
    source = document.read(json.dumps(value, indent=2).encode())
    assert [one for one in schema.check(source, "requirements.json") if one.code != "KS109"] == []
    place = Place(requirements="requirements.json", folder=Path(), whole=False)
    return projects.from_document(place, source)
