"""Where the index is, who may ask it, and that nobody else hears of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from kernelspec_lib.errors import UsageError
from kernelspec_lib.packages import binaries, uv
from kernelspec_lib.packages.index import configure
from kernelspec_lib.packages.target import Target
from kernelspec_lib.policy import Policy
from tests.package_index import Answer, serving, tree, wheel

TOKEN = "tok3n4a1b2c3d4e5f6a7b8c9"
INDEX = "https://index.example/simple"
NOTHING = {"PIP_CONFIG_FILE": "/dev/null"}


def test_the_option_may_not_name_another_index_than_the_policy() -> None:
    policy = Policy(index_url=INDEX)
    with pytest.raises(UsageError, match="other_indexes"):
        configure("https://other.example/simple", policy, NOTHING)


@pytest.mark.parametrize(
    "same", ["https://ada:pw@index.example:443/simple/", "HTTPS://INDEX.example/simple"]
)
def test_the_option_may_name_the_policy_s_own_index(same: str) -> None:
    assert configure(same, Policy(index_url=INDEX), NOTHING).url == INDEX


def test_the_policy_is_over_what_the_environment_says() -> None:
    environment = NOTHING | {"PIP_INDEX_URL": "https://ada:pw@other.example/simple"}
    config = configure(None, Policy(index_url=INDEX), environment)
    assert (config.url, config.login) == (INDEX, None)


def test_the_environment_has_the_login_for_the_policy_s_index() -> None:
    environment = NOTHING | {"PIP_INDEX_URL": "https://ada:p%40w@index.example/simple/"}
    assert configure(None, Policy(index_url=INDEX), environment).login == ("ada", "p@w")


def test_sections_count_before_files(tmp_path: Path) -> None:
    for folder, text in (
        ("xdg", "[install]\nindex-url = https://a.example/s\n"),
        ("home/.config", "[global]\nindex-url = https://b.example/s\nproxy = proxy.example:3128\n"),
    ):
        (tmp_path / folder / "pip").mkdir(parents=True)
        (tmp_path / folder / "pip" / "pip.conf").write_text(text)
    environment = {
        "HOME": str(tmp_path / "home"),
        "XDG_CONFIG_DIRS": str(tmp_path / "xdg"),
        "NO_PROXY": "a.example",
    }
    config = configure(None, Policy(), environment)
    assert config.url == "https://a.example/s"
    assert config.proxies == dict.fromkeys(("http", "https"), "http://proxy.example:3128")
    assert config.no_proxy == ""


def test_an_empty_variable_in_small_letters_switches_the_proxy_off() -> None:
    environment = NOTHING | {"HTTPS_PROXY": "http://proxy.example", "https_proxy": ""}
    assert configure(INDEX, Policy(), environment).proxies == {}


_SECRET = st.text("abcdefXYZ0123456789-._~!@:/%", min_size=12, max_size=30)


@given(password=_SECRET)
def test_no_password_passes_through(password: str) -> None:
    from urllib.parse import quote

    quoted = quote(password, safe="")
    config = configure(f"https://ada:{quoted}@index.example/{TOKEN}/simple", Policy(), NOTHING)
    assert config.password == password
    told = config.hidden(
        f"error: {config.url}/x/ https://ada:{quoted}@index.example/y?sig=qu3ry {password} {quoted}"
        f" https://index.example/{TOKEN}/files"
    )
    for secret in (password, quoted, TOKEN, "qu3ry"):
        assert secret not in told
    assert password not in repr(config)
    assert TOKEN not in repr(config) + config.shown


@pytest.mark.parametrize("sick", [False, True])
def test_uv_s_argv_and_words_hold_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sick: bool
) -> None:
    inner = tree([wheel("alpha", "1.0")])

    def respond(path: str, headers: Mapping[str, str]) -> Answer:
        return Answer(status=500) if sick else inner(path.replace(f"/{TOKEN}", ""), headers)

    log = tmp_path / "argv"
    fake = tmp_path / "uv"
    fake.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" >{log}\n'
        f'while [ "$1" != --config-file ]; do shift; done\nstat -c %a "$2" >{log}.mode\n'
        f'set --; while read -r one; do set -- "$@" "$one"; done <{log}\n'
        f'exec {binaries.find(os.environ)} "$@"\n'
    )
    fake.chmod(0o700)
    monkeypatch.setattr(binaries, "find", lambda _: str(fake))
    with serving(respond) as server:
        url = server.url.replace("http://", "http://ada:s3cret-Pa55@")
        config = configure(url.replace("/simple", f"/{TOKEN}/simple"), Policy(), NOTHING)
        wanted = [Requirement("alpha")]
        target = Target(python_version="3.11", python_full_version="3.11.14")
        answer = uv.ask(wanted, config, target, {"PATH": os.environ["PATH"]}, None).answer()
    assert isinstance(answer, uv.Refused if sick else uv.Compiled), answer
    said = log.read_text() + repr(answer)
    assert "--config-file" in said
    assert TOKEN not in said
    assert "s3cret" not in said
    assert int(Path(f"{log}.mode").read_text(), 8) == stat.S_IRUSR | stat.S_IWUSR


@pytest.mark.parametrize(
    ("path", "places"),
    [
        ("simple", [INDEX, "index.example"]),
        (f"{TOKEN}/simple", ["index.example"]),
    ],
)
def test_the_keyring_s_argv_holds_no_token(path: str, places: list[str]) -> None:
    config = configure(f"https://ada@index.example/{path}", Policy(), NOTHING)
    assert config.keyring is not None
    assert (config.keyring.places, config.keyring.username) == (places, "ada")


def test_a_keyring_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    config = configure(INDEX, Policy(), NOTHING | {"PATH": str(tmp_path)})
    assert config.keyring is not None
    assert config.keyring.ask() is None
    assert config.login is None
