"""Real users, a real sudo, and root's side of the launcher, on this machine for one test run."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kernelspec_lib

PACKAGE = Path(kernelspec_lib.__file__).parent.parent
SUDOERS = PACKAGE / "docs" / "sudoers" / "kernelspec"


@dataclass(frozen=True, kw_only=True)
class Site:
    """What an administrator has installed."""

    folder: Path
    """Root's: policy.json, kernels/, and the launcher."""
    launcher: Path
    python: Path
    """A Python that users can start."""

    def policy(self, **keys: Any) -> None:
        """Write the site policy."""
        value = {"launcher": "sudo", "hub": {"kernels": str(self.folder / "kernels")}, **keys}
        (self.folder / "policy.json").write_text(json.dumps(value))

    def kernel(self, name: str, image: str, **asked: Any) -> Path:
        """Install a kernel spec."""
        made = {"owner": "nobody", "kernel": name, "image": image, **asked}
        # The test is root, and stands for a server of the user's: a shell of theirs calls sudo.
        shell = ["sh", "-c", 'sudo -n "$@"; exit $?', "server"]
        argv = ["runuser", "-u", "LOGIN", "--", *shell]
        argv += [str(self.launcher), name, "{connection_file}"]
        value = {
            "argv": argv,
            "display_name": name,
            "language": "python",
            "interrupt_mode": "message",
            "metadata": {"kernelspec": made},
        }
        path = self.folder / "kernels" / name / "kernel.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value))
        return path


@contextmanager
def user(login: str) -> Iterator[pwd.struct_passwd]:
    """A user of this machine, with a home folder that is closed to others."""
    subprocess.run(["useradd", "--create-home", "--shell=/bin/sh", login], check=True)
    try:
        account = pwd.getpwnam(login)
        Path(account.pw_dir).chmod(0o700)
        yield account
    finally:
        subprocess.run(["userdel", "--force", "--remove", login], check=True, capture_output=True)


@contextmanager
def site(name: str) -> Iterator[Site]:
    """The launcher, installed as docs/launcher.md says, and the rule for sudo."""
    folder = Path("/usr/local/lib", name)
    rule = Path("/etc/sudoers.d", name)
    folder.mkdir()
    try:
        launcher = folder / "kernelspec-launch"
        # Users cannot reach a checkout in a home folder of root's; an installed library they can.
        shutil.copytree(
            PACKAGE / "kernelspec_lib" / "launcher", folder / "kernelspec_lib" / "launcher"
        )
        (folder / "kernelspec_lib" / "__init__.py").touch()
        shutil.copytree(PACKAGE / "schema", folder / "schema")
        subprocess.run(["chown", "-R", "root:root", str(folder)], check=True)
        python = Path(sys.executable).resolve()
        if not os.access(python, os.X_OK) or str(python).startswith("/root"):
            python = Path("/usr/bin/python3")
        launcher.write_text(
            f"#!{python} -I\nimport sys\nsys.path.append({str(folder)!r})\n"
            "from kernelspec_lib.launcher import main\n"
            f"main(policy={str(folder / 'policy.json')!r})\n"
        )
        launcher.chmod(0o755)
        text = SUDOERS.read_text().replace("/usr/local/bin/kernelspec-launch", str(launcher))
        rule.write_text(text.replace("KERNELSPEC_LAUNCH", name.upper().replace("-", "_")))
        rule.chmod(0o440)
        yield Site(folder=folder, launcher=launcher, python=python)
    finally:
        rule.unlink(missing_ok=True)
        shutil.rmtree(folder)
