"""uv's first answer, begun before anything else is loaded or looked at: it takes longest."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from kernelspec_lib import waking
from kernelspec_lib.errors import KernelspecError
from kernelspec_lib.packages import target as targets
from kernelspec_lib.packages import uv
from kernelspec_lib.packages.settings import IndexConfig
from kernelspec_lib.policy import Policy
from kernelspec_lib.project import KernelProject


def begin(
    project: KernelProject,
    config: IndexConfig,
    environment: Mapping[str, str],
    cache: Path | None,
    policy: Policy,
) -> uv.Question | None:
    """uv, asked for the libs of *project* as they stand. The arguments are the resolver's.

    None: it could not be asked. Whoever needs the answer will ask again, and be told why.
    """
    target = targets.of(project, policy.images)
    wanted = [lib.requirement for lib in targets.counted(project.libs, target)]
    waking.ready()
    with suppress(KernelspecError):
        return uv.ask(wanted, config, target, environment, cache)
    return None
