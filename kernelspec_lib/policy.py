"""The site's rules, as its administrator wrote them, or the built-in default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from packaging.requirements import Requirement

from kernelspec_lib import naming, policyfile
from kernelspec_lib.errors import FileUnusable, UsageError
from kernelspec_lib.wording import shown

SYSTEM_POLICY = Path("/etc/kernelspec/policy.json")
VARIABLE = "KERNELSPEC_POLICY"


_USUAL_PIDS = 4096
"""What a container gets that names no limit of processes."""
_USUAL_WARN = 3600
"""Seconds between the warning and the end of an idle kernel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A folder of the hub in a container. `{login}` in a path is the owner's login."""

    source: str
    target: str
    read_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnImage:
    """What the site says of base images of its own. None: as of any image."""

    pattern: str
    """Of references, with * and ?."""
    glibc: tuple[int, int] | None = None
    python: str | None = None
    """With its patch version, such as "3.11.9"."""
    machine: str = "x86_64"


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """Releases that no kernel may have."""

    requirement: Requirement
    """Without versions: all releases."""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What all kernels of one user may have together. None: no limit."""

    memory: str | None = None
    """As in requirements.json, such as "16g"."""
    cpus: float | None = None
    kernels: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """When a kernel that nobody uses is ended. Seconds."""

    after: int
    warn: int
    """How long before that its user is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """What some users may have beyond the others."""

    name: str
    members: frozenset[str]
    per_user: Budget = Budget()
    maximum_resources: Mapping[str, Any] = field(default_factory=dict)
    base_images: tuple[str, ...] = ()
    idle: Idle | None = None
    kernels: tuple[str, ...] = ()
    """Patterns with * and ? of owner/kernel: what others share with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """Where kernel specs are installed. None: not said."""

    kernels: str | None = None
    ssh: str | None = None
    """Such as "deploy@hub.example"; None: this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the site allows its kernels, and where they run. The defaults are the built-in one."""

    registry: str = ""
    """Host and path in front of every image; empty: images of this machine only."""
    image: str = naming.USUAL
    index_url: str | None = None
    """The one package index; None: pip's own configuration says which."""
    source_only: bool = True
    """Whether libs may be built from their sources, by docker build."""
    images: tuple[OwnImage, ...] = ()
    other_indexes: bool = False
    """Whether --index-url may name another one all the same."""
    default_resources: Mapping[str, Any] = field(default_factory=dict)
    """As in requirements.json: what a kernel gets for each limit that it does not name."""
    maximum_resources: Mapping[str, Any] = field(default_factory=dict)
    """As in requirements.json: the most that a kernel may ask for."""
    base_images: tuple[str, ...] | None = None
    """Patterns with * and ?; None: any."""
    denied_libs: tuple[Denied, ...] = ()
    required_libs: tuple[Requirement, ...] = ()
    system_packages: tuple[str, ...] = ("*",)
    """Patterns with * and ? of those that may be asked for."""
    denied_environment: tuple[str, ...] = ()
    """Patterns with * and ? of names."""
    production_logins: frozenset[str] | None = None
    """Who may make production kernels; None: everybody."""
    pipeline_includes: tuple[str, ...] = ()
    """Patterns with * and ? of what brings the site's lint into a CI file; none: not said."""
    enforced: frozenset[str] = frozenset()
    """Codes, and beginnings of codes, of rules that cannot be ignored."""
    root_user: bool = True
    """Whether a Dockerfile may end as root."""
    per_user: Budget = Budget()
    groups: tuple[Group, ...] = ()
    hub: Hub = Hub()
    engine: Literal["docker", "podman"] = "docker"
    maintainers: tuple[str, ...] = ()
    network: Literal["host", "bridge", "none"] = "host"
    work_dir: Mount = Mount(
        source="/home/{login}/work", target="/home/{login}/work", read_only=False
    )
    mounts: tuple[Mount, ...] = ()
    read_only_root: bool = False
    launcher: Literal["direct", "supervised", "sudo"] = "direct"
    idle: Idle | None = None
    """None: a kernel may be idle for ever."""

    def enforces(self, code: str) -> bool:
        """Whether nobody may ignore the rule *code*. The site's own rules are never ignored."""
        return code.startswith(("KS2", *self.enforced))

    def groups_of(self, login: str | None) -> tuple[Group, ...]:
        """The groups that *login* is a member of; none for nobody known."""
        return tuple(group for group in self.groups if login in group.members)

    def idle_of(self, login: str) -> Idle | None:
        """For how long kernels of *login* may be idle: as the site says, or a group, if longer."""
        if self.idle is None:
            return None
        more = [group.idle for group in self.groups_of(login) if group.idle is not None]
        return max([self.idle, *more], key=lambda one: one.after)


def runnable(policy: Policy) -> Policy:
    """*policy*, if this version can start kernels as it asks.

    Raises UsageError otherwise: a kernel is never started in another way than the site decided.
    """
    if policy.launcher == "direct" and policy.network != "host":
        # Which ports to publish is known when the kernel starts, and not when this is written.
        raise UsageError(
            f"the site policy asks for the network {shown(policy.network)}, with which a plain "
            'docker run cannot start kernels; set "launcher" to "supervised" or "sudo" there'
        )
    return policy


def find(named: str | None, environment: Mapping[str, str]) -> Path | None:
    """The policy file in force: *named*, $KERNELSPEC_POLICY, or the system's; None: built in.

    Raises UsageError where a file was named that does not exist.
    """
    for origin, path in (("--policy", named), (f"${VARIABLE}", environment.get(VARIABLE))):
        if path:
            if not os.path.lexists(path):
                raise UsageError(f"the policy {shown(path)}, named by {origin}, does not exist")
            return Path(path)
    # A link that leads nowhere, or a folder that is closed, is a policy that cannot be read, and
    # never no policy.
    try:
        SYSTEM_POLICY.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise FileUnusable(
            str(SYSTEM_POLICY), policyfile.DEED, error.strerror or str(error)
        ) from error
    return SYSTEM_POLICY


def load(path: Path | None) -> Policy:
    """The policy in *path*; the built-in one for None.

    Raises PolicyInvalid for any mistake in it, and FileUnusable where it cannot be read.
    """
    if path is None:
        return Policy()
    return from_value(policyfile.read(path))


def from_value(value: Any) -> Policy:
    """The policy of an object that the schema admits."""
    default = Policy()
    return Policy(
        registry=value.get("registry", default.registry),
        image=value.get("image", default.image),
        index_url=value.get("index_url"),
        source_only=value.get("source_only", default.source_only),
        images=tuple(map(_own_image, value.get("images", ()))),
        other_indexes=value.get("other_indexes", default.other_indexes),
        network=value.get("network", default.network),
        work_dir=_mount(value["work_dir"], read_only=False)
        if "work_dir" in value
        else default.work_dir,
        mounts=tuple(_mount(mount, read_only=True) for mount in value.get("mounts", ())),
        read_only_root=value.get("read_only_root", default.read_only_root),
        launcher=value.get("launcher", default.launcher),
        **_limits_from(value),
        **_rules_from(value),
    )


def _limits_from(value: Any) -> dict[str, Any]:
    resources = value.get("resources", {})
    maximum = resources.get("maximum", {})
    # A kernel that names no limit would otherwise have none, and pass the maximum.
    bounds = {key: maximum[key] for key in ("memory", "cpus") if key in maximum}
    if maximum.get("pids", _USUAL_PIDS) < _USUAL_PIDS:
        bounds["pids"] = maximum["pids"]
    return {
        "default_resources": {**bounds, **resources.get("default", {})},
        "maximum_resources": maximum,
        "per_user": Budget(**value.get("per_user", {})),
        "groups": tuple(_group(name, one) for name, one in value.get("groups", {}).items()),
        "idle": _idle(value["idle"]) if "idle" in value else None,
    }


def _idle(value: Any) -> Idle:
    after = policyfile.seconds(value["after"])
    warn = policyfile.seconds(value["warn"]) if "warn" in value else min(_USUAL_WARN, after // 2)
    return Idle(after=after, warn=warn)


def _group(name: str, value: Any) -> Group:
    return Group(
        name=name,
        members=frozenset(value["members"]),
        per_user=Budget(**value.get("per_user", {})),
        maximum_resources=value.get("resources", {}).get("maximum", {}),
        base_images=tuple(value.get("base_images", ())),
        idle=_idle(value["idle"]) if "idle" in value else None,
        kernels=tuple(value.get("kernels", ())),
    )


def _rules_from(value: Any) -> dict[str, Any]:
    libs = value.get("libs", {})
    packages = value.get("system_packages", True)
    production = value.get("production", {})
    images = value.get("base_images")
    return {
        "base_images": tuple(images) if images is not None else None,
        "denied_libs": tuple(map(_denied, libs.get("denied", ()))),
        "required_libs": tuple(Requirement(text) for text in libs.get("required", ())),
        "system_packages": (("*",) if packages else ())
        if isinstance(packages, bool)
        else tuple(packages),
        "denied_environment": tuple(value.get("environment", {}).get("denied", ())),
        "pipeline_includes": tuple(value.get("pipeline", {}).get("include", ())),
        "production_logins": frozenset(production["logins"]) if "logins" in production else None,
        "enforced": frozenset(value.get("enforced", ())),
        "root_user": value.get("root_user", True),
        "hub": Hub(**value.get("hub", {})),
        "engine": value.get("engine", "docker"),
        "maintainers": tuple(value.get("maintainers", ())),
    }


def _denied(value: Any) -> Denied:
    if isinstance(value, str):
        return Denied(requirement=Requirement(value))
    return Denied(requirement=Requirement(value["requirement"]), reason=value.get("reason", ""))


def _own_image(value: Any) -> OwnImage:
    glibc = value.get("glibc")
    return OwnImage(
        pattern=value["pattern"],
        glibc=(int(glibc.split(".")[0]), int(glibc.split(".")[1])) if glibc else None,
        python=value.get("python"),
        machine=value.get("machine", "x86_64"),
    )


def _mount(value: Any, *, read_only: bool) -> Mount:
    if isinstance(value, str):
        return Mount(source=value, target=value, read_only=read_only)
    source = value["source"]
    return Mount(
        source=source,
        target=value.get("target", source),
        read_only=value.get("read_only", read_only),
    )
