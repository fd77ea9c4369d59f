"""A running kernel, asked by its connection file whether it is idle, and spoken through.

The kernel is its owner's own program: nothing that it answers is believed beyond its own end, and
no more than a message is read of it.
"""

from __future__ import annotations

import re
import select
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kernelspec_lib.launcher.connection import Connection
from kernelspec_lib.launcher.messages import Session
from kernelspec_lib.launcher.notes import IDLE, TELL, Refused
from kernelspec_lib.launcher.places import AsOwner
from kernelspec_lib.launcher.zmtp import Wire

PATIENCE = 5.0
"""Seconds in which an idle kernel answers, on a busy machine too."""
_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]+)?")


class CannotAsk(Exception):
    """The kernel cannot be asked from here; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a kernel said."""

    busy: bool
    """It did not answer: a cell runs, or it hangs."""
    idle: float | None = None
    """Seconds since its last cell ended, or since it started; None: it does not count."""


def ask(connection_file: str, patience: float = PATIENCE) -> Answer:
    """How the kernel of *connection_file* is. Raises CannotAsk."""
    said = _evaluated(connection_file, f"get_ipython().{IDLE}()", patience)
    if said is None:
        return Answer(busy=True)
    return Answer(busy=False, idle=float(said) if _NUMBER.fullmatch(said) else None)


def tell(connection_file: str, text: str, patience: float = PATIENCE) -> bool:
    """Write *text* below the last cell that ran; whether there was one to write below.

    Raises CannotAsk.
    """
    expression = f"get_ipython().{TELL}({text!a})"
    return _evaluated(connection_file, expression, patience) == "True"


def _evaluated(connection_file: str, expression: str, patience: float) -> str | None:
    """What Python's *expression* is in the kernel; empty: it failed; None: it does not answer."""
    try:
        connection = Connection(connection_file)
    except Refused as error:
        raise CannotAsk(str(error)) from error
    if "curve_publickey" in connection.value:
        raise CannotAsk("its connection is encrypted")
    session = Session(str(connection.value.get("key", "")))
    content = {
        "code": "",
        # No cell of the user's: no number, no history, and nothing is shown.
        "silent": True,
        "store_history": False,
        "user_expressions": {"said": expression},
        "allow_stdin": False,
        "stop_on_error": False,
    }
    try:
        with _connected(connection) as one:
            return _reply(one, session, session.message("execute_request", content, {}), patience)
    except OSError as error:
        raise CannotAsk(error.strerror or str(error)) from error


def _connected(connection: Connection) -> socket.socket:
    """A connection to the shell of the kernel. Raises OSError, CannotAsk."""
    port = connection.port("shell_port")
    if connection.transport == "ipc":
        one = socket.socket(socket.AF_UNIX)
        target: Any = f"{connection.ip}-{port}"
    else:
        # Whoever wrote the file may have named another machine: root speaks to this one only.
        if not connection.ip.startswith("127."):
            raise CannotAsk("its ports are not on the loopback address")
        one = socket.socket(socket.AF_INET)
        target = (connection.ip, port)
    one.settimeout(PATIENCE)
    try:
        with AsOwner(connection.uid, connection.gid, ()):
            one.connect(target)
    except BaseException:
        one.close()
        raise
    return one


def _reply(
    one: socket.socket, session: Session, frames: list[bytes], patience: float
) -> str | None:
    deadline = time.monotonic() + patience
    wire, sent = Wire(one, "DEALER"), False
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([one], [], [], left)[0]:
            return None
        for message in wire.receive():
            read = session.read(message)
            if read is not None and read[0] == "execute_reply":
                return _text(read[2])
        if wire.ready and not sent:
            # Not before: libzmq hangs up on who speaks while it still introduces itself.
            wire.send(frames)
            sent = True
    return None


def _text(content: Any) -> str:
    """What the expression was, as Python writes it; empty where it failed."""
    if not isinstance(content, Mapping):
        return ""
    expressions = content.get("user_expressions")
    said = expressions.get("said") if isinstance(expressions, Mapping) else None
    data = said.get("data") if isinstance(said, Mapping) else None
    text = data.get("text/plain") if isinstance(data, Mapping) else None
    return text if isinstance(text, str) else ""
