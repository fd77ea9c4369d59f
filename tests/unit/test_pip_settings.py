"""Each setting of pip that says something of the way to an index: obeyed, or refused in words."""

from __future__ import annotations

import base64
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from kernelspec_lib.delivery import environment as environments
from kernelspec_lib.delivery import secrets
from kernelspec_lib.errors import IndexUnreachable, UsageError
from kernelspec_lib.packages import settings, uv
from kernelspec_lib.packages.index import IndexConfig, configure, open_index, signed_in
from kernelspec_lib.packages.settings import unheeded
from kernelspec_lib.packages.target import Target
from kernelspec_lib.packages.transport import Patience
from kernelspec_lib.policy import Policy
from tests.package_index import Answer, serving, tree, wheel

INDEX = "https://index.example/simple"
NOTHING = {"PIP_CONFIG_FILE": "/dev/null"}
ALPHA = wheel("alpha", "1.0")


def of(**variables: str) -> IndexConfig:
    """What is in force for a user with *variables*, and no file."""
    return configure(INDEX, Policy(), NOTHING | variables)


def of_file(tmp_path: Path, text: str, **variables: str) -> IndexConfig:
    """What is in force for a user with a pip.conf that says *text*."""
    path = tmp_path / "pip.conf"
    path.write_text(text)
    return configure(None, Policy(), {"PIP_CONFIG_FILE": str(path), **variables})


def test_a_number_of_seconds_and_of_tries(tmp_path: Path) -> None:
    assert (of().timeout, of().retries) == (None, None)
    assert of(PIP_TIMEOUT="7").timeout == 7
    assert of(PIP_DEFAULT_TIMEOUT="7.5").timeout == 7.5
    assert of(PIP_RETRIES="0").retries == 0
    config = of_file(tmp_path, f"[global]\nindex-url={INDEX}\ntimeout = 9\nretries = 4\n")
    assert (config.timeout, config.retries) == (9, 4)


@pytest.mark.parametrize("told", ["soon", "-1", "1e9", "0x10", "9" * 99, "\u0663"])
def test_what_is_no_number_is_refused(told: str) -> None:
    with pytest.raises(UsageError, match="pip's setting timeout is no number"):
        of(PIP_TIMEOUT=told)


@pytest.mark.parametrize("told", ["1", "true", "Yes", "on"])
def test_no_index_is_refused_unless_one_is_named(told: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="pip is told to ask no index"):
        configure(None, Policy(), NOTHING | {"PIP_NO_INDEX": told, "PIP_INDEX_URL": INDEX})
    with pytest.raises(UsageError, match="pip is told to ask no index"):
        of_file(tmp_path, f"[install]\nno-index = {told}\n")
    assert of(PIP_NO_INDEX=told).url == INDEX
    named = configure(None, Policy(index_url=INDEX), NOTHING | {"PIP_NO_INDEX": told})
    assert named.url == INDEX
    assert configure(None, Policy(), NOTHING | {"PIP_NO_INDEX": "0", "PIP_INDEX_URL": INDEX})


@pytest.mark.parametrize("name", ["PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"])
def test_further_places_are_known_and_not_asked(name: str) -> None:
    config = of(**{name: "https://other.example/simple /srv/wheels"})
    assert config.extra_urls
    assert "other.example" not in repr(config)


def test_what_has_no_say_in_a_lock_is_known_by_name(tmp_path: Path) -> None:
    file = tmp_path / "pip.conf"
    file.write_text("[install]\nno-binary = numpy\n")
    told = {"PIP_CONSTRAINT": "/srv/constraints.txt", "PIP_PRE": "1", "PIP_CONFIG_FILE": str(file)}
    assert unheeded(NOTHING | told) == ["constraint", "pre", "no-binary"]
    assert unheeded(NOTHING | {"PIP_PRE": "no", "PIP_CONFIG_FILE": "/dev/null"}) == []


def test_a_proxy_of_pip_s_own_is_for_every_host(tmp_path: Path) -> None:
    config = of(PIP_PROXY="ada:pw@proxy.example:3128", NO_PROXY="index.example")
    assert set(config.proxies.values()) == {"http://ada:pw@proxy.example:3128"}
    assert config.no_proxy == ""
    told = of_file(tmp_path, f"[global]\nproxy = proxy.example:1\nindex-url = {INDEX}\n")
    assert set(told.proxies.values()) == {"http://proxy.example:1"}


@pytest.mark.parametrize(
    ("told", "trusted"),
    [
        ("index.example", True),
        ("other.example index.example", True),
        ("index.example:8443", False),
        ("example", False),
    ],
)
def test_trusted_hosts(told: str, trusted: bool) -> None:
    assert of(PIP_TRUSTED_HOST=told).trusted is trusted


def test_ca_bundles_in_the_order_of_pip(tmp_path: Path) -> None:
    names = ["PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"]
    variables = {name: f"/{name}" for name in names}
    for name in names:
        assert of(**variables).ca_bundle == f"/{name}"
        del variables[name]
    config = of_file(
        tmp_path, f"[global]\ncert=/conf\nindex-url={INDEX}\n", REQUESTS_CA_BUNDLE="/not"
    )
    assert config.ca_bundle == "/conf"
    assert of().ca_bundle is None


def test_uv_is_told_the_same_way(tmp_path: Path) -> None:
    def told(**variables: str) -> Mapping[str, str]:
        return settings.for_uv(of(**variables))

    assert told(PIP_CERT="/a.pem")["SSL_CERT_FILE"] == "/a.pem"
    assert told(SSL_CERT_DIR=str(tmp_path))["SSL_CERT_DIR"] == str(tmp_path)
    assert told(SSL_CERT_DIR="/a:/b")["SSL_CERT_DIR"] == "/a:/b"
    assert told(PIP_CLIENT_CERT="/me.pem")["SSL_CLIENT_CERT"] == "/me.pem"
    proxied = told(HTTPS_PROXY="socks5://proxy.example:1080", NO_PROXY="a.example")
    assert proxied["HTTPS_PROXY"] == "socks5://proxy.example:1080"
    assert proxied["NO_PROXY"] == "a.example"
    machine = replace(of(), system_ca="/etc/all.pem")
    assert settings.for_uv(machine)["SSL_CERT_FILE"] == "/etc/all.pem"


def test_ranges_that_need_no_proxy_are_told_to_uv_by_name() -> None:
    variables = NOTHING | {"HTTP_PROXY": "http://proxy.example:1", "NO_PROXY": "10.0.0.0/8"}
    inside = configure("http://10.1.2.3/simple", Policy(), variables)
    assert settings.for_uv(inside)["NO_PROXY"] == "10.0.0.0/8,10.1.2.3"
    outside = configure("http://192.0.2.1/simple", Policy(), variables)
    assert settings.for_uv(outside)["NO_PROXY"] == "10.0.0.0/8"


@pytest.mark.parametrize(
    ("glibc", "machine", "platform"),
    [
        ((2, 41), "x86_64", "x86_64-manylinux_2_40"),
        ((2, 36), "x86_64", "x86_64-manylinux_2_36"),
        ((2, 30), "x86_64", "x86_64-manylinux_2_28"),
        ((2, 31), "aarch64", "aarch64-manylinux_2_31"),
    ],
)
def test_uv_is_told_a_platform_that_it_knows(
    glibc: tuple[int, int], machine: str, platform: str
) -> None:
    target = Target(
        python_version="3.11", python_full_version="3.11.9", glibc=glibc, machine=machine
    )
    assert uv._platform(target) == platform


def test_sections_and_files_of_pip(tmp_path: Path) -> None:
    """Global ones of XDG's, the user's old and new, the environment's, the one that is named."""
    places = {
        "xdg": tmp_path / "xdg" / "pip" / "pip.conf",
        "old": tmp_path / "home" / ".pip" / "pip.conf",
        "new": tmp_path / "home" / ".config" / "pip" / "pip.conf",
        "venv": tmp_path / "venv" / "pip.conf",
        "named": tmp_path / "named.conf",
    }
    variables = {
        "HOME": str(tmp_path / "home"),
        "XDG_CONFIG_DIRS": f"/nowhere:{tmp_path / 'xdg'}",
        "VIRTUAL_ENV": str(tmp_path / "venv"),
    }

    def url(**more: str) -> str:
        return configure(None, Policy(), variables | more).url

    for name, path in places.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"[global]\nindex-url = https://{name}.example/simple\n")
        if name != "named":
            assert url() == f"https://{name}.example/simple"
    named = str(places["named"])
    assert url(PIP_CONFIG_FILE=named) == "https://named.example/simple"
    places["xdg"].write_text("[install]\nindex-url = https://install.example/simple\n")
    # [install] stands before [global], whichever file it is in.
    assert url(PIP_CONFIG_FILE=named) == "https://install.example/simple"
    assert url(PIP_INDEX_URL=INDEX) == INDEX
    # A section of a command that installs nothing has no say.
    places["xdg"].write_text("[list]\nindex-url = https://list.example/simple\n")
    assert url() == "https://venv.example/simple"


def test_the_file_of_the_running_environment_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://prefix.example/simple\n")
    assert configure(None, Policy(), {}).url == "https://prefix.example/simple"


def test_a_client_certificate_that_is_none_is_told(tmp_path: Path) -> None:
    garbage = tmp_path / "me.pem"
    garbage.write_text("no certificate")
    for path, cause in (("/nowhere.pem", "does not exist"), (str(garbage), "cannot be used")):
        with (
            open_index(of(PIP_CLIENT_CERT=path), Patience()) as index,
            pytest.raises(IndexUnreachable, match=f"the client certificate {cause}"),
        ):
            index.page("alpha")


# -- a login that only the keyring knows, for those who build and try


def test_build_and_try_have_the_keyring_s_login(tmp_path: Path) -> None:
    keyring = tmp_path / "keyring"
    keyring.write_text('#!/bin/sh\nprintf "ada\\ns3cr:et\\n"\n')
    keyring.chmod(0o700)
    inner, wanted = tree([ALPHA]), base64.b64encode(b"ada:s3cr:et").decode()

    def respond(path: str, headers: Mapping[str, str]) -> Answer:
        if headers.get("Authorization") != f"Basic {wanted}":
            return Answer(status=401)
        return inner(path, headers)

    with serving(respond) as server:
        config = configure(server.url, Policy(), NOTHING | {"PATH": f"{tmp_path}:/usr/bin:/bin"})
        assert config.login is None
        config = signed_in(config)
    assert config.login == ("ada", "s3cr:et")
    assert "//ada:s3cr%3Aet@127.0.0.1" in secrets.pip_conf(config)
    assert "//ada:s3cr%3Aet@127.0.0.1" in secrets.uv_toml(config)
    assert environments._index(config)["UV_INDEX_SITE_PASSWORD"] == "s3cr:et"
    assert uv._environment(config, {})["UV_INDEX_SITE_PASSWORD"] == "s3cr:et"


def test_a_keyring_is_not_asked_where_no_login_is_wanted(tmp_path: Path) -> None:
    keyring = tmp_path / "keyring"
    keyring.write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\n")
    keyring.chmod(0o700)
    with serving(tree([ALPHA])) as server:
        variables = NOTHING | {"PATH": f"{tmp_path}:/usr/bin:/bin"}
        assert signed_in(configure(server.url, Policy(), variables)).login is None
    # Nor does an index that is out of reach from here hinder a build that may reach it.
    assert signed_in(configure(server.url, Policy(), variables)).login is None
    assert not (tmp_path / "asked").exists()


def test_a_build_trusts_what_this_machine_trusts(tmp_path: Path) -> None:
    folder = tmp_path / "certificates"
    folder.mkdir()
    (folder / "site.pem").write_text("one\n")
    (folder / "0a1b2c3d.0").symlink_to("site.pem")
    (folder / "README").write_text("none")
    config = IndexConfig(url=INDEX, origin="", ca_bundle=str(folder))
    assert secrets.of(config)["ca_bundle"] == b"one\n"
    machine = IndexConfig(url=INDEX, origin="", system_ca=str(folder / "site.pem"))
    assert secrets.of(machine)["ca_bundle"] == b"one\n"
    known = IndexConfig(url=INDEX, origin="", client_cert=str(folder / "site.pem"))
    assert secrets.of(known)["client_cert"] == b"one\n"
    assert "client_cert" not in secrets.of(machine)
