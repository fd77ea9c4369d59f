"""The launcher through sudo: users start kernels without Docker's socket, and get no further."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.connect import write_connection_file

from kernelspec_lib.conformance.lifecycle import SLEEP_WITH_CHILD
from kernelspec_lib.delivery import engine as engines
from kernelspec_lib.delivery.engine import Engine
from tests.docker import launched, sudoers
from tests.docker.conftest import LOGIN, Kernel
from tests.docker.sudoers import Site
from tests.docker.test_line import Running

pytestmark = [
    pytest.mark.docker,
    pytest.mark.network,
    pytest.mark.skipif(os.getuid() != 0, reason="only root can make users"),
]
NAME = f"ks-{uuid.uuid4().hex[:6]}"
ADA, GRACE = f"{NAME}-ada", f"{NAME}-grace"


@pytest.fixture(scope="module")
def site(churn: Kernel, engine: Engine) -> Iterator[Site]:
    with sudoers.site(NAME) as one:
        one.policy()
        one.kernel("churn", f"{LOGIN}_churn:latest")
        try:
            yield one
        finally:
            for login in (ADA, GRACE):
                engines.remove_containers(engine, f"kernelspec.owner={login}")


@pytest.fixture(scope="module")
def ada(site: Site) -> Iterator[pwd.struct_passwd]:
    with sudoers.user(ADA) as account:
        yield account


@pytest.fixture(scope="module")
def grace(site: Site) -> Iterator[pwd.struct_passwd]:
    with sudoers.user(GRACE) as account:
        yield account


def owned(containers_of: str, engine: Engine) -> list[Any]:
    """The containers of a user, as the engine describes them."""
    words = (
        "ps",
        "--all",
        "--quiet",
        "--no-trunc",
        f"--filter=label=kernelspec.owner={containers_of}",
    )
    ids = engine.ask(*words).stdout.split()
    return json.loads(engine.ask("inspect", *ids).stdout) if ids else []


def gone(login: str, engine: Engine) -> bool:
    deadline = time.monotonic() + 30
    while owned(login, engine):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@contextmanager
def running(account: pwd.struct_passwd, site: Site, churn: Kernel) -> Iterator[Running]:
    """The kernel churn of a user, called by a shell of theirs."""
    folder = site.folder / "kernels"
    made = launched.users_manager(account, folder, "churn")
    with launched.running(made, churn, {"PATH": os.environ["PATH"]}, Path(account.pw_dir)) as one:
        yield one


def _as_user(account: pwd.struct_passwd, variables: Mapping[str, str]) -> list[str]:
    """What a command of *account*'s begins with, that sees *variables* as well."""
    more = [f"{name}={text}" for name, text in variables.items()]
    return ["runuser", "-u", account.pw_name, "--", "env", *more]


def launch(
    account: pwd.struct_passwd, *words: str, **more: str
) -> subprocess.CompletedProcess[str]:
    """One call of sudo by a user that is expected to be refused."""
    command = _as_user(account, more)
    return subprocess.run(
        [*command, "timeout", "20", "sudo", "-n", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=account.pw_dir,
    )


def connection_file(account: pwd.struct_passwd, name: str = "kernel.json") -> Path:
    """A connection file of a user, in a folder of theirs."""
    folder = Path(account.pw_dir, "run")
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / name
    path.unlink(missing_ok=True)
    write_connection_file(str(path), key=b"secret")
    for one in (folder, path):
        os.chown(one, account.pw_uid, account.pw_gid)
    return path


def test_a_user_without_docker_has_a_kernel(
    ada: pwd.struct_passwd, site: Site, churn: Kernel, engine: Engine
) -> None:
    socket = subprocess.run(
        ["runuser", "-u", ADA, "--", "test", "-r", "/var/run/docker.sock"], check=False
    )
    assert socket.returncode == 1
    with running(ada, site, churn) as one:
        said, error = one.execute(
            "import os, getpass; open('kept', 'w').write('x'); "
            "print(os.getuid(), getpass.getuser(), os.getcwd(), os.environ['HOME'])"
        )
        assert error == ""
        assert said.splitlines()[-1].startswith(f"{ada.pw_uid} {ADA} {ada.pw_dir}/work /")
        kept = Path(ada.pw_dir, "work", "kept")
        assert (kept.stat().st_uid, kept.parent.stat().st_uid) == (ada.pw_uid, ada.pw_uid)
        (container,) = owned(ADA, engine)
        assert container["Config"]["User"] == f"{ada.pw_uid}:{ada.pw_gid}"
        labels = container["Config"]["Labels"]
        assert labels["kernelspec.launcher"] == "sudo"
        server = int(labels["kernelspec.parent"].partition(":")[0])
        assert Path(f"/proc/{server}").stat().st_uid == ada.pw_uid
        for _ in range(3):
            assert one.execute(SLEEP_WITH_CHILD, interrupted_at="asleep")[1] == "KeyboardInterrupt"
    assert gone(ADA, engine)
    assert [one.name for one in Path("/run/kernelspec").iterdir() if ADA in one.name] == [
        f"{ADA}.lock"
    ]


def test_what_is_told_in_the_notebook_is_told_by_the_user_and_not_by_root(
    ada: pwd.struct_passwd, site: Site, churn: Kernel, engine: Engine
) -> None:
    site.kernel("absent-image", "absent/image:latest")
    made = launched.users_manager(ada, site.folder / "kernels", "absent-image")
    with launched.running(made, churn, {"PATH": os.environ["PATH"]}, Path(ada.pw_dir)) as one:
        assert one.execute("1")[1] == "KernelNotStarted"
        group = one.manager.provisioner.pgid  # type: ignore[union-attr]
        members = [path for path in Path("/proc").glob("[0-9]*") if is_in(path, group)]
        told = [path for path in members if b"kernelspec-launch" in command_of(path)]
        uids = {line for path in told for line in uids_of(path)}
        # sudo itself stays root's; the launcher has nothing of root any more.
        assert f"Uid:\t{ada.pw_uid}\t{ada.pw_uid}\t{ada.pw_uid}\t{ada.pw_uid}" in uids
    assert owned(ADA, engine) == []


def is_in(process: Path, group: int) -> bool:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[2]) == group
    except OSError:
        return False


def command_of(process: Path) -> bytes:
    return (process / "cmdline").read_bytes()


def uids_of(process: Path) -> list[str]:
    status = (process / "status").read_text()
    return [line for line in status.splitlines() if line.startswith("Uid:")]


def test_a_user_can_kill_the_launcher_and_the_container_goes_with_it(
    ada: pwd.struct_passwd, site: Site, churn: Kernel, engine: Engine
) -> None:
    with running(ada, site, churn) as one:
        group = one.manager.provisioner.pgid  # type: ignore[union-attr]
        subprocess.run(["runuser", "-u", ADA, "--", "sh", "-c", f"kill -9 -{group}"], check=True)
        assert gone(ADA, engine)


def test_nobody_can_signal_the_launcher_of_another(
    ada: pwd.struct_passwd, grace: pwd.struct_passwd, site: Site, churn: Kernel, engine: Engine
) -> None:
    with running(ada, site, churn) as one:
        group = one.manager.provisioner.pgid  # type: ignore[union-attr]
        done = subprocess.run(
            ["runuser", "-u", GRACE, "--", "sh", "-c", f"kill -9 -{group}"], check=False
        )
        assert done.returncode != 0
        # Nor with a connection file at the same path, or by its name.
        theirs = launch(grace, str(site.launcher), "churn", one.manager.connection_file)
        assert theirs.returncode == 1
        assert "not a connection file" in theirs.stderr
        assert one.execute("print(1)")[0].endswith("1\n")
        assert len(owned(ADA, engine)) == 1


def test_the_rule_for_sudo_is_well_formed() -> None:
    checked = subprocess.run(
        ["visudo", "-c", "-f", str(sudoers.SUDOERS)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    "kernel",
    ["../churn", "churn/../churn", "/etc", "", "Churn", "churn\n", "a" * 65, "absent", "-h", "."],
)
def test_only_the_name_of_an_installed_kernel_is_taken(
    ada: pwd.struct_passwd, site: Site, engine: Engine, kernel: str
) -> None:
    told = refused(ada, site, engine, kernel, str(connection_file(ada)))
    assert "no name of a kernel" in told or "cannot be read" in told or "usage:" in told


def refused(
    account: pwd.struct_passwd, site: Site, engine: Engine, kernel: str, path: str, **more: str
) -> str:
    """What a call says that starts no container: at once, or in the notebook until it is ended."""
    command = _as_user(account, more)
    with subprocess.Popen(
        [*command, "sh", "-c", 'sudo -n "$@"; exit $?', "server", str(site.launcher), kernel, path],
        stderr=subprocess.PIPE,
        text=True,
        cwd=account.pw_dir,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        os.killpg(process.pid, signal.SIGKILL)
    assert owned(account.pw_name, engine) == []
    return said


def test_flags_and_options_of_sudo_are_not_taken(ada: pwd.struct_passwd, site: Site) -> None:
    path = str(connection_file(ada))
    for words in (
        [str(site.launcher), "--privileged", path],
        [str(site.launcher), "churn", path, "--privileged"],
        [str(site.launcher)],
    ):
        assert launch(ada, *words).returncode == 2
    for words in (["sh"], ["-u", "root", "docker", "ps"], ["PYTHONPATH=/tmp", str(site.launcher)]):
        assert launch(ada, *words).returncode == 1


def test_nothing_of_the_callers_environment_is_believed(
    ada: pwd.struct_passwd, site: Site, engine: Engine
) -> None:
    evil = Path(ada.pw_dir, "evil")
    evil.mkdir()
    for name in ("json.py", "sitecustomize.py", "socket.py", "kernelspec_lib.py"):
        (evil / name).write_text("open('/pwned', 'w')")
        (Path(ada.pw_dir) / name).write_text("open('/pwned', 'w')")
    (evil / "policy.json").write_text('{"launcher": "sudo"}')
    variables = {
        "PYTHONPATH": str(evil),
        "PYTHONHOME": str(evil),
        "PYTHONSTARTUP": str(evil / "json.py"),
        "PATH": f"{evil}:{os.environ['PATH']}",
        "HOME": str(evil),
        "LD_PRELOAD": str(evil / "x.so"),
        "KERNELSPEC_POLICY": str(evil / "policy.json"),
        "DOCKER_HOST": "unix:///nowhere",
        "JPY_PARENT_PID": "1",
        "SUDO_UID": "0",
    }
    del variables["LD_PRELOAD"]  # Complained of by every program before sudo drops it.
    told = refused(ada, site, engine, "absent", str(connection_file(ada)), **variables)
    assert f"{site.folder}/kernels/absent/kernel.json cannot be read" in told
    assert not Path("/pwned").exists()


def test_only_a_connection_file_of_the_callers_own_is_taken(
    ada: pwd.struct_passwd, grace: pwd.struct_passwd, site: Site, engine: Engine
) -> None:
    mine, theirs = connection_file(ada), connection_file(grace)
    link = mine.with_name("link.json")
    link.symlink_to(theirs)
    hole = mine.with_name("hole")
    os.mkfifo(hole)
    loose = Path(ada.pw_dir, "loose")
    loose.mkdir()
    os.chown(loose, ada.pw_uid, ada.pw_gid)
    loose.chmod(0o777)
    open_one = loose / "kernel.json"
    shutil.copy(mine, open_one)
    os.chown(open_one, ada.pw_uid, ada.pw_gid)
    for path in (
        str(theirs),
        str(link),
        str(hole),
        str(open_one),
        "/etc/shadow",
        "/dev/zero",
        "run/kernel.json",
        f"{ada.pw_dir}/run/absent.json",
        f"{ada.pw_dir}/run",
    ):
        told = refused(ada, site, engine, "churn", path)
        assert "connection file" in told, path


@pytest.mark.parametrize("what", ["kernel.json", "its folder", "policy.json"])
def test_what_is_not_roots_alone_is_not_believed(
    ada: pwd.struct_passwd, site: Site, engine: Engine, what: str
) -> None:
    spec = site.kernel("mine", "python:3.11-slim")
    changed = {"kernel.json": spec, "its folder": spec.parent}.get(what, site.folder / what)
    before = changed.stat().st_mode
    for mode, owner in ((before | 0o020, 0), (before | 0o002, 0), (before, ada.pw_uid)):
        changed.chmod(mode)
        os.chown(changed, owner, 0)
        try:
            told = refused(ada, site, engine, "mine", str(connection_file(ada)))
        finally:
            changed.chmod(before)
            os.chown(changed, 0, 0)
        assert "is not a file that only root can change" in told


def test_a_work_folder_that_is_swapped_shows_nothing_that_is_closed(
    ada: pwd.struct_passwd, grace: pwd.struct_passwd, site: Site, engine: Engine
) -> None:
    secret = Path(grace.pw_dir, "work")
    secret.mkdir(exist_ok=True)
    secret.chmod(0o777)  # Open to all, behind a home that is not.
    work = Path(ada.pw_dir, "work")
    if work.exists():
        shutil.rmtree(work)
    for target in (secret, Path("/root/.cache"), Path("/var/lib/docker/volumes")):
        work.symlink_to(target)
        try:
            told = refused(ada, site, engine, "churn", str(connection_file(ada)))
        finally:
            work.unlink()
        assert "work" in told


def test_a_name_that_changes_all_the_time_never_mounts_what_is_closed(
    ada: pwd.struct_passwd, grace: pwd.struct_passwd, site: Site, churn: Kernel, engine: Engine
) -> None:
    secret = Path(grace.pw_dir, "work")
    secret.mkdir(exist_ok=True)
    (secret / "secret.txt").write_text("secret")
    work = Path(ada.pw_dir, "work")
    real = Path(ada.pw_dir, "real")
    for one in (real,):
        one.mkdir()
        os.chown(one, ada.pw_uid, ada.pw_gid)
    swap = f"while :; do ln -sfn {secret} {work}; ln -sfn {real} {work}; done"
    command = ["runuser", "-u", ADA, "--", "sh", "-c", swap]
    with subprocess.Popen(command, start_new_session=True) as swapping:
        try:
            for _ in range(int(os.environ.get("KERNELSPEC_SWAPS", "3"))):
                path = connection_file(ada, f"swap-{uuid.uuid4().hex[:8]}.json")
                seen = mounted(ada, site, engine, str(path))
                assert seen is None or "secret.txt" not in seen
        finally:
            os.killpg(swapping.pid, signal.SIGKILL)
    work.unlink()


def mounted(account: pwd.struct_passwd, site: Site, engine: Engine, path: str) -> list[str] | None:
    """What a container that was started sees in its work folder; None where none was."""
    words = [str(site.launcher), "churn", path]
    with subprocess.Popen(
        ["runuser", "-u", account.pw_name, "--", "sh", "-c", 'sudo -n "$@"; exit $?', "x", *words],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        cwd=account.pw_dir,
        start_new_session=True,
    ) as process:
        deadline, seen = time.monotonic() + 10, None
        while time.monotonic() < deadline:
            found = [one for one in owned(account.pw_name, engine) if one["State"]["Running"]]
            if found:
                inside = f"/home/{account.pw_name}/work"
                seen = engine.ask("exec", found[0]["Id"], "ls", "-a", inside).stdout.split()
                break
        os.killpg(process.pid, signal.SIGKILL)
    assert gone(account.pw_name, engine)
    return seen


PRIVATE = "mount --make-rprivate /"
READ_ONLY = "mount --bind /run /run && mount -o remount,bind,ro /run"


@pytest.mark.parametrize(
    ("apart", "why"),
    [
        (PRIVATE, "The engine does not see what root mounts for this kernel."),
        (f"{PRIVATE} && {READ_ONLY}", "Root cannot write to /run/kernelspec here: Read-only file"),
    ],
)
def test_a_server_that_is_kept_apart_from_the_machines_mounts_is_told_so(
    ada: pwd.struct_passwd, site: Site, engine: Engine, apart: str, why: str
) -> None:
    server = ["runuser", "-u", ADA, "--", "sh", "-c", 'sudo -n "$@"; exit $?', "server"]
    command = ["unshare", "--mount", "sh", "-c", f'{apart} && exec "$@"', "sh", *server]
    words = [str(site.launcher), "churn", str(connection_file(ada))]
    with subprocess.Popen(
        [*command, *words], stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as called:
        assert called.stderr is not None
        told = called.stderr.readline()
        os.killpg(called.pid, signal.SIGTERM)
    assert told.startswith(f"kernelspec-launch: {why}"), told
    assert "PrivateMounts" in told
    assert gone(ADA, engine)


def test_the_library_itself_must_be_isolated(ada: pwd.struct_passwd, site: Site) -> None:
    text = site.launcher.read_text()
    site.launcher.write_text(text.replace(" -I\n", "\n", 1))
    try:
        told = launch(ada, str(site.launcher), "churn", str(connection_file(ada)))
        assert told.returncode == 1
        assert "must begin with" in told.stderr
    finally:
        site.launcher.write_text(text)
