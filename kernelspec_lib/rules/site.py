"""KS2xx: the site policy."""

from __future__ import annotations

from kernelspec_lib.rules.rule import Rule

RULES: tuple[Rule, ...] = ()
