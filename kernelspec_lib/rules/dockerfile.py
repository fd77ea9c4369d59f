"""KS4xx: the Dockerfile, and the CI file beside it."""

from __future__ import annotations

from kernelspec_lib.rules.rule import Rule, error

RULES: tuple[Rule, ...] = (
    error(
        "KS401",
        "no-dockerfile",
        "Without a Dockerfile that says something there is nothing to build.",
        "a kernel folder without a Dockerfile, or with an empty one",
        "the Dockerfile that the template generates",
    ),
)
