"""`emit` and `build`: the kernel spec and the image of one kernel."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kernelspec_lib import atomic
from kernelspec_lib.cli import common, running
from kernelspec_lib.errors import CommandFailed, unusable
from kernelspec_lib.kernels import identity, spec

if TYPE_CHECKING:
    from kernelspec_lib.delivery.engine import Engine
    from kernelspec_lib.delivery.image import Plan
    from kernelspec_lib.delivery.push import Destination


@click.command("emit")
@running.path_argument
@running.login_option
@click.option(
    "--user", metavar="UID:GID", help="The owner's numbers on the hub. [default: this machine's]"
)
@click.option("--image", metavar="REF", help="Another image than the one the policy names.")
@click.option("--output", metavar="DIR", help="A kernel spec folder to make or to replace.")
@common.policy_option
def emit_command(
    path: str,
    login: str | None,
    user: str | None,
    image: str | None,
    output: str | None,
    policy_path: str | None,
) -> None:
    """Write kernel.json, or a whole kernel spec folder.

    To standard output, or with its logos into the folder that --output names.

    PATH is a kernel's folder or a requirements.json; by default the folder you stand in.
    """
    project = common.valid_project(path)
    policy = common.policy_in_force(policy_path)
    owner = running.owner(login, user)
    reference = identity.reference(image) if image is not None else None
    emitted = spec.emit(project, policy, owner, reference)
    if owner.uid is None and policy.launcher == "direct":
        common.echo(_who_is(owner.login), err=True)
    if output is None:
        common.echo(spec.to_json(emitted), nl=False)
        return
    spec.write(emitted, Path(output), spec.logos(project.place.folder))
    common.echo(f"{output}: the kernel spec of {project.display_name}", err=True)


def _who_is(login: str) -> str:
    return (
        f"note: this machine does not know the user {login}, so the kernel will run as the image's "
        "root, and what it writes into the work folder will be root's; give --user UID:GID, as "
        f"`id {login}` tells them on the hub"
    )


def _size(context: click.Context, option: click.Parameter, text: str) -> str:
    if not re.fullmatch(r"[0-9]{1,15}[bkmg]", text):
        raise click.BadParameter('write a whole number and a unit (b, k, m or g), such as "20g"')
    return text


@click.command("build")
@running.path_argument
@running.login_option
@running.index_option
@click.option(
    "--network",
    metavar="NET",
    envvar="KERNELSPEC_BUILD_NETWORK",
    help='The build\'s network; "host" for a local index.',
)
@click.option("--push", is_flag=True, help="Push the image to its registry, too.")
@click.option(
    "--pull", envvar=running.PULL_VARIABLE, is_flag=True, help="Look for a newer base image first."
)
@click.option("--dotenv", metavar="FILE", help="Where later jobs find it as $KERNELSPEC_IMAGE.")
@click.option(
    "--keep-cache",
    metavar="SIZE",
    default="20g",
    show_default=True,
    callback=_size,
    help="The most that the engine keeps of builds; what was used least goes first.",
)
@common.policy_option
def build_command(
    path: str,
    login: str | None,
    index_url: str | None,
    network: str | None,
    push: bool,
    pull: bool,
    dotenv: str | None,
    keep_cache: str,
    policy_path: str | None,
) -> None:
    """Build the Docker image from requirements.lock.

    Its reference is printed at the end; with --push the one that names its digest.

    PATH is a kernel's folder; by default the one you stand in.
    """
    from kernelspec_lib.delivery import engine, image
    from kernelspec_lib.delivery import push as pushing
    from kernelspec_lib.packages import index, settings

    policy = common.policy_in_force(policy_path)
    project, _ = running.locked_project(path, policy, to_build=True)
    owner = running.owner(login, None).login
    config = settings.configure(index_url, policy, os.environ)
    reference = identity.image_reference(project, policy, owner)
    plan = image.plan(project, reference, owner, index.signed_in(config), os.environ, network)
    to = pushing.destination(reference, os.environ) if push else None
    there = pushing.standing(to, plan.labels) if to is not None else None
    if to is not None and there is not None:
        common.echo(f"{reference} is in the registry already, from this very commit", err=True)
        return _deliver(to.pinned(there), dotenv)
    docker = engine.find(os.environ, to_build=True, name=policy.engine)
    _deliver(_built(docker, plan, project.base_image if pull else None, to), dotenv)
    return _bound_cache(docker, keep_cache)


def _built(docker: Engine, plan: Plan, base_image: str | None, to: Destination | None) -> str:
    """The reference of the image of *plan*, built now, and pushed *to* there where that is given.

    base_image: what to look for a newer one of first; None: what is here does.
    """
    from kernelspec_lib.delivery import image

    with running.ended_in_order(), running.progress(f"building {plan.image}") as progress:
        if base_image is not None:
            _freshen(docker, base_image, progress.note)
        image.build(docker, plan, _in_few_words(progress) if progress.watched else progress.step)
        return plan.image if to is None else _pushed(docker, plan, to, progress.step)


def _in_few_words(progress: running.Progress) -> Callable[[str], None]:
    """What takes the lines of a build, and shows those that matter to who waits for it."""
    from kernelspec_lib.delivery.steps import Steps

    steps = Steps()

    def told(line: str) -> None:
        if (words := steps.read(line)) is not None:
            progress.step(words)

    return told


def _pushed(docker: Engine, plan: Plan, to: Destination, told: Callable[[str], None]) -> str:
    """Push what was built by *plan*; its reference, by the digest."""
    from kernelspec_lib.delivery import push

    return to.pinned(push.push(docker, plan.image, to, plan.labels, datetime.now(UTC), told))


def _freshen(docker: Engine, base_image: str, note: Callable[[str], None]) -> None:
    """Bring the newest *base_image*; else the one that is here does."""
    from kernelspec_lib.delivery import engine

    try:
        engine.pull(docker, base_image)
    except CommandFailed as error:
        if engine.labels(docker, base_image) is None:
            raise
        note(f"note: no newer {base_image} is to be had: {' '.join(error.output[-1:])}")


def _bound_cache(docker: Engine, size: str) -> None:
    """Leave at most *size* of what builds left on *docker*.

    The last thing to do, since it takes minutes where much must go: the image is there by then,
    and an engine that does not come to an end with it changes nothing about that.
    """
    from kernelspec_lib.delivery import image

    with running.ended_in_order(), running.progress("making room in the build cache") as progress:
        try:
            image.bound_cache(docker, size)
        except CommandFailed as error:
            told = " ".join(error.output[-1:])
            progress.note(f"note: what builds left may be more than {size} by now: {told}")


def _deliver(reference: str, dotenv: str | None) -> None:
    """Print the image's *reference*, and leave it for later jobs. Raises FileUnusable."""
    if dotenv is not None:
        with unusable(dotenv, "write"):
            atomic.write(Path(dotenv), f"{running.IMAGE_VARIABLE}={reference}\n".encode())
    common.echo(reference)
