"""How ssh is called, and what its words mean."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kernelspec_lib.delivery import connection
from kernelspec_lib.delivery.connection import Here, Ssh
from kernelspec_lib.errors import HubFailed, UsageError


def test_the_command_is_always_the_same(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.touch()
    argv = Ssh(host="deploy@hub.example", identity=str(key)).argv()
    assert argv[-3:] == ("--", "deploy@hub.example", connection.REMOTE)
    assert {"-oBatchMode=yes", "-oStrictHostKeyChecking=yes", f"-i{key}"} <= set(argv)
    assert not [word for word in argv if "UserKnownHostsFile" in word]


def test_a_file_of_known_hosts_stays_one_word(tmp_path: Path) -> None:
    path = tmp_path / "my 100% known hosts"
    path.touch()
    argv = Ssh(host="hub", known_hosts=str(path)).argv()
    assert f'-oUserKnownHostsFile="{tmp_path}/my 100%% known hosts"' in argv
    odd = tmp_path / 'a"b'
    odd.touch()
    with pytest.raises(UsageError, match="ssh cannot take the name"):
        Ssh(host="hub", known_hosts=str(odd)).argv()


@pytest.mark.parametrize("host", ["-oProxyCommand=x", "a b", "", "x@-y", "hub;id", "hub\n", "a@b@"])
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(UsageError, match="is no host"):
        Ssh(host=host).argv()


@pytest.mark.parametrize("name", ["identity", "known_hosts", "config"])
def test_a_file_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r'"/nowhere" does not exist'):
        Ssh(host="hub", **{name: "/nowhere"}).argv()


@pytest.mark.parametrize(
    ("code", "said", "told"),
    [
        (127, "bash: line 1: python3: command not found", "it has no python3"),
        (1, "kernelspec: the hub's Python is 3.6.8", "its python3 is 3.6.8; 3.8 or newer"),
        (255, "Host key verification failed.", "its host key is not in known_hosts"),
        (255, "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @", "it is another machine"),
        (255, "deploy@hub: Permission denied (publickey).", "it does not let us in"),
        (255, "Permissions 0644 for 'k' are too open.\nWARNING: UNPROTECTED PRIVATE KEY", "chmod"),
        (255, 'Load key "k": error in libcrypto', "ssh cannot read the key"),
        (255, "ssh: Could not resolve hostname hub", "ssh cannot reach it"),
        (255, "", "ssh ended with exit 255 and said nothing"),
        (1, "Traceback\nMemoryError", "the connection ended: MemoryError"),
    ],
)
def test_what_ssh_says_is_told_with_what_to_do(code: int, said: str, told: str) -> None:
    error = connection._explained("hub", code, said)
    assert told in str(error)
    assert error.exit_code == 3


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("docker cannot pull x: no basic auth credentials", "docker login"),
        ("docker cannot pull x: manifest unknown", "kernelspec build --push"),
        ("docker cannot pull x: dial tcp: i/o timeout", "does not reach the registry"),
        ("cannot write /x: No space left on device", "make room there"),
        ("cannot write /x: Permission denied", "see who may write there"),
        ("docker image inspect failed: Cannot connect to the Docker daemon", "systemctl start"),
    ],
)
def test_what_the_hub_refuses_is_told_with_what_to_do(said: str, told: str) -> None:
    error = connection._refused("hub", said, usage=False)
    assert isinstance(error, HubFailed)
    assert told in error.remedy


def test_one_line_of_python_is_the_whole_program(tmp_path: Path) -> None:
    """In a process that has nothing of this library, as on the hub."""
    text = connection.program()
    assert text.count(b"\n") == 1
    ask = b'{"do": "who", "logins": {"root": ["root"], "no": ["no.such.user"]}}\n'
    code = connection.REMOTE.partition('-c "')[2].removesuffix('"')
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        input=text + ask,
        capture_output=True,
        cwd=tmp_path,
        check=True,
    )
    ready, answer = done.stdout.decode().splitlines()
    assert ready == "kernelspec: the hub listens"
    root = {"name": "root", "uid": 0, "gid": 0, "home": "/root"}
    assert answer == '{"done": {"root": ' + str(root).replace("'", '"') + ', "no": null}}'


def test_here_is_asked_the_same() -> None:
    here = Here(told=print)
    assert here.ask("who", logins={"root": ["root"]})["root"]["uid"] == 0
    with pytest.raises(HubFailed, match=r"this machine: there is no no-such-engine, and"):
        here.ask("image", engine="no-such-engine", reference="x", pull=False)
