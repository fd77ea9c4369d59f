"""uv's first answer, begun before anything else is loaded or looked at: it takes longest."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TypeAlias

from kernelspec_lib.packages import target as targets
from kernelspec_lib.packages import uv
from kernelspec_lib.packages.children import Beside
from kernelspec_lib.packages.settings import IndexConfig
from kernelspec_lib.policy import Policy
from kernelspec_lib.project import KernelProject

Guess: TypeAlias = Beside[uv.Compiled | uv.Refused]


def begin(
    project: KernelProject,
    config: IndexConfig,
    environment: Mapping[str, str],
    cache: Path | None,
    policy: Policy,
) -> Guess:
    """What uv says of the libs of *project*, as they stand. The arguments are the resolver's."""
    target = targets.of(project, policy.images)
    wanted = [lib.requirement for lib in targets.counted(project.libs, target)]
    return Beside(partial(uv.compile_pins, wanted, config, target, environment, cache))
