"""What makes two findings of two runs the same one: not its line, nor what the index says today."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator

from kernelspec_lib.findings import Finding
from kernelspec_lib.reports.judgement import Judgement
from kernelspec_lib.wording import without_passwords

_NUMBER = re.compile(r"/\d+(?=/|\Z)")
_QUOTED = re.compile(r'"[^"]*"')


def fingerprints(judgement: Judgement) -> Iterator[str]:
    """One for each finding of *judgement*, in their order; no two are equal."""
    seen: Counter[str] = Counter()
    for finding in judgement.findings:
        known = _identity(finding, judgement)
        seen[known] += 1
        yield hashlib.sha256(f"{known}\0{seen[known]}".encode(errors="replace")).hexdigest()


def _identity(finding: Finding, judgement: Judgement) -> str:
    path = judgement.in_repository.get(finding.path, finding.path)
    # An item is known by what it says: another one in front of it changes its number.
    pointer = _NUMBER.sub("/-", finding.pointer)
    text = ""
    if not path.endswith(".json"):
        text = f"{judgement.stood_on(finding)}\0{judgement.line(finding).strip()}"
    elif pointer != finding.pointer or not pointer:
        text = judgement.stood_on(finding)
    # Two keys that are missing stand on one bracket. The rest of the message may name the newest
    # release, and is another one tomorrow.
    subject = _QUOTED.search(finding.message)
    parts = (finding.code, path, pointer, text, subject.group() if subject else "")
    return without_passwords("\0".join(parts))
