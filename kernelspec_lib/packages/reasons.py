"""uv's words over what does not stand together, in short: who needs what."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeAlias

from kernelspec_lib.packages.problems import Malformed, NoWheel, OtherPython
from kernelspec_lib.packages.refusals import NO_SOLUTION, gone

_MOST_REASONS = 4
_ONE = r"[A-Za-z0-9._-]+(?:\[[^\]]*\])?(?:\{[^}]*\})?"
_MARKER = re.compile(r"\{[^}]*\}")
_NEEDS = re.compile(
    r"(?P<all>all versions of )?(?P<who>[A-Za-z0-9._-]+)(?P<extra>\[[^\]]*\])?"
    r"(?:\{[^}]*\})?(?P<of>[<>=!~][^\s]*)? depends? on "
    rf"(?:one of:(?P<some>(?: {_ONE}[<>=!~][^\s]*)+)"
    rf"|(?!one of:)(?P<what>{_ONE})(?P<spec>[<>=!~][^\s]*)?)"
)


Unfit: TypeAlias = OtherPython | NoWheel | Malformed
"""What uv would choose, and what does not install."""


def names(name: str, explanation: str) -> bool:
    """Whether *explanation* speaks of the package *name*."""
    return re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", explanation) is not None


def told(text: str) -> str:
    """uv's explanation, without its hints about options that nobody here has."""
    said = text.partition(NO_SOLUTION)[2].partition("\n\nhint")[0].partition(":")[2]
    said = said or text.partition("cause:")[2].partition("\n\nhint")[0]
    words = " ".join(said.replace("cause:", " ").replace("╰─▶", " ").split())
    return words.removesuffix(".")


def explained(text: str, unfit: Sequence[Unfit] = ()) -> str:
    """Who needs what, in short; uv's own words where they cannot be taken apart."""
    said = told(text)
    barred = {one.name: one for one in unfit if names(one.name, said)}
    reasons: dict[tuple[str, str], str] = {}
    for found in _NEEDS.finditer(said):
        who = _who(found)
        some = [one.rstrip(",.;") for one in _MARKER.sub("", found["some"] or "").split()]
        what = _MARKER.sub("", found["what"] or "").rstrip(",.")
        wanted = {re.split(r"[<>=!~\[]", one)[0] for one in some or [what]}
        if wanted <= {found["who"]} or (some and wanted <= barred.keys()):
            # An extra needs its own package; of what was barred here all other releases are left.
            continue
        needed = some or [f"{what}{(found['spec'] or '').rstrip(',.;')}"]
        # What uv concludes comes after what it was told.
        reasons.setdefault((who, what or found["some"]), f"{who} needs {' or '.join(needed)}")
    facts = [*list(reasons.values())[:_MOST_REASONS], *map(_why, barred.values())]
    facts += [f"{name} {version} was withdrawn by its authors" for name, version in gone(said)]
    return "; ".join(facts) or said


def _who(needing: re.Match[str]) -> str:
    """Who needs something, and of which version."""
    who, version = f"{needing['who']}{needing['extra'] or ''}", (needing["of"] or "").rstrip(",.;")
    if version.startswith("=="):
        return f"{who} {version[2:]}"
    return f"{'every ' if needing['all'] else ''}{who}{version}"


def _why(unfit: Unfit) -> str:
    """Why it does not install."""
    match unfit:
        case OtherPython(requires_python=bounds):
            wanted = f"needs Python {bounds}"
        case NoWheel():
            wanted = "has no wheel for this Python"
        case Malformed():
            wanted = "is refused by pip"
    return f"{unfit.name} {unfit.version} {wanted}"
