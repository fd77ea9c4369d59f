"""The GitLab Code Quality report, which a merge request shows beside the changed lines.

Source: GitLab's "Code Quality report format": description, check_name, fingerprint, severity, and
a location whose path is relative to the root of the repository.
"""

from __future__ import annotations

import json

from kernelspec_lib.findings import Finding
from kernelspec_lib.reports.identity import fingerprints
from kernelspec_lib.reports.judgement import Judgement, Look

_SEVERITY = {"error": "critical", "warning": "minor"}


def report(judgement: Judgement, look: Look) -> str:
    """A JSON list of issues, each with a fingerprint that a moved line does not change."""
    issues = [
        {
            "description": _description(finding),
            "check_name": finding.code,
            "fingerprint": fingerprint,
            "severity": _SEVERITY[finding.severity.value],
            "location": {
                "path": judgement.in_repository.get(finding.path, finding.path),
                "lines": {"begin": finding.span.line, "end": finding.span.end_line},
            },
        }
        for finding, fingerprint in zip(judgement.findings, fingerprints(judgement), strict=True)
    ]
    return json.dumps(issues, indent=2)


def _description(finding: Finding) -> str:
    return f"{finding.message}: {finding.hint}" if finding.hint else finding.message
