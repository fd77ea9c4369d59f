"""What `doctor` looks at on any machine: policy, engine, its socket, index, proxy, registry."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import socket
import stat
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from kernelspec_lib import policy as policies
from kernelspec_lib.errors import KernelspecError, without_credentials
from kernelspec_lib.kernels.spec import SUDO_LAUNCHER
from kernelspec_lib.launcher import trust
from kernelspec_lib.policy import Policy
from kernelspec_lib.watch import containers
from kernelspec_lib.watch.verdict import Verdict, few

SUDOERS = "/etc/sudoers.d/kernelspec"
_EVERY_KERNEL = "ipykernel"
_PATIENCE = 5.0


def policy(named: str | None, environment: Mapping[str, str]) -> tuple[Verdict, Policy | None]:
    """The site policy, and whether kernels start with it; None where it cannot be used."""
    try:
        path = policies.find(named, environment)
        found = policies.runnable(policies.load(path))
    except KernelspecError as error:
        said = "; ".join(str(error).splitlines())
        remedy = "mend that; the rest is looked at as far as it needs no policy"
        return Verdict(name="policy", state="fail", said=said, remedy=remedy), None
    if path is None:
        said = "there is none, so the built-in one is in force"
        remedy = f"write {policies.SYSTEM_POLICY}: the README and docs/policies tell what"
        return Verdict(name="policy", state="warn", said=said, remedy=remedy), found
    return Verdict(name="policy", state="ok", said=str(path)), found


def engine(site: Policy, environment: Mapping[str, str]) -> Verdict:
    """Whether a client's engine answers. Raises ToolMissing, CommandFailed."""
    from kernelspec_lib.delivery import engine as engines

    found = engines.find(environment, to_build=False, name=site.engine)
    said = f"{found.name} {found.server} answers to {found.client} ({found.version})"
    return Verdict(name="engine", state="ok", said=said)


def socket_of(site: Policy, environment: Mapping[str, str]) -> Verdict:
    """Who may be root by the engine's socket."""
    host = environment.get("DOCKER_HOST", "")
    if host and not host.startswith("unix://"):
        if host.startswith("tcp://") and not environment.get("DOCKER_TLS_VERIFY"):
            return Verdict(
                name="socket",
                state="fail",
                said=f"DOCKER_HOST is {without_credentials(host)}: whoever reaches that is root",
                remedy="let the engine listen on its socket alone, or on tcp with TLS",
            )
        return Verdict(name="socket", state="skip", said="DOCKER_HOST names another machine's")
    path = containers.socket_of(site, environment)
    try:
        kind = Path(path).stat()
    except OSError as error:
        return Verdict(name="socket", state="skip", said=f"{path}: {error.strerror}")
    if kind.st_mode & stat.S_IWOTH:
        return Verdict(
            name="socket",
            state="fail",
            said=f"everyone on this machine can open {path}, and be root by it",
            remedy=f"chmod 660 {path}, and mend what made it so (SocketMode in docker.socket)",
        )
    return _by_group(path, kind, site)


def _by_group(path: str, kind: os.stat_result, site: Policy) -> Verdict:
    if kind.st_gid == 0 or not kind.st_mode & stat.S_IWGRP:
        return Verdict(name="socket", state="ok", said=f"{path} is root's alone")
    group, members = members_of(kind.st_gid)
    said = f"{len(members)} users are root by the group {group} of {path}: {few(members)}"
    if not members:
        return Verdict(name="socket", state="ok", said=f"{path}: nobody is in its group {group}")
    if site.launcher == "sudo":
        remedy = f"with the launcher sudo nobody needs that: gpasswd -d LOGIN {group}"
        return Verdict(name="socket", state="warn", said=said, remedy=remedy)
    return Verdict(name="socket", state="ok", said=f"{said}, as the launcher {site.launcher} needs")


def members_of(gid: int) -> tuple[str, list[str]]:
    """The name of a group, and everybody but root who is in it."""
    try:
        found = grp.getgrgid(gid)
    except KeyError:
        return str(gid), []
    by_account = [one.pw_name for one in pwd.getpwall() if one.pw_gid == gid]
    return found.gr_name, sorted({*found.gr_mem, *by_account} - {"root"})


def index(site: Policy, environment: Mapping[str, str]) -> Verdict:
    """Whether the package index is one. Raises IndexUnreachable, UsageError, ToolMissing."""
    from kernelspec_lib.packages import index as indexes

    config = indexes.configure(None, site, environment)
    with indexes.open_index(config) as found:
        found.probe()
        page = found.page(_EVERY_KERNEL)
    said = f"{config.shown} answers ({config.origin})"
    if page is None:
        remedy = "let the index mirror it: every kernel needs it"
        return Verdict(
            name="index", state="warn", said=f"{said}, and has no {_EVERY_KERNEL}", remedy=remedy
        )
    return Verdict(name="index", state="ok", said=said)


def proxy(site: Policy, environment: Mapping[str, str]) -> Verdict:
    """Whether the proxy to the index can be reached. Raises UsageError, ToolMissing."""
    from kernelspec_lib.packages import index as indexes

    config = indexes.configure(None, site, environment)
    if not config.proxies:
        return Verdict(name="proxy", state="skip", said="none is set")
    for url in sorted(set(config.proxies.values())):
        shown = without_credentials(url)
        if reason := unreachable(url):
            return Verdict(
                name="proxy",
                state="fail",
                said=f"{shown} cannot be reached: {reason}",
                remedy="mend or unset http_proxy, https_proxy, and pip's `proxy`",
            )
    odd = [one for one in config.no_proxy.split(",") if "/" in one or "*" in one.strip()[1:]]
    if odd:
        remedy = "name hosts and domains there: pip, uv and docker read ranges each in its own way"
        said = f"no_proxy holds {few(one.strip() for one in odd)}"
        return Verdict(name="proxy", state="warn", said=said, remedy=remedy)
    shown = few({without_credentials(url) for url in config.proxies.values()})
    return Verdict(name="proxy", state="ok", said=f"{shown} can be reached")


def unreachable(url: str) -> str:
    """Why nobody listens at *url*; empty: somebody does."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "socks5": 1080, "socks5h": 1080}.get(parts.scheme, 80)
        with socket.create_connection((parts.hostname or "", port), timeout=_PATIENCE):
            return ""
    except OSError as error:
        return error.strerror or str(error)
    except ValueError:
        return "it is no URL"


def registry(site: Policy, environment: Mapping[str, str]) -> Verdict:
    """Whether the registry answers to who docker is logged in as. Raises RegistryUnreachable."""
    from kernelspec_lib.delivery.registry import Registry, RegistryUnreachable

    if not site.registry:
        said = "the policy names none: images stay on this machine"
        return Verdict(name="registry", state="skip", said=said)
    host = site.registry.partition("/")[0]
    answer = Registry(host, environment).request("GET", "/v2/", "", {})
    if answer.status_code != 200:
        raise RegistryUnreachable(host, f"it answered {answer.status_code} to GET /v2/")
    return Verdict(name="registry", state="ok", said=f"{host} answers")


def launcher(site: Policy, environment: Mapping[str, str], launch: str = SUDO_LAUNCHER) -> Verdict:
    """Whether what kernel.json calls is there, and as it must be."""
    if site.launcher == "direct":
        if site.per_user != policies.Budget():
            said = "the policy has per_user, which nothing holds with direct"
            remedy = 'set "launcher" to "supervised" or "sudo" there'
            return Verdict(name="launcher", state="warn", said=said, remedy=remedy)
        return Verdict(name="launcher", state="ok", said="direct: kernels are a plain docker run")
    if site.launcher == "supervised":
        found = shutil.which("kernelspec-launch", path=environment.get("PATH", os.defpath))
        if found:
            return Verdict(name="launcher", state="ok", said=f"supervised: {found}")
        said = "kernelspec-launch is not on PATH, so no kernel starts"
        remedy = "install kernelspec-lib where the notebook servers find it"
        return Verdict(name="launcher", state="fail", said=said, remedy=remedy)
    if reason := _unfit(launch):
        remedy = "install it as docs/launcher.md tells, as root"
        return Verdict(name="launcher", state="fail", said=f"{launch} {reason}", remedy=remedy)
    return Verdict(name="launcher", state="ok", said=f"sudo: {launch}")


def _unfit(launch: str) -> str:
    path = Path(launch)
    if not path.is_file():
        return "is not there, so no kernel starts"
    if trust.roots_own(launch) is None or path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "is not root's alone, and root runs it"
    with path.open("rb") as file:
        first = file.readline(300).split()
    if b"-I" not in first:
        return "does not begin with `#!…/python -I`, so it refuses to work"
    if not os.access(launch, os.X_OK):
        return "cannot be executed"
    return ""


def sudoers(site: Policy, path: str = SUDOERS) -> Verdict:
    """Whether users may call the launcher."""
    if site.launcher != "sudo":
        return Verdict(name="sudoers", state="skip", said=f"the launcher is {site.launcher}")
    try:
        Path(path).stat()
    except PermissionError:
        return Verdict(name="sudoers", state="skip", said="only root can look there")
    except OSError as error:
        said = f"{path}: {error.strerror}, so users may not call {SUDO_LAUNCHER}"
        remedy = f"install -m 440 docs/sudoers/kernelspec {path}; visudo -c"
        return Verdict(name="sudoers", state="fail", said=said, remedy=remedy)
    return Verdict(name="sudoers", state="ok", said=path)
