"""`kernelspec resolve` as its user runs it, through a real proxy, a real index and a private CA."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from packaging.version import Version

from kernelspec_lib.packages import wire
from tests.catalogue import CATALOGUE
from tests.index import socks
from tests.index.parts import LOGIN, TOKEN, Proxy, Site, bare_environment, site
from tests.package_index import JSON_TYPE, Answer, always_json, sdist, serving, tree, wheel

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def resolve(tmp_path: Path) -> Run:
    """Runs `kernelspec resolve` on a kernel with *libs*, and none of this machine's settings."""

    def run(url: str | None, *libs: str, policy: str = "{}", **variables: str) -> object:
        kernel = tmp_path / "kernel"
        kernel.mkdir()
        wanted = {"kernel_name": "churn", "python_version": "3.11", "libs": ["ipykernel", *libs]}
        (kernel / "requirements.json").write_text(json.dumps(wanted))
        (tmp_path / "policy.json").write_text(policy)
        command = [sys.executable, "-m", "kernelspec_lib", "resolve", str(kernel)]
        command += ["--policy", str(tmp_path / "policy.json")]
        command += ["--index-url", url] if url else []
        environment = bare_environment(tmp_path / "home", TMPDIR=str(tmp_path), **variables)
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
        lock = kernel / "requirements.lock"
        assert lock.exists() == (done.returncode == 0), done.stderr
        said = done.stdout + done.stderr + (lock.read_text() if lock.exists() else "")
        for secret in (LOGIN[1], TOKEN):
            assert secret not in said
        return done

    return run  # type: ignore[return-value]


def is_out_of_reach(done: subprocess.CompletedProcess[str], cause: str) -> None:
    assert done.returncode == 3, done.stdout + done.stderr
    assert cause in done.stderr
    assert "KS3" not in done.stdout
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


@pytest.mark.parametrize("place", ["simple", "html", f"{TOKEN}/simple"])
def test_nginx_as_an_index(site: Site, resolve: Run, place: str) -> None:
    done = resolve(site.url(place), "alpha")
    assert done.returncode == 0, done.stderr


def test_devpi_as_an_index(devpi: str, resolve: Run) -> None:
    done = resolve(devpi, "alpha", "modern", "source-only")
    assert done.returncode == 0, done.stderr
    assert "KS305 source-only 1.0 has no wheel" in done.stdout.replace("warning ", "")


def test_devpi_blames_each_bad_pin(devpi: str, resolve: Run) -> None:
    done = resolve(devpi, "alpha==9", "sklearn", "modern==2.0", "windows-only")
    assert done.returncode == 1, done.stderr
    for told in (
        "KS301 alpha==9",
        'KS302 the index has no library named "sklearn"',
        "KS303",
        "KS304",
    ):
        assert told in done.stdout


def test_devpi_s_html_says_the_same_as_its_json(devpi: str) -> None:
    def read(accept: str) -> requests.Response:
        return requests.get(f"{devpi}/modern/", headers={"Accept": accept}, timeout=60)

    by_json, by_html = read(JSON_TYPE), read("text/html")
    assert by_json.headers["Content-Type"].startswith(JSON_TYPE)
    assert by_html.headers["Content-Type"].startswith("text/html")
    url = by_json.url
    one = wire.from_json("modern", by_json.content, url)
    other = wire.from_html("modern", by_html.content, url)
    assert set(one.releases) == set(other.releases) == {Version("1.0"), Version("2.0")}
    for version in one.releases:
        assert one.of(version) == other.of(version)


HEAVY = [
    replace(wheel("heavy", "2.0", requires=["common>=2"], code="#" * 17_000_000), beside=False),
    sdist("heavy", "2.0", requires=["common>=2"]),
    sdist("heavy", "1.0", requires=["common<2"]),
    wheel("holding", "1.0", requires=["common<2"]),
]
"""Without its metadata, the large wheel of heavy would seem to stand beside holding."""


def test_a_large_wheel_is_read_at_its_end(resolve: Run, tmp_path: Path) -> None:
    with site([*CATALOGUE, *HEAVY], tmp_path) as running:
        done = resolve(running.url(), "heavy", "holding")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "heavy==1.0" in (tmp_path / "kernel" / "requirements.lock").read_text()


def test_a_large_wheel_whose_server_sends_no_parts_is_not_called_good(
    resolve: Run, tmp_path: Path
) -> None:
    with site([*CATALOGUE, *HEAVY], tmp_path, "max_ranges 0;") as running:
        is_out_of_reach(resolve(running.url(), "heavy", "holding"), "what heavy 2.0 needs")


@pytest.mark.parametrize("by", ["url", "variable", "netrc", "uv", "keyring"])
def test_an_index_with_a_login(site: Site, resolve: Run, tmp_path: Path, by: str) -> None:
    user, password = LOGIN
    url, variables = site.url("closed/simple"), {}
    policy = json.dumps({"index_url": url})
    home = tmp_path / "home"
    home.mkdir()
    if by == "url":
        url = site.url("closed/simple", login=f"{user}:{password}@")
    elif by == "variable":
        variables["PIP_INDEX_URL"] = site.url("closed/simple", login=f"{user}:{password}@")
    elif by == "netrc":
        (home / ".netrc").write_text(f"machine 127.0.0.1 login {user} password {password}\n")
    elif by == "uv":
        variables |= {"UV_DEFAULT_INDEX": f"my-site={url}", "UV_INDEX_MY_SITE_USERNAME": user}
        variables["UV_INDEX_MY_SITE_PASSWORD"] = password
    else:
        keyring = home / "keyring"
        keyring.write_text(f'#!/bin/sh\n[ "$4" = "{url}" ] && printf "{user}\\n{password}\\n"\n')
        keyring.chmod(0o700)
        variables["PATH"] = f"{home}:{bare_environment(home)['PATH']}"
    done = resolve(url if by == "url" else None, "alpha", policy=policy, **variables)
    assert done.returncode == 0, done.stderr


def test_an_index_that_wants_a_login(site: Site, resolve: Run) -> None:
    is_out_of_reach(resolve(site.url("closed/simple"), "alpha"), "it wants a login (401)")


def test_a_login_that_is_wrong(site: Site, resolve: Run) -> None:
    url = site.url("closed/simple", login="ada:s3cret-wr0ng@")
    done = resolve(url, "alpha")
    is_out_of_reach(done, "it refuses this login (401)")
    assert "wr0ng" not in done.stderr


def test_squid_is_the_only_way_out(site: Site, proxy: Proxy, resolve: Run) -> None:
    done = resolve(site.url(host="index.test"), "alpha", HTTP_PROXY=proxy.url)
    assert done.returncode == 0, done.stderr


def test_squid_with_a_login_and_tls(site: Site, proxy: Proxy, resolve: Run) -> None:
    done = resolve(
        site.tls_url("index.test"), "alpha", ALL_PROXY=proxy.with_login(), PIP_CERT=str(site.ca)
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_squid_wants_a_login(site: Site, proxy: Proxy, resolve: Run, scheme: str) -> None:
    url = site.url(host="index.test") if scheme == "http" else site.tls_url("index.test")
    done = resolve(url, "alpha", ALL_PROXY=proxy.login_url)
    is_out_of_reach(done, "407")
    assert "the proxy" in done.stderr


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_squid_forbids(proxy: Proxy, resolve: Run, scheme: str) -> None:
    done = resolve(f"{scheme}://other.test/simple", "alpha", ALL_PROXY=proxy.url)
    # Of a tunnel nothing is told but the number.
    told = {"http": "the proxy forbids the way to it", "https": "the proxy refuses with status 403"}
    is_out_of_reach(done, told[scheme])


def test_without_the_proxy_the_host_is_not_known(site: Site, resolve: Run) -> None:
    is_out_of_reach(resolve(site.url(host="index.test"), "alpha"), "its host is not known")


@pytest.mark.parametrize("by", ["PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "pip.conf"])
def test_a_private_ca_that_is_known(site: Site, resolve: Run, tmp_path: Path, by: str) -> None:
    variables = {by: str(site.ca)}
    if by == "pip.conf":
        conf = tmp_path / "pip.conf"
        conf.write_text(f"[global]\ncert = {site.ca}\n")
        variables = {"PIP_CONFIG_FILE": str(conf)}
    done = resolve(site.tls_url(), "alpha", **variables)
    assert done.returncode == 0, done.stderr


def test_a_private_ca_that_is_unknown(site: Site, resolve: Run) -> None:
    is_out_of_reach(resolve(site.tls_url(), "alpha"), "its certificate is not trusted here")


def test_a_certificate_of_another_host(site: Site, resolve: Run) -> None:
    done = resolve(site.tls_url("127.0.0.2"), "alpha", PIP_CERT=str(site.ca))
    is_out_of_reach(done, "its certificate is for another host")


def test_a_certificate_of_years_ago(site: Site, resolve: Run) -> None:
    url = f"https://localhost:{site.expired_port}/simple"
    is_out_of_reach(resolve(url, "alpha", PIP_CERT=str(site.ca)), "its certificate has expired")


def test_https_where_the_index_speaks_http(site: Site, resolve: Run) -> None:
    url = f"https://localhost:{site.port}/simple"
    is_out_of_reach(resolve(url, "alpha"), "it does not speak TLS")


def test_an_index_that_wants_a_certificate_of_who_asks(site: Site, resolve: Run) -> None:
    url = f"https://localhost:{site.mutual_port}/simple"
    variables = {"PIP_CERT": str(site.ca), "PIP_CLIENT_CERT": str(site.client_cert)}
    done = resolve(url, "alpha", **variables)
    assert done.returncode == 0, done.stderr


def test_without_that_certificate_the_index_refuses(site: Site, resolve: Run) -> None:
    url = f"https://localhost:{site.mutual_port}/simple"
    is_out_of_reach(resolve(url, "alpha", PIP_CERT=str(site.ca)), "status 400")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_socks(site: Site, resolve: Run, scheme: str) -> None:
    url = site.url(host="index.test") if scheme == "http" else site.tls_url("index.test")
    with socks.serving({"index.test": "127.0.0.1"}) as proxy:
        done = resolve(url, "alpha", ALL_PROXY=proxy, PIP_CERT=str(site.ca))
    assert done.returncode == 0, done.stderr


def test_a_policy_that_names_one_index_refuses_another(site: Site, resolve: Run) -> None:
    policy = json.dumps({"index_url": site.url()})
    done = resolve(site.url("html"), "alpha", policy=policy)
    assert done.returncode == 2
    assert "--index-url names another package index than the site policy" in done.stderr


LONELY = [wheel("ipykernel", "7.4.0"), wheel("alpha", "1.0")]


def test_one_sick_page_hides_no_other(resolve: Run) -> None:
    inner = tree(LONELY)

    def respond(path: str, headers: object) -> Answer:
        return Answer(status=403) if path == "/simple/beta/" else inner(path, headers)  # type: ignore[arg-type]

    with serving(respond) as server:
        done = resolve(server.url, "alpha==9", "beta")
    assert done.returncode == 1
    assert "KS301" in done.stdout
    assert "not checked: beta" in done.stderr


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        pytest.param(Answer(status=403), "forbids the access (403)", id="403"),
        pytest.param(
            Answer(status=429, headers={"Retry-After": "3600"}), "asked too often", id="429"
        ),
        pytest.param(
            Answer(status=503, headers={"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"}),
            "status 503",
            id="503 until a day",
        ),
        pytest.param(always_json(b'{"files": [{"filename":'), "breaks off", id="half"),
        pytest.param(always_json(b"[" * 100_000), "breaks off", id="deep"),
        pytest.param(always_json(b"NaN"), "without a list of files", id="NaN"),
        pytest.param(always_json(b"[]"), "without a list of files", id="list"),
        pytest.param(always_json(b'{"files": {}}'), "without a list of files", id="object"),
        pytest.param(
            Answer(headers={"Location": "http://[/"}, status=302), "no web page", id="bad redirect"
        ),
        pytest.param(
            Answer(headers={"Content-Type": "text/html"}, body=b"<form>Sign in</form>"),
            "login page",
            id="login page",
        ),
    ],
)
def test_fault_is_never_the_user_s(resolve: Run, answer: Answer, cause: str) -> None:
    with serving(lambda *_: answer) as server:
        done = resolve(server.url, "alpha")
    is_out_of_reach(done, cause)
