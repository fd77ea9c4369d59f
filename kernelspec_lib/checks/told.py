"""What a check tells of a file, before the file has its name."""

from __future__ import annotations

from typing import TypeAlias

from kernelspec_lib.document import Span

Told: TypeAlias = tuple[str, Span, str, str]
"""Code, place, message and hint."""
