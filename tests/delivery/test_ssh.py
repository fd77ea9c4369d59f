"""`install` and its like on a hub behind sshd: one connection, and nothing half done."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.delivery import parts
from tests.delivery.kernels import Site, seen

pytestmark = pytest.mark.docker

FAKE_CLOCK = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"


@pytest.fixture
def there(site: Site, deployer: parts.Account, ssh_hub: parts.SshHub) -> Iterator[Path]:
    """The folder of the owner's kernel specs on the hub, which the deployer may write."""
    with tempfile.TemporaryDirectory(prefix="kernelspec-hub-") as folder:
        os.chown(folder, deployer.uid, deployer.gid)
        site.set_policy(hub={"kernels": f"{folder}/{{login}}/kernels"})
        yield Path(folder, site.login, "kernels")


def test_from_install_to_uninstall_over_ssh(
    site: Site, there: Path, owner: parts.Account, ssh_hub: parts.SshHub, deployer: parts.Account
) -> None:
    first = site.published("s1")
    done = site.install(*ssh_hub.words)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{there}/churn\n"
    text = json.loads((there / "churn" / "kernel.json").read_text())
    # Of the hub's account, and written by who came over ssh.
    assert f"--user={owner.uid}:{owner.gid}" in text["argv"]
    assert first in text["argv"]
    assert (there / "churn" / "kernel.json").stat().st_uid == deployer.uid
    second = site.published("s2")
    assert site.install(*ssh_hub.words).returncode == 0
    told = site.run("list", "--json", *ssh_hub.words)
    (row,) = json.loads(told.stdout)["kernels"]
    assert (row["digest"], row["stale"]) == (second.partition("@")[2], False)
    assert site.run("rollback", "churn", *ssh_hub.words).returncode == 0
    assert seen(there)["churn"]["image"] == first
    assert site.run("uninstall", "churn", *ssh_hub.words).returncode == 0
    assert seen(there) == {}
    gone = site.run("uninstall", "churn", *ssh_hub.words)
    assert gone.returncode == 2
    assert f"{ssh_hub.name}: there is no kernel churn of {site.login}" in gone.stderr


def without_key(ssh_hub: parts.SshHub, folder: Path) -> Path:
    """A configuration of ssh that names neither key nor known hosts."""
    lines = ssh_hub.config.read_text().splitlines(keepends=True)
    config = folder / "bare"
    config.write_text(
        "".join(line for line in lines if "Identit" not in line and "Known" not in line)
    )
    return config


def test_the_policy_names_the_hub_and_options_name_key_and_known_hosts(
    site: Site, there: Path, ssh_hub: parts.SshHub, tmp_path: Path
) -> None:
    site.published("s1")
    bare = without_key(ssh_hub, tmp_path)
    hub = {"kernels": f"{there.parent.parent}/{{login}}/kernels", "ssh": "hub.test"}
    site.set_policy(hub=hub)
    words = [f"--ssh-config={bare}", f"-i{ssh_hub.key}", f"--known-hosts={ssh_hub.known_hosts}"]
    done = site.install(*words)
    assert done.returncode == 0, done.stderr
    assert "churn" in seen(there)
    done = site.install(*words[:2])
    assert done.returncode == 3
    assert "its host key is not in known_hosts" in done.stderr


def test_a_jump_host_as_ssh_knows_it(
    site: Site, there: Path, ssh_hub: parts.SshHub, tmp_path: Path
) -> None:
    site.published("s1")
    config = tmp_path / "config"
    far = ssh_hub.config.read_text().replace("Host hub.test", "Host far.test")
    config.write_text(f"{ssh_hub.config.read_text()}{far}    ProxyJump hub.test\n")
    done = site.install("--host=far.test", f"--ssh-config={config}")
    assert done.returncode == 0, done.stderr
    assert "churn" in seen(there)


@contextmanager
def known_hosts(ssh_hub: parts.SshHub, text: str) -> Iterator[None]:
    before = ssh_hub.known_hosts.read_text()
    ssh_hub.known_hosts.write_text(text)
    try:
        yield
    finally:
        ssh_hub.known_hosts.write_text(before)


def test_a_changed_host_key(site: Site, there: Path, ssh_hub: parts.SshHub) -> None:
    other = (ssh_hub.folder / "key.pub").read_text().split()
    place = ssh_hub.host_key().split()[0]
    with known_hosts(ssh_hub, f"{place} {other[0]} {other[1]}\n"):
        done = site.install(*ssh_hub.words)
    assert done.returncode == 3
    assert "hub.test: its host key is not the one in known_hosts" in done.stderr
    assert not there.exists()


def test_a_key_that_is_not_let_in(
    site: Site, there: Path, ssh_hub: parts.SshHub, tmp_path: Path
) -> None:
    bare = without_key(ssh_hub, tmp_path)
    words = ("--host=hub.test", f"--ssh-config={bare}", f"--known-hosts={ssh_hub.known_hosts}")
    # The host's own key is nobody's here.
    done = site.install(*words, f"-i{ssh_hub.folder}/host")
    assert done.returncode == 3
    assert "hub.test: it does not let us in; name the private key with -i" in done.stderr
    open_to_all = tmp_path / "key"
    open_to_all.write_bytes(ssh_hub.key.read_bytes())
    open_to_all.chmod(0o644)
    done = site.install(*words, f"-i{open_to_all}")
    assert done.returncode == 3
    assert "chmod 600" in done.stderr


def test_no_hub_there(site: Site, there: Path, ssh_hub: parts.SshHub) -> None:
    with ssh_hub.daemon.stopped():
        done = site.install(*ssh_hub.words)
    assert done.returncode == 3
    assert "hub.test: ssh cannot reach it" in done.stderr


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        (
            {"KERNELSPEC_DOCKER": "no-such-docker"},
            "hub.test: there is no docker, and",
        ),
        ({"PATH": "/nowhere"}, "hub.test: it has no python3; install it there"),
    ],
    ids=["docker", "python3"],
)
def test_a_hub_that_lacks(
    site: Site,
    there: Path,
    deployer: parts.Account,
    variables: dict[str, str],
    told: str,
) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="kernelspec-sshd-") as folder,
        parts.ssh_hub(Path(folder), deployer, **variables) as hub,
    ):
        done = site.install(*hub.words)
    assert done.returncode == 3
    assert told in done.stderr
    assert not there.exists()


@contextmanager
def clock_of_hub(
    deployer: parts.Account, by: str, variables: Mapping[str, str]
) -> Iterator[parts.SshHub]:
    """A hub whose clock is wrong *by* so much."""
    more = {**variables, "LD_PRELOAD": FAKE_CLOCK, "FAKETIME": by}
    temporary = tempfile.TemporaryDirectory(prefix="kernelspec-sshd-")
    with temporary as folder, parts.ssh_hub(Path(folder), deployer, **more) as hub:
        yield hub


def test_a_login_shell_that_talks_and_clocks_that_differ_by_years(
    site: Site, there: Path, deployer: parts.Account, registry: parts.Registry
) -> None:
    parts.program("faketime")
    site.published("s1")
    profile = deployer.home / ".bashrc"
    before = profile.read_text()
    profile.write_text("echo Welcome to the hub\n")
    variables = {"DOCKER_CONFIG": str(registry.docker_config)}
    try:
        with clock_of_hub(deployer, "-3650d", variables) as hub:
            assert site.install(*hub.words).returncode == 0
            second = site.published("s2")
            assert site.install(*hub.words).returncode == 0
            command = ["ssh", "-F", str(hub.config), hub.name, "date", "+%Y"]
            year = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            assert int(year.split()[-1]) == (date.today() - timedelta(days=3650)).year
        with clock_of_hub(deployer, "+3650d", variables) as hub:
            assert site.run("rollback", "churn", *hub.words).returncode == 0
            assert seen(there)["churn"]["image"] != second
            assert site.run("rollback", "churn", *hub.words).returncode == 0
    finally:
        profile.write_text(before)
    assert seen(there)["churn"]["image"] == second


def test_a_folder_that_the_deployer_may_not_write(
    site: Site, there: Path, ssh_hub: parts.SshHub
) -> None:
    site.published("s1")
    os.chown(there.parent.parent, 0, 0)
    done = site.install(*ssh_hub.words)
    assert done.returncode == 3
    assert "Permission denied; see who may write there" in done.stderr
    assert list(there.parent.parent.iterdir()) == []


@contextmanager
def small_disk(folder: Path, account: parts.Account, options: str) -> Iterator[None]:
    own = f"{options},uid={account.uid},gid={account.gid},mode=755"
    subprocess.run(["mount", "-t", "tmpfs", "-o", own, "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_and_a_read_only_one(
    site: Site, there: Path, ssh_hub: parts.SshHub, deployer: parts.Account
) -> None:
    first = site.published("s1")
    top = there.parent.parent
    with small_disk(top, deployer, "size=64k"):
        assert site.install(*ssh_hub.words).returncode == 0
        filler = top / "filler"
        with suppress(OSError):
            filler.write_bytes(bytes(1024 * 1024))
        second = site.published("s2")
        before = sorted(str(path) for path in there.rglob("*"))
        done = site.install(*ssh_hub.words)
        assert done.returncode == 3
        assert "No space left on device; make room there" in done.stderr
        assert seen(there)["churn"]["image"] == first
        assert sorted(str(path) for path in there.rglob("*")) == before
        filler.unlink()
        subprocess.run(["mount", "-o", "remount,ro", str(top)], check=True)
        done = site.install(*ssh_hub.words)
        assert done.returncode == 3
        assert "Read-only file system; see who may write there" in done.stderr
        subprocess.run(["mount", "-o", "remount,rw", str(top)], check=True)
        assert site.install(*ssh_hub.words).returncode == 0
        assert seen(there)["churn"]["image"] == second


def test_a_registry_that_wants_another_password_now(
    site: Site, there: Path, ssh_hub: parts.SshHub, registry: parts.Registry
) -> None:
    site.published("s1")
    registry.set_password("another one")
    try:
        done = site.install(*ssh_hub.words)
    finally:
        registry.set_password(parts.LOGIN[1])
    assert done.returncode == 3
    assert "hub.test: docker cannot pull" in done.stderr
    assert "docker login" in done.stderr
    assert not there.exists()


def test_a_deployer_without_docker_rights(
    site: Site, there: Path, owner: parts.Account, registry: parts.Registry
) -> None:
    """The owner is in no group of Docker's."""
    site.published("s1")
    variables = {"DOCKER_CONFIG": str(registry.docker_config)}
    with (
        tempfile.TemporaryDirectory(prefix="kernelspec-sshd-") as folder,
        parts.ssh_hub(Path(folder), owner, **variables) as hub,
    ):
        done = site.install(*hub.words)
    assert done.returncode == 3
    assert "must be of the group that owns Docker's socket" in done.stderr
