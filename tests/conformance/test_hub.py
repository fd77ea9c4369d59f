"""A real JupyterHub: what it stops is gone, and nobody else notices."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from kernelspec_lib.conformance.traces import happens
from kernelspec_lib.delivery.engine import Engine
from tests.conformance import hub as hubs
from tests.conformance.conftest import KERNEL, LAUNCHERS, containers_of, none_of, site
from tests.conformance.hub import Hub
from tests.conformance.people import Person, World

pytestmark = [pytest.mark.docker, pytest.mark.network]

BUSY = "print('begun', flush=True)\nwhile True: pass"

HUB_HOOK = "\nfrom kernelspec_lib import hub\nc.Spawner.post_stop_hook = hub.post_stop_hook\n"
SERVER_HOOK = "from kernelspec_lib import hub\nhub.stop_in_order(c, idle_hours=12)\n"


@pytest.fixture(scope="module")
def hub(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub with the hooks that docs/hub.md names."""
    site(world)
    world.write(hubs.SERVER_CONFIG, SERVER_HOOK)
    with hubs.running(world, tmp_path_factory.mktemp("hub"), HUB_HOOK) as one:
        yield one


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_stopped_server_leaves_no_kernel_and_harms_no_other(
    launcher: str, hub: Hub, somebody: Callable[[str], Person], engine: Engine
) -> None:
    who = somebody(launcher)
    other = somebody("supervised" if launcher == "direct" else "direct")
    servers = {one: hub.start(one) for one in (who, other)}
    bystander = servers[other].start_kernel(KERNEL)
    servers[other].execute(bystander, "kept = 'kept'")

    idle, busy = (servers[who].start_kernel(KERNEL) for _ in range(2))
    assert servers[who].execute(idle, "print(6 * 7)") == "42\n"
    assert servers[who].execute(busy, BUSY, until="begun") == "begun\n"
    servers[who].start_kernel(KERNEL)  # fresh: it has not answered yet
    hub.stop(who)

    assert none_of(engine, who)
    assert servers[other].execute(bystander, "print(kept)") == "kept\n"
    assert len(containers_of(engine, other)) == 1
    hub.stop(other)
    assert none_of(engine, other)


def test_a_users_other_server_keeps_its_kernels(
    hub: Hub, somebody: Callable[[str], Person], engine: Engine
) -> None:
    ada = somebody("direct")
    first, second = hub.start(ada), hub.start(ada, "second")
    stopped, kept = first.start_kernel(KERNEL), second.start_kernel(KERNEL)
    first.execute(stopped, BUSY, until="begun")
    second.execute(kept, "kept = 'kept'")
    assert len(containers_of(engine, ada)) == 2
    hub.stop(ada)
    assert happens(lambda: len(containers_of(engine, ada)) == 1, 30)
    assert second.execute(kept, "print(kept)") == "kept\n"
    hub.stop(ada, "second")
    assert none_of(engine, ada)
