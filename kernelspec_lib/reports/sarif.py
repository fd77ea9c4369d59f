"""The SARIF 2.1.0 report, which editors and code scanners read."""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from kernelspec_lib import __version__
from kernelspec_lib.findings import RULES, Finding
from kernelspec_lib.reports.judgement import Judgement, Look


def report(judgement: Judgement, look: Look) -> str:
    """One run with every rule that was broken, and a result for each finding."""
    codes = sorted({one.code for one in judgement.findings})
    driver = {
        "name": "kernelspec",
        "version": __version__,
        "rules": [_rule(code) for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "artifacts": [{"location": {"uri": _uri(path)}} for path in judgement.checked],
        "results": [_result(one, codes.index(one.code)) for one in judgement.findings],
    }
    return json.dumps({"version": "2.1.0", "runs": [run]}, indent=2)


def _rule(code: str) -> dict[str, Any]:
    rule = RULES[code]
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.name.replace("-", " ")},
        "fullDescription": {"text": rule.why},
        "help": {"text": f"{rule.why}\n\nBad: {rule.bad}\nGood: {rule.good}"},
        "defaultConfiguration": {"level": rule.severity.value},
    }


def _result(finding: Finding, rule_index: int) -> dict[str, Any]:
    told = f"{finding.message}: {finding.hint}" if finding.hint else finding.message
    span = finding.span
    region = {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }
    place = {"artifactLocation": {"uri": _uri(finding.path)}, "region": region}
    return {
        "ruleId": finding.code,
        "ruleIndex": rule_index,
        "level": finding.severity.value,
        "message": {"text": told},
        "locations": [{"physicalLocation": place}],
    }


def _uri(path: str) -> str:
    """*path* as a URI reference (RFC 3986): relative as it was named, or a file URI."""
    named = PurePath(path)
    return named.as_uri() if named.is_absolute() else quote(named.as_posix())
