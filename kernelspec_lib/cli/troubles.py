"""What kept kernels from being checked, told once for each cause."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kernelspec_lib.cli import common
from kernelspec_lib.errors import KernelspecError
from kernelspec_lib.wording import printable

_NAMED = 10
"""So many kernels that could not be checked are named, and the rest are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Troubles:
    """What could not be checked, and why."""

    all: list[tuple[str, KernelspecError]] = field(default_factory=list)
    """Each with the file that it kept from being checked."""

    def by_cause(self) -> Mapping[str, list[str]]:
        """The files by what is told of their trouble."""
        found: dict[str, list[str]] = {}
        for path, trouble in self.all:
            found.setdefault(str(trouble), []).append(path)
        return found

    def tell(self, *, verbose: bool, several: bool) -> None:
        """Says so on standard error. several: whether files need to be named; verbose: all."""
        for told, paths in self.by_cause().items():
            common.echo(f"kernelspec: {told}", err=True)
            if several:
                named = paths if verbose else paths[:_NAMED]
                more = f" and {len(paths) - len(named)} more" if len(named) < len(paths) else ""
                listed = ", ".join(map(printable, named))
                common.echo(f"  not checked for that reason: {listed}{more}", err=True)
