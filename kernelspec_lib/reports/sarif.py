"""The SARIF 2.1.0 report, which editors and code scanners read."""

from __future__ import annotations

import json
import os
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from kernelspec_lib import __version__
from kernelspec_lib.findings import RULES, Finding
from kernelspec_lib.reports.identity import fingerprints
from kernelspec_lib.reports.judgement import Judgement, Look, Unchecked
from kernelspec_lib.rules import page

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_ROOT = "SRCROOT"


def report(judgement: Judgement, look: Look) -> str:
    """One run with every rule that was broken, and a result for each finding."""
    codes = sorted({one.code for one in judgement.findings})
    driver = {
        "name": "kernelspec",
        "version": __version__,
        "rules": [_rule(code) for code in codes],
    }
    told = zip(judgement.findings, fingerprints(judgement), strict=True)
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The root of the repository."}}},
        "invocations": [_invocation(judgement)],
        "artifacts": [{"location": _location(path, judgement)} for path in judgement.checked],
        "results": [
            _result(one, codes.index(one.code), fingerprint, judgement) for one, fingerprint in told
        ],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(code: str) -> dict[str, Any]:
    rule = RULES[code]
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.name.replace("-", " ")},
        "fullDescription": {"text": rule.why},
        "help": {"text": page.as_text(rule), "markdown": page.as_markdown(rule)},
        "defaultConfiguration": {"level": rule.severity.value},
        # helpUri must be absolute, and nobody knows where a site keeps its copy of the docs.
        "properties": {"url": rule.url},
    }


def _invocation(judgement: Judgement) -> dict[str, Any]:
    """Whether everything could be checked, and what could not."""
    return {
        "executionSuccessful": not judgement.unchecked,
        "toolExecutionNotifications": [
            _notification(one, judgement) for one in judgement.unchecked
        ],
    }


def _notification(one: Unchecked, judgement: Judgement) -> dict[str, Any]:
    place = {"artifactLocation": _location(one.path, judgement)}
    return {
        "level": "error",
        "message": {"text": one.reason},
        "locations": [{"physicalLocation": place}],
    }


def _result(
    finding: Finding, rule_index: int, fingerprint: str, judgement: Judgement
) -> dict[str, Any]:
    told = f"{finding.message}: {finding.hint}" if finding.hint else finding.message
    span = finding.span
    region = {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }
    place = {"artifactLocation": _location(finding.path, judgement), "region": region}
    return {
        "ruleId": finding.code,
        "ruleIndex": rule_index,
        "level": finding.severity.value,
        "message": {"text": told},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"kernelspec/v1": fingerprint},
    }


def _location(path: str, judgement: Judgement) -> dict[str, str]:
    """*path* from the root of the repository; as it was named, or a file URI, outside of it."""
    if path in judgement.in_repository:
        return {"uri": _uri(judgement.in_repository[path]), "uriBaseId": _ROOT}
    named = PurePath(path)
    return {"uri": named.as_uri() if named.is_absolute() else _uri(named.as_posix())}


def _uri(path: str) -> str:
    """A relative *path* as a URI reference (RFC 3986)."""
    return quote(os.fsencode(path))
