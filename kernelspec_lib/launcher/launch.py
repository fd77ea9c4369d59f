"""One launch, from the call to the end of the kernel, and what its user is told of it."""

from __future__ import annotations

import os
import sys

from kernelspec_lib.launcher import budget, ends, network, notes, places
from kernelspec_lib.launcher import call as calls
from kernelspec_lib.launcher.body import CONNECTION_TARGET, Body
from kernelspec_lib.launcher.cgroups import Strain
from kernelspec_lib.launcher.engine import Engine, EngineDown, EngineRefused, quoted
from kernelspec_lib.launcher.notes import Refused
from kernelspec_lib.launcher.supervise import Running, Signals, Supervisor
from kernelspec_lib.launcher.terms import Folder, Terms
from kernelspec_lib.launcher.watchdog import Watchdog, remove

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from kernelspec_lib.launcher.call import Call
    from kernelspec_lib.launcher.connection import Connection

OWNER = "kernelspec.owner"
KERNEL = "kernelspec.kernel"
CONNECTION_FILE = "kernelspec.connection_file"
IMAGE = "kernelspec.image"
LAUNCHER = "kernelspec.launcher"
PARENT = "kernelspec.parent"
FAILED = 1


def run(
    connection: Connection, call: Callable[[], Call], drop: Callable[[], None] | None = None
) -> int:
    """The exit code of what is called for; where it cannot start, the notebook is told why.

    drop: called before anything is told, which needs no more than the user may do.
    """
    signals = Signals()
    # Behind sudo, that is sudo: what Jupyter kills when it kills its client.
    signals.end_with(os.getppid())
    try:
        called = call()
        signals.end_with(called.server)
        terms = Terms(called.policy, called.asked.get("resources", {}), called.login)
        running = start(called, terms)
    except Exception as error:
        text = str(error)
        if not isinstance(error, Refused):
            import traceback

            traceback.print_exc()
            text = notes.bug(error)
        if drop:
            drop()
        return _instead(connection, text, signals)
    end = Supervisor(running, called, signals).wait()
    network.leave(called)
    if drop:
        drop()
    if text := ends.note(end, called, terms):
        # Jupyter would start another one at once for which nobody has asked.
        if not end.started or end.reaped:
            return _instead(connection, text, signals)
        _at_last(connection, called, text, end.cell)
    return FAILED if end.code is None else end.code


def _instead(connection: Connection, text: str, signals: Signals) -> int:
    """Answer in place of a kernel."""
    from kernelspec_lib.launcher import voice

    sys.stderr.write(f"kernelspec-launch: {text}\n")
    voice.instead(connection, text, signals)
    return FAILED


def _at_last(connection: Connection, call: Call, text: str, cell: object) -> None:
    """Say *text* below *cell*; in the first cell of the next kernel, where none was running."""
    from kernelspec_lib.launcher import voice

    sys.stderr.write(f"kernelspec-launch: {text}\n")
    if not cell or not voice.last_words(connection, f"\n{text}\n", cell):
        # The cell may have been over before anybody heard that it had begun.
        places.leave_note(connection, call.owner, text)


def start(call: Call, terms: Terms) -> Running:
    """Start the kernel of *call*. Raises Refused, and then nothing is left behind."""
    engine, dog = Engine(call.socket), Watchdog(call.socket)
    call.expose()
    try:
        return _started(engine, dog, call, terms)
    except EngineDown as error:
        raise Refused(notes.engine_down(call.engine, call.socket, str(error))) from error
    except EngineRefused as error:
        raise Refused(notes.engine_refused(call.engine, error.message)) from error


def _started(engine: Engine, dog: Watchdog, call: Call, terms: Terms) -> Running:
    try:
        body = _body(engine, call, terms)
        call.stage.check(engine)
        if group := budget.group(engine, call.login, terms):
            body.host["CgroupParent"] = group
        # What is made counts for the next one. To start it takes longer, and needs no turn.
        turn = call.stage.lock()
        try:
            budget.check(engine, terms, _clear(engine, call))
            target = f"/containers/create?name={quoted(name_of(call))}"
            container: str = engine.ask("POST", target, body.value)["Id"]
        finally:
            os.close(turn)
        dog.guard(container)
        output = engine.attach(container)
        engine.ask("POST", f"/containers/{container}/start")
    except BaseException:
        dog.give_up()
        network.leave(call)
        raise
    finally:
        call.stage.clear()
    return Running(engine, container, output, dog, Strain(group))


def name_of(call: Call) -> str:
    """The container's name: the same for each start with this connection file."""
    return f"kernelspec-{call.login}-{call.asked['kernel']}-{call.connection.digest}"


def _clear(engine: Engine, call: Call) -> list[Any]:
    """The owner's other containers. One that still holds the connection file is removed.

    It would keep the ports: a client would go on talking to the old kernel, old variables and all.
    """
    wanted = quoted('{"label":["%s=%s"]}' % (OWNER, call.login))  # noqa: UP031 - braces
    others = []
    for one in engine.ask("GET", f"/containers/json?all=1&filters={wanted}"):
        if one["Labels"].get(CONNECTION_FILE) == call.connection.path:
            remove(engine, one["Id"])
        else:
            others.append(one)
    return others


def _body(engine: Engine, call: Call, terms: Terms) -> Body:
    try:
        image = engine.ask("GET", f"/images/{quoted(call.asked['image'])}/json")
    except EngineRefused as error:
        if error.status == 404:
            raise Refused(notes.image_missing(call.engine, call.asked["image"])) from error
        raise
    labels = {
        OWNER: call.login,
        KERNEL: call.asked["kernel"],
        CONNECTION_FILE: call.connection.path,
        IMAGE: image["Id"],
        LAUNCHER: call.launcher,
        PARENT: f"{call.server}:{calls.start_ticks(call.server)}",
    }
    body = Body(image["Id"], labels)
    body.user(call.uid, call.gid, call.groups)
    body.limit(terms.limits)
    if terms.idle:
        body.watch()
    body.environment(
        call.login,
        call.asked.get("environment", {}),
        (image.get("Config") or {}).get("Env") or (),
        closed=terms.read_only_root,
    )
    _mount(body, call, terms)
    return body


def _mount(body: Body, call: Call, terms: Terms) -> None:
    places.make_work(terms.work.source, call.owner)
    file = call.stage.connection_file(network.join(body, call, terms.network))
    body.mount(file, Folder(file, CONNECTION_TARGET, False))
    folders = (terms.work, *terms.mounts)
    for folder in folders:
        body.mount(call.stage.folder(folder, call.owner), folder)
    if note := places.take_note(call.connection, call.owner):
        body.say(f"{note}\n")
    within = places.inside(call.notebook, folders)
    body.value["WorkingDir"] = within or terms.work.target
    if within is None:
        kept = [folder.target for folder in folders if not folder.read_only]
        body.say(notes.outside(call.notebook, terms.work.target, kept))
