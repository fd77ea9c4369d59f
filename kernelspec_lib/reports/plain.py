"""The json report: version 1, as DESIGN fixes it."""

from __future__ import annotations

import json
from typing import Any

from kernelspec_lib.findings import Finding
from kernelspec_lib.reports.judgement import Judgement, Look


def report(judgement: Judgement, look: Look) -> str:
    """One JSON object: version, checked, findings."""
    return json.dumps(
        {
            "version": 1,
            "checked": list(judgement.checked),
            "findings": [_row(one) for one in judgement.findings],
        },
        indent=2,
    )


def _row(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "message": finding.message,
        "hint": finding.hint,
        "path": finding.path,
        "pointer": finding.pointer,
        "line": finding.span.line,
        "column": finding.span.column,
        "end_line": finding.span.end_line,
        "end_column": finding.span.end_column,
    }
