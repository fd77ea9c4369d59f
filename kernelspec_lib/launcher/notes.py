"""What a user reads in the notebook, and what a kernel's first cell says."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class Refused(Exception):
    """This kernel cannot start. A user reads the text in the notebook: why, and what to do."""


_TELLS = """
from IPython import get_ipython
def tell(*_):
    import sys
    get_ipython().events.unregister("pre_run_cell", tell)
    sys.stderr.write({text})
    sys.stderr.flush()
get_ipython().events.register("pre_run_cell", tell)
"""


def in_first_cell(text: str) -> str:
    """A line for IPython that says *text* once, above the output of the first cell."""
    # A name space of its own: the user's variables are not touched.
    return f"exec({_TELLS.format(text=ascii(text))!a}, {{}})"


IDLE, TELL = "kernelspec_idle", "kernelspec_tell"
"""What `watched` adds to IPython: the seconds in which no cell ran; a text below the last one."""
_WATCHED = """
from IPython import get_ipython
import time
shell = get_ipython()
seen = {"at": time.monotonic(), "cell": None}
def begun(*_):
    seen["at"] = None
    seen["cell"] = getattr(shell.kernel, "get_parent", dict)() or seen["cell"]
def ended(*_):
    seen["at"] = time.monotonic()
def idle():
    return 0.0 if seen["at"] is None else time.monotonic() - seen["at"]
def tell(text):
    if not seen["cell"]:
        return False
    kernel, content = shell.kernel, {"name": "stderr", "text": text}
    kernel.session.send(
        kernel.iopub_socket, "stream", content, parent=seen["cell"], ident=b"stream.stderr"
    )
    return True
shell.events.register("pre_run_cell", begun)
shell.events.register("post_run_cell", ended)
shell.kernelspec_idle, shell.kernelspec_tell = idle, tell
"""


def watched() -> str:
    """A line for IPython by which a kernel tells for how long it has been idle, and speaks."""
    return f"exec({_WATCHED!a}, {{}})"


def reaped(when: str, after: str) -> str:
    """after: what the policy says, such as "24h"; empty: it says nothing any more."""
    limit = f" longer than the {after} that this site allows" if after else " for too long"
    return (
        f"The kernel was ended at {when}: it had been idle{limit}. All its variables are gone; "
        "the files in the work folder are kept. Restart the kernel to go on."
    )


def engine_down(engine: str, socket: str, reason: str) -> str:
    if reason == "Permission denied":
        return (
            f"You may not use {engine} on this machine ({socket}: permission denied). Please tell "
            "your administrator: with the launcher `sudo` in the site policy, you need not."
        )
    return (
        f"{engine} does not answer on this machine ({socket}: {reason}). Please tell your "
        "administrator, and restart the kernel when it is back."
    )


def engine_refused(engine: str, message: str) -> str:
    _, missing, path = message.partition("bind source path does not exist: ")
    if missing:
        return (
            f"The folder {path}, which the site policy mounts into every kernel, does not exist "
            "on this machine. Please tell your administrator."
        )
    return f"{engine} would not start the kernel: {message}"


def image_missing(engine: str, image: str) -> str:
    return (
        f"The image {image} of this kernel is not on this machine. Its pipeline brings it: run "
        f"that again, or ask your administrator for `{engine.lower()} pull`; then restart the "
        "kernel."
    )


def outside(notebook: str, work: str, kept: Iterable[str]) -> str:
    """notebook: its folder. work: where the kernel works. kept: all that outlives it."""
    return (
        f"Note: this notebook lies in {notebook}, which the kernel cannot see. It works in "
        f"{work}. Only what it writes to {', '.join(kept)} is kept; all else is lost when the "
        "kernel ends. Move the notebook there to read and write beside it.\n"
    )


def size(count: float) -> str:
    """*count* bytes for people, such as "512 MiB"."""
    for unit, name in ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB")):
        if count >= unit:
            return f"{count / unit:.4g} {name}"
    return f"{count:.0f} bytes"


def bug(error: Exception) -> str:
    return (
        f"kernelspec-launch has a bug, and could not start the kernel: {type(error).__name__}: "
        f"{error}. Please tell your administrator; the server's log has more."
    )
