"""Findings to text, for people and for machines. Every report is one string; the cli prints it."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

from kernelspec_lib.reports.judgement import Judgement, Look

REPORTERS: Mapping[str, str] = {
    "text": "text",
    "json": "plain",
    "gitlab": "gitlab",
    "sarif": "sarif",
    "junit": "junit",
}
"""Every format, and the module of this package that makes it, loaded when it is asked for."""


def report(output_format: str, judgement: Judgement, look: Look) -> str:
    """*judgement* in one of the formats of REPORTERS. Raises KeyError for another."""
    module = importlib.import_module(f"{__name__}.{REPORTERS[output_format]}")
    text: str = module.report(judgement, look)
    return text
