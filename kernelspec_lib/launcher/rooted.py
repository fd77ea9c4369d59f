"""The call of a user who may not use Docker, through sudo: this process is root.

Of what the caller says, two things are taken: the name of an installed kernel, and the path of a
connection file that the caller owns. Kernel specs and the policy are root's alone; variables,
limits and the working folder are the caller's, and decide nothing.
"""

from __future__ import annotations

import os
import re
import stat
import sys

from kernelspec_lib.launcher import call as calls
from kernelspec_lib.launcher import terms, trust
from kernelspec_lib.launcher.call import Call
from kernelspec_lib.launcher.connection import Connection
from kernelspec_lib.launcher.held import Held
from kernelspec_lib.launcher.notes import Refused
from kernelspec_lib.launcher.places import AsOwner

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pwd
    from collections.abc import Mapping

_KERNEL = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*")
_MAX_KERNEL = 64
_MAX_PATH = 4000


def caller(environment: Mapping[str, str]) -> tuple[pwd.struct_passwd, AsOwner]:
    """Who calls, and how to be them. Raises Refused where this process cannot be trusted itself."""
    if not sys.flags.isolated:
        raise Refused(
            f"{sys.argv[0]} must begin with `#!…/python -I`: without it, Python runs what lies in "
            "the caller's folders, as root. Please tell your administrator."
        )
    who = trust.caller(environment)
    trust.shed()
    return who, AsOwner(who.pw_uid, who.pw_gid, os.getgrouplist(who.pw_name, who.pw_gid))


def connection(path: str, uid: int, owner: AsOwner) -> Connection:
    """The connection file *path* of user *uid*. Raises Refused."""
    if not path.startswith("/") or len(path) > _MAX_PATH or not path.isprintable():
        raise Refused(f"{path[:200]!a} is no path of a connection file.")
    with owner:
        found = Connection(path)
        above = os.stat(os.path.dirname(path))
    closed = not above.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or above.st_mode & stat.S_ISVTX
    if found.uid != uid or above.st_uid not in (uid, 0) or not closed:
        raise Refused(f"{path} is not a connection file of yours, in a folder of yours.")
    return found


def sudo(
    opened: Connection, kernel: str, who: pwd.struct_passwd, owner: AsOwner, policy: str
) -> Call:
    """The call for the installed *kernel*; policy: the path of the site's. Raises Refused."""
    if len(kernel) > _MAX_KERNEL or not _KERNEL.fullmatch(kernel):
        raise Refused(f"{kernel[:100]!a} is no name of a kernel.")
    site = terms.policy_of(trust.roots_file(policy, "The site policy"), policy)
    if site.get("launcher") != "sudo":
        raise Refused(f"The site policy {policy} starts no kernels through sudo.")
    login = who.pw_name.lower()
    kernels = site.get("hub", {}).get("kernels")
    if kernels is None:
        raise Refused(
            f"The site policy {policy} says not where kernels are installed: hub.kernels."
        )
    path = f"{kernels.replace('{login}', login)}/{kernel}/{calls.KERNEL_JSON}"
    call = Call("sudo", opened, (trust.roots_file(path, "The kernel spec"), path), site)
    call.gid, call.owner, call.groups = who.pw_gid, owner, owner.groups
    call.server = trust.server_of(who.pw_uid)
    call.stage = Held(opened, call.login)
    return call


def drop(owner: AsOwner) -> None:
    """Be the caller for good: nothing is left that needs root."""
    os.setgroups(owner.groups)
    os.setresgid(owner.gid, owner.gid, owner.gid)
    os.setresuid(owner.uid, owner.uid, owner.uid)
