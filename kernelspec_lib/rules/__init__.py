"""The one table of rules. Codes are permanent: one that falls out of use is never given again."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from kernelspec_lib.rules import dockerfile, file, pins, schema, site
from kernelspec_lib.rules.rule import Rule, Severity

__all__ = ["RULES", "Rule", "Severity"]

_FAMILIES = (file, schema, site, pins, dockerfile)

RULES: Mapping[str, Rule] = MappingProxyType(
    {rule.code: rule for family in _FAMILIES for rule in family.RULES}
)
"""Every rule by its code. Reports, `kernelspec explain` and the docs all read this."""
