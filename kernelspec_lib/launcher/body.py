"""The container of a kernel, as the engine is asked for it.

`kernelspec_lib.kernels.container` spells the same container for the client `docker`.
"""

from __future__ import annotations

import math

from kernelspec_lib.launcher import notes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from kernelspec_lib.launcher.terms import Folder

CONNECTION_TARGET = "/connection-spec"
COMMAND = ("python", "-m", "ipykernel_launcher", "-f", CONNECTION_TARGET)


class Body:
    """What `create` is to be told, gathered in the order in which it becomes known."""

    def __init__(self, image: str, labels: Mapping[str, str]) -> None:
        self.host: dict[str, Any] = {
            # Reaps what the kernel's children leave, and hands on signals.
            "Init": True,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
            # What a kernel prints past Jupyter would fill the host's disk.
            "LogConfig": {"Type": "none"},
            "Mounts": [],
        }
        self.value: dict[str, Any] = {
            "Image": image,
            "Labels": dict(labels),
            "Cmd": list(COMMAND),
            "HostConfig": self.host,
        }

    def say(self, text: str) -> None:
        """Let the first cell that runs say *text*, once."""
        self.value["Cmd"].append(f"--IPKernelApp.exec_lines={notes.in_first_cell(text)}")

    def watch(self) -> None:
        """Let the kernel count for how long it has been idle."""
        self.value["Cmd"].append(f"--IPKernelApp.exec_lines={notes.watched()}")

    def user(self, uid: int, gid: int, groups: Sequence[int]) -> None:
        """The kernel is this user; groups: those that shared folders may be open to."""
        self.value["User"] = f"{uid}:{gid}"
        if more := [str(one) for one in groups if one not in (0, gid)]:
            self.host["GroupAdd"] = more

    def mount(self, source: str, folder: Folder) -> None:
        """Mount *source*, which is what stands behind the source of *folder*, at its target."""
        self.host["Mounts"].append(
            {
                "Type": "bind",
                "Source": source,
                "Target": folder.target,
                "ReadOnly": folder.read_only,
            }
        )

    def limit(self, limits: Mapping[str, float]) -> None:
        """The limits of the container, as `Terms` has them."""
        self.host["PidsLimit"] = int(limits["pids"])
        if "memory" in limits:
            # Equal: no swap on top, which would slow the whole machine.
            self.host["Memory"] = self.host["MemorySwap"] = int(limits["memory"])
        if "cpus" in limits:
            self.host["NanoCpus"] = int(limits["cpus"] * 10**9)
        if "shm_size" in limits:
            self.host["ShmSize"] = int(limits["shm_size"])
        if count := limits.get("gpus"):
            number = -1 if math.isinf(count) else int(count)
            self.host["DeviceRequests"] = [{"Count": number, "Capabilities": [["gpu"]]}]

    def environment(
        self, login: str, asked: Mapping[str, str], of_image: Sequence[str], *, closed: bool
    ) -> None:
        """Variables; closed: only the mounts and /tmp can be written to.

        of_image: what the image sets, each as NAME=value.
        """
        # A uid without an account has no name but this one, and getpass.getuser() asks for it.
        own = {"USER": login}
        if closed:
            self.host.update(ReadonlyRootfs=True, Tmpfs={"/tmp": ""})  # noqa: S108 - its own
        if closed or not any(one.startswith("HOME=") for one in of_image):
            # Else it would be the image's /, or a folder of root's.
            own["HOME"] = "/tmp"  # noqa: S108
        self.value["Env"] = [f"{name}={text}" for name, text in {**own, **asked}.items()]
