"""The site's rules, as its administrator wrote them, or the built-in default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from kernelspec_lib import document
from kernelspec_lib.errors import FileUnusable, PolicyInvalid, UsageError
from kernelspec_lib.wording import shown

SYSTEM_POLICY = Path("/etc/kernelspec/policy.json")
VARIABLE = "KERNELSPEC_POLICY"


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
class Policy:
    """What the site allows its kernels, and where they run. The defaults are the built-in one."""

    registry: str = ""
    """Host and path in front of every image; empty: images of this machine only."""
    image: str = "{registry}/{login}_{image_name}:{image_version}"
    index_url: str | None = None
    """The one package index; None: pip's own configuration says which."""
    source_only: bool = True
    """Whether libs may be built from their sources, by docker build."""
    images: tuple[OwnImage, ...] = ()
    other_indexes: bool = False
    """Whether --index-url may name another one all the same."""
    default_resources: Mapping[str, Any] = field(default_factory=dict)
    """As in requirements.json: what a kernel gets for each limit that it does not name."""
    network: Literal["host"] = "host"
    work_dir: Mount = Mount(
        source="/home/{login}/work", target="/home/{login}/work", read_only=False
    )
    mounts: tuple[Mount, ...] = ()
    read_only_root: bool = False
    launcher: Literal["direct"] = "direct"


def find(named: str | None, environment: Mapping[str, str]) -> Path | None:
    """The policy file in force: *named*, $KERNELSPEC_POLICY, or the system's; None: built in.

    Raises UsageError where a file was named that does not exist.
    """
    for origin, path in (("--policy", named), (f"${VARIABLE}", environment.get(VARIABLE))):
        if path:
            if not Path(path).is_file():
                raise UsageError(f"the policy {shown(path)}, named by {origin}, does not exist")
            return Path(path)
    return SYSTEM_POLICY if SYSTEM_POLICY.exists() else None


def load(path: Path | None) -> Policy:
    """The policy in *path*; the built-in one for None.

    Raises PolicyInvalid for any mistake in it, and FileUnusable where it cannot be read.
    """
    if path is None:
        return Policy()
    # jsonschema takes a tenth of a second to load, and most runs have the built-in policy.
    from kernelspec_lib import shape

    try:
        source = document.read(path.read_bytes())
    except OSError as error:
        raise FileUnusable(str(path), "read the site policy", error.strerror or "") from error
    faults = [*source.faults, *shape.faults(source, "policy")]
    if source.readable and not isinstance(source.value, dict) and not faults:
        raise PolicyInvalid(str(path), [f"{path}:1:1: a policy is an object"])
    if faults:
        raise PolicyInvalid(str(path), [_told(path, fault) for fault in faults])
    return from_value(source.value)


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
        default_resources=value.get("resources", {}).get("default", {}),
        network=value.get("network", default.network),
        work_dir=_mount(value["work_dir"], read_only=False)
        if "work_dir" in value
        else default.work_dir,
        mounts=tuple(_mount(mount, read_only=True) for mount in value.get("mounts", ())),
        read_only_root=value.get("read_only_root", default.read_only_root),
        launcher=value.get("launcher", default.launcher),
    )


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


def _told(path: Path, fault: document.Fault) -> str:
    place = f"{path}:{fault.span.line}:{fault.span.column}"
    return f"{place}: {fault.code} {fault.message}" + (f" ({fault.hint})" if fault.hint else "")
