"""Who docker is logged in as, where an image lies, and how a registry's challenge is answered."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import requests

from kernelspec_lib.delivery import registry
from kernelspec_lib.delivery.registry import Login, Registry, RegistryUnreachable

HOST = "registry.example:5000"
DIGEST = "sha256:" + "0" * 64


def docker_config(folder: Path, **value: Any) -> dict[str, str]:
    """The environment of a docker whose config.json says *value*."""
    (folder / "config.json").write_text(json.dumps(value))
    return {"DOCKER_CONFIG": str(folder), "PATH": str(folder)}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        (f"{HOST}/a/b:1", (HOST, "a/b", "1")),
        (f"{HOST}/b", (HOST, "b", "latest")),
        (f"{HOST}/b@{DIGEST}", (HOST, "b", DIGEST)),
        (f"{HOST}/b:1@{DIGEST}", (HOST, "b", DIGEST)),
        ("localhost/b:1", ("localhost", "b", "1")),
        ("ada_churn:latest", None),
        ("team/ada_churn", None),
    ],
)
def test_where_an_image_lies(reference: str, found: tuple[str, str, str] | None) -> None:
    assert registry.parts(reference) == found


def test_the_login_is_dockers(tmp_path: Path) -> None:
    environment = docker_config(tmp_path, auths={HOST: {"auth": encoded("ada:pass:word")}})
    assert registry.login(HOST, environment) == Login(name="ada", password="pass:word")
    assert registry.login("other.example", environment) == Login()


@pytest.mark.parametrize("value", [{}, {"auths": {HOST: {}}}, {"auths": {HOST: {"auth": "?"}}}])
def test_no_login_is_nobodys(tmp_path: Path, value: dict[str, Any]) -> None:
    assert registry.login(HOST, docker_config(tmp_path, **value)) == Login()
    (tmp_path / "config.json").write_text("[")
    assert registry.login(HOST, {"DOCKER_CONFIG": str(tmp_path)}) == Login()


def test_a_credential_helper_is_asked(tmp_path: Path) -> None:
    helper = tmp_path / "docker-credential-safe"
    helper.write_text(
        '#!/bin/sh\nread host\n[ "$1 $host" = "get ' + HOST + '" ] || exit 1\n'
        'echo \'{"Username": "ada", "Secret": "s"}\'\n'
    )
    helper.chmod(0o755)
    environment = docker_config(tmp_path, credHelpers={HOST: "safe"})
    assert registry.login(HOST, environment) == Login(name="ada", password="s")
    environment = docker_config(tmp_path, credsStore="safe")
    assert registry.login("other.example", environment) == Login()
    assert registry.login(HOST, docker_config(tmp_path, credsStore="missing")) == Login()


def answer(status: int, headers: dict[str, str] | None = None, body: Any = None) -> Any:
    made = requests.Response()
    made.status_code = status
    made.headers.update(headers or {})
    made._content = json.dumps(body).encode()
    return made


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str | None]]:
    """What a registry with tokens was asked: url, and what the request was signed with."""
    seen: list[tuple[str, str | None]] = []
    challenge = 'Bearer realm="https://auth.example/token",service="reg",scope="repository:a:pull"'

    def send(adapter: object, request: Any, **more: Any) -> Any:
        signed = request.headers.get("Authorization")
        seen.append((request.url, signed))
        if request.url.startswith("https://auth.example/"):
            return answer(200, body={"token": "t0ken"})
        if signed != "Bearer t0ken":
            return answer(401, {"WWW-Authenticate": challenge})
        return answer(200, {"Docker-Content-Digest": DIGEST})

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)
    return seen


def test_a_registry_that_gives_tokens(tmp_path: Path, asked: list[tuple[str, str | None]]) -> None:
    environment = docker_config(tmp_path, auths={HOST: {"auth": encoded("ada:s")}})
    there = Registry(HOST, environment)
    assert there.digest("a", "latest") == DIGEST
    assert there.digest("a", "1") == DIGEST
    token = "https://auth.example/token?service=reg&scope=repository%3Aa%3Apull"
    assert asked == [
        (f"https://{HOST}/v2/a/manifests/latest", None),
        (token, f"Basic {encoded('ada:s')}"),
        (f"https://{HOST}/v2/a/manifests/latest", "Bearer t0ken"),
        # The token is kept.
        (f"https://{HOST}/v2/a/manifests/1", "Bearer t0ken"),
    ]


def test_a_way_that_breaks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def send(adapter: object, request: Any, **more: Any) -> Any:
        raise requests.ConnectionError("refused")

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)
    with pytest.raises(RegistryUnreachable, match=f"cannot use the registry {HOST}: refused"):
        Registry(HOST, docker_config(tmp_path)).digest("a", "latest")


@pytest.mark.parametrize(("status", "told"), [(401, "wants a login"), (500, "answered 500")])
def test_what_is_no_answer_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, told: str
) -> None:
    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", lambda *_, **__: answer(status))
    with pytest.raises(RegistryUnreachable, match=told):
        Registry(HOST, docker_config(tmp_path)).digest("a", "latest")
