"""`kernelspec install` besides the pull. Run it as root: python -m benchmarks.install [ROUNDS]

The hub is sshd on loopback with a user of its own, and the image is there already. Each round
installs two images in turn, so that every run switches; over ssh and on this machine, one after the
other, beside a bare `ssh true` and a bare `kernelspec --version`.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import uuid
from pathlib import Path

from benchmarks.measuring import run
from kernelspec_lib.delivery import engine as engines
from tests import package_index as indexes
from tests.catalogue import CATALOGUE
from tests.delivery import parts
from tests.delivery.kernels import Site, locked

AIM = 3.0
"""Seconds of `install` over ssh."""


def main(rounds: int) -> None:
    login = f"kb{uuid.uuid4().hex[:8]}"
    engine = engines.find(os.environ, to_build=True)
    with (
        tempfile.TemporaryDirectory(prefix="kernelspec-bench-") as name,
        parts.account(login, "docker") as account,
        tempfile.TemporaryDirectory(prefix="kernelspec-sshd-") as sshd,
        parts.ssh_hub(Path(sshd), account) as hub,
        indexes.serving(indexes.tree(CATALOGUE)) as index,
    ):
        folder = Path(name)
        policy = folder / "policy.json"
        policy.write_text(json.dumps({}))
        kernel = locked(folder / "churn", index.url)
        site = Site(folder=kernel, policy=policy, login=login, engine=engine)
        images = [f"{login}_churn:{version}" for version in ("one", "two")]
        try:
            for image in images:
                site.image(image[-3:], image)
            _measure(rounds, site, hub, images)
        finally:
            site.run("uninstall", "churn", *hub.words)
            site.run("uninstall", "churn", "--local")
            engine.ask("image", "rm", "--force", *images)


def _measure(rounds: int, site: Site, hub: parts.SshHub, images: list[str]) -> None:
    commands = {
        "ssh hub true": (["ssh", "-F", str(hub.config), hub.name, "true"], dict(os.environ)),
        "kernelspec --version": site.command("--version"),
    }
    seconds: dict[str, list[float]] = {}
    for _ in range(rounds):
        for turn, (what, words) in enumerate((("over ssh", hub.words), ("here", ("--local",)))):
            # Both write the same folder: each time another image than the one that is there.
            reference = f"--image={images[turn]}"
            command = site.command("install", str(site.folder), reference, *words)
            commands[f"install {what}"] = command
        for what, (command, environment) in commands.items():
            seconds.setdefault(what, []).append(run(command, environment).seconds)
    for what, all_of_them in seconds.items():
        least, middle = min(all_of_them), statistics.median(all_of_them)
        aim = f"  (aim: under {AIM:g} s)" if what == "install over ssh" else ""
        print(f"{what:22} least {least:5.2f} s, median {middle:5.2f} s of {rounds}{aim}")
    print(f"load: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
