"""The GitLab Code Quality report, which a merge request shows beside the changed lines."""

from __future__ import annotations

import hashlib
import json
from collections import Counter

from kernelspec_lib.findings import Finding
from kernelspec_lib.reports.judgement import Judgement, Look

_SEVERITY = {"error": "critical", "warning": "minor"}


def report(judgement: Judgement, look: Look) -> str:
    """A JSON list of issues, each with a fingerprint that a moved line does not change."""
    seen: Counter[str] = Counter()
    issues = []
    for finding in judgement.findings:
        identity = "\0".join((finding.code, finding.path, finding.message))
        seen[identity] += 1
        issues.append(
            {
                "description": _description(finding),
                "check_name": finding.code,
                "fingerprint": hashlib.sha256(f"{identity}\0{seen[identity]}".encode()).hexdigest(),
                "severity": _SEVERITY[finding.severity.value],
                "location": {
                    "path": finding.path,
                    "lines": {"begin": finding.span.line, "end": finding.span.end_line},
                },
            }
        )
    return json.dumps(issues, indent=2)


def _description(finding: Finding) -> str:
    return f"{finding.message}: {finding.hint}" if finding.hint else finding.message
