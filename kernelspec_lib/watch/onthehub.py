"""What `doctor` looks at on the hub: kernels and their images, orphans, hooks."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from kernelspec_lib.delivery import installed
from kernelspec_lib.delivery.installed import Row
from kernelspec_lib.kernels import orphan
from kernelspec_lib.policy import Policy
from kernelspec_lib.watch.containers import Kernel
from kernelspec_lib.watch.verdict import State, Verdict, few

HUB_CONFIG = "jupyterhub_config"
SERVER_CONFIG = "jupyter_server_config"
_USUAL = {
    HUB_CONFIG: ("/etc/jupyterhub", "/srv/jupyterhub", "/opt/jupyterhub/etc/jupyterhub"),
    SERVER_CONFIG: ("/etc/jupyter", "/usr/local/etc/jupyter"),
}
_TLJH = Path("/opt/tljh/config/jupyterhub_config.d")
_MAX = 1024 * 1024


def kernels(found: Sequence[Row], hub: str) -> Verdict:
    """What is installed."""
    users = {row.user for row in found}
    said = f"{hub}: {len(found)} kernels of {len(users)} users"
    return Verdict(name="hub", state="ok", said=said)


def images(found: Sequence[Row]) -> Verdict:
    """Whether the images are there that installed kernels start by."""
    missing = [_named(row) for row in found if row.present is False]
    if missing:
        return Verdict(
            name="images",
            state="fail",
            said=f"the images of {len(missing)} kernels are not on the hub: {few(missing)}",
            remedy="run their pipelines again, or `kernelspec install`; docker pull by the digest",
        )
    if any(row.present is None for row in found):
        return Verdict(name="images", state="skip", said="the hub's engine could not be asked")
    return Verdict(name="images", state="ok", said=f"all {len(found)} kernels have theirs")


def newer(found: Sequence[Row], environment: Mapping[str, str]) -> Verdict:
    """Whether the registry has newer images than those of installed kernels."""
    notes: list[str] = []
    digests = installed.newest(found, environment, notes.append)
    stale, unknown = [], 0
    for row in found:
        stands = installed.state(row, digests.get(row.reference), None)
        if stands.stale and row.present is not False:
            stale.append(_named(row))
        unknown += stands.stale is None
    if stale:
        said = f"there are newer images than those of {len(stale)} kernels: {few(stale)}"
        remedy = "`kernelspec list` tells more; their pipelines install the newer ones"
        return Verdict(name="newer", state="warn", said=said, remedy=remedy)
    if notes:
        return Verdict(name="newer", state="skip", said=notes[0].removeprefix("note: "))
    if unknown:
        return Verdict(name="newer", state="skip", said=f"of {unknown} kernels it is not known")
    return Verdict(name="newer", state="ok", said="no kernel is older than the registry's image")


def _named(row: Row) -> str:
    own = f"{row.owner}/{row.kernel}"
    return own if row.user == row.owner else f"{own} for {row.user}"


def orphans(found: Iterable[Kernel]) -> Verdict:
    """Containers that nobody needs any more."""
    commands = orphan.commands()
    left = [
        f"{one.login}/{one.kernel}"
        for one in found
        if orphan.reason(one.connection_file, one.parent, lambda: commands)
    ]
    if left:
        said = f"{len(left)} containers have no server any more: {few(left)}"
        remedy = "`kernelspec reap --no-dry-run`, from a timer: docs/watch.md"
        return Verdict(name="orphans", state="warn", said=said, remedy=remedy)
    return Verdict(name="orphans", state="ok", said="there are none")


def configurations(named: Sequence[str]) -> list[Path]:
    """The files of Jupyter's configuration: those *named*, else those at the usual places."""
    if named:
        return [Path(one) for one in named]
    found = sorted(_TLJH.glob("*.py"))
    for name, folders in _USUAL.items():
        own = (f"{sys.prefix}/etc/jupyter", f"{sys.prefix}/etc/jupyterhub", "~/.jupyter")
        found += [Path(folder, f"{name}.py").expanduser() for folder in (*folders, *own)]
    return [path for path in found if path.is_file()]


def hooks(paths: Sequence[Path], site: Policy) -> Iterator[Verdict]:
    """Whether the hub's configuration calls what removes kernels with their server.

    paths: as `configurations` has them. They are read, and never run.
    """
    nodes: list[ast.AST] = []
    for path in paths:
        try:
            with path.open("rb") as file:
                nodes += ast.walk(ast.parse(file.read(_MAX), str(path)))
        except (OSError, SyntaxError, ValueError, RecursionError) as error:
            reason = getattr(error, "strerror", None) or getattr(error, "msg", None) or str(error)
            said = f"{path} cannot be read: {reason}"
            yield Verdict(name="hooks", state="fail", said=said)
    if any("hub" in path.name or path.parent == _TLJH for path in paths):
        yield _stopped(nodes, site)
        yield _in_order(nodes, site)
        return
    said = "no configuration of JupyterHub's is at the usual places"
    yield Verdict(name="hooks", state="skip", said=said, remedy="name it with --config")


def _stopped(nodes: Sequence[ast.AST], site: Policy) -> Verdict:
    values = [
        node.value
        for node in nodes
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Attribute) and target.attr == "post_stop_hook"
    ]
    if any(_is_ours(value) for value in values):
        return Verdict(name="hooks", state="ok", said="post_stop_hook removes a user's kernels")
    if values:
        said = "another post_stop_hook than this library's is set"
        remedy = "let it await kernelspec_lib.hub.post_stop_hook(spawner)"
        return Verdict(name="hooks", state="warn", said=said, remedy=remedy)
    return Verdict(
        name="hooks",
        state=_missing(site),
        said="no post_stop_hook: kernels may outlive their server",
        remedy="in jupyterhub_config.py: from kernelspec_lib import hub; "
        "c.Spawner.post_stop_hook = hub.post_stop_hook",
    )


def _is_ours(value: ast.expr) -> bool:
    named = (ast.Attribute, ast.Name)
    last = getattr(value, "attr", None) or getattr(value, "id", None)
    return isinstance(value, named) and last == "post_stop_hook"


def _in_order(nodes: Sequence[ast.AST], site: Policy) -> Verdict:
    for node in nodes:
        if isinstance(node, ast.Call):
            last = getattr(node.func, "attr", None) or getattr(node.func, "id", None)
            if last == "stop_in_order":
                said = "servers shut their kernels down in order"
                return Verdict(name="hooks", state="ok", said=said)
    return Verdict(
        name="hooks",
        state=_missing(site),
        said="no stop_in_order: a server that the hub stops leaves its kernels",
        remedy="in jupyter_server_config.py: from kernelspec_lib import hub; hub.stop_in_order(c)",
    )


def _missing(site: Policy) -> State:
    # With a launcher, its watchdog ends the kernels all the same, as long as nobody kills it too.
    return "fail" if site.launcher == "direct" else "warn"
