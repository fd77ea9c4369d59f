"""An image registry, asked over its HTTP API.

Source: "HTTP API v2" of the distribution project; docker's own files for logins and certificates.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from kernelspec_lib.errors import KernelspecError
from kernelspec_lib.kernels.identity import registry_of

if TYPE_CHECKING:
    import requests

MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
)
"""All of them are accepted: else the registry converts, and tells the digest of something else."""

THREADS = 16
"""How many may use one Registry at a time."""

_CERTIFICATES = Path("/etc/docker/certs.d")
_LOOPBACK = re.compile(r"(localhost|127(\.[0-9]+){3})(:[0-9]+)?")
_TIMEOUT = 15.0
_PLAIN = "/:?=&%+,@~"
"""What addresses of a registry have, besides letters, digits, dots, hyphens and underscores."""
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


class RegistryUnreachable(KernelspecError):
    """The registry did not answer, or not as a registry does."""

    def __init__(self, host: str, reason: str, remedy: str = "") -> None:
        super().__init__(host, reason, remedy)
        self.host, self.reason, self.remedy = host, reason, remedy

    def __str__(self) -> str:
        told = f"cannot use the registry {self.host}: {self.reason}"
        return f"{told}; {self.remedy}" if self.remedy else told


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A user name and a password; both empty for nobody."""

    name: str = ""
    password: str = ""


class Registry:
    """The registry *host*, as docker on this machine would reach it."""

    def __init__(self, host: str, environment: Mapping[str, str]) -> None:
        import requests

        self.host, self._environment = host, environment
        self._session = requests.Session()
        # Pruning looks at many tags at once.
        self._session.mount("https://", requests.adapters.HTTPAdapter(pool_maxsize=THREADS))
        # A proxy for the world outside must not be asked for this machine.
        self._session.trust_env = not _LOOPBACK.fullmatch(host)
        own = _CERTIFICATES / host / "ca.crt"
        self._verify: str | bool = str(own) if own.is_file() else True
        self._scheme = "https"
        self._login: Login | None = None
        self._tokens: dict[str, str] = {}
        self._asked: dict[object, requests.PreparedRequest] = {}
        self._way: Mapping[str, Any] = {}

    def digest(self, repository: str, reference: str) -> str | None:
        """The digest of *reference* (a tag or a digest) of *repository*; None: it is not there.

        Raises RegistryUnreachable.
        """
        path = f"/v2/{repository}/manifests/{reference}"
        answer = self.request("HEAD", path, repository, {"Accept": ", ".join(MANIFESTS)})
        if answer.status_code == 404:
            return None
        if answer.status_code != 200:
            raise RegistryUnreachable(self.host, f"it answered {answer.status_code} to HEAD {path}")
        return answer.headers.get("Docker-Content-Digest")

    def labels(self, repository: str, reference: str) -> Mapping[str, str] | None:
        """The labels of the image *reference* (a tag or a digest) of *repository*; None: none such.

        Of an index of several platforms, those of its first image. Raises RegistryUnreachable.
        """
        manifest = self.manifest(repository, reference)
        if manifest is None:
            return None
        value = self.parsed(manifest.content)
        if children := value.get("manifests"):
            return self.labels(repository, str(children[0]["digest"]))
        own = self.config(repository, value).get("config") or {}
        found: Mapping[str, str] = own.get("Labels") or {}
        return found

    def config(self, repository: str, manifest: Mapping[str, Any]) -> Mapping[str, Any]:
        """The configuration of the image that *manifest* describes. Raises RegistryUnreachable."""
        digest = (manifest.get("config") or {}).get("digest", "")
        blob = self.request("GET", f"/v2/{repository}/blobs/{digest}", repository, {})
        if blob.status_code != 200:
            raise RegistryUnreachable(
                self.host, f"it answered {blob.status_code} for the configuration of an image"
            )
        return self.parsed(blob.content)

    def delete(self, repository: str, digest: str) -> bool:
        """Delete the manifest *digest* with all its tags; whether it was there.

        Raises RegistryUnreachable.
        """
        answer = self.request("DELETE", f"/v2/{repository}/manifests/{digest}", repository, {})
        if answer.status_code == 405:
            remedy = "set REGISTRY_STORAGE_DELETE_ENABLED=true where it runs"
            raise RegistryUnreachable(self.host, "it does not let anybody delete", remedy)
        if answer.status_code not in (200, 202, 404):
            raise RegistryUnreachable(
                self.host,
                f"it answered {answer.status_code} to the deletion of {repository}@{digest}",
            )
        return answer.status_code != 404

    def tag(self, repository: str, digest: str, tag: str) -> None:
        """Let *tag* stand for the image *digest*, in one step. Raises RegistryUnreachable."""
        manifest = self.manifest(repository, digest)
        if manifest is None:
            raise RegistryUnreachable(self.host, f"{repository}@{digest} is no longer there")
        answer = self.request(
            "PUT",
            f"/v2/{repository}/manifests/{tag}",
            repository,
            {"Content-Type": manifest.headers.get("Content-Type", "")},
            manifest.content,
        )
        if answer.status_code not in (200, 201, 202):
            raise RegistryUnreachable(
                self.host, f"it answered {answer.status_code} when {repository}:{tag} was set"
            )

    def manifest(self, repository: str, reference: str) -> requests.Response | None:
        """The manifest *reference*; None: none such. Raises RegistryUnreachable."""
        path = f"/v2/{repository}/manifests/{reference}"
        answer = self.request("GET", path, repository, {"Accept": ", ".join(MANIFESTS)})
        if answer.status_code == 404:
            return None
        if answer.status_code != 200:
            raise RegistryUnreachable(self.host, f"it answered {answer.status_code} to GET {path}")
        return answer

    def parsed(self, content: bytes) -> Mapping[str, Any]:
        """The object of *content*. Raises RegistryUnreachable."""
        try:
            value = json.loads(content)
        except ValueError as error:
            raise RegistryUnreachable(self.host, "it answered with something else") from error
        if not isinstance(value, dict):
            raise RegistryUnreachable(self.host, "it answered with something else")
        return value

    def request(
        self,
        method: str,
        path: str,
        repository: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> requests.Response:
        """The answer to one request, as who docker is logged in as. Raises RegistryUnreachable."""
        answer = self._send(method, path, headers, self._tokens.get(repository), body)
        challenge = answer.headers.get("WWW-Authenticate", "")
        if answer.status_code == 401 and challenge:
            self._tokens[repository] = self._authorization(challenge)
            answer = self._send(method, path, headers, self._tokens[repository], body)
        if answer.status_code in (401, 403):
            raise RegistryUnreachable(
                self.host,
                "it wants a login" if not self._credentials().name else "it refuses the login",
                f"`docker login {self.host}`",
            )
        return answer

    def _send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        authorization: str | None,
        body: bytes | None,
    ) -> requests.Response:
        import requests

        url = f"{self._scheme}://{self.host}{quote(path, safe=_PLAIN)}"
        try:
            prepared = self._prepared(method, url, headers, authorization, body)
            # Proxy and CA as the environment has them: all addresses are of one host.
            self._way = self._way or self._session.merge_environment_settings(
                url, {}, None, self._verify, None
            )
            # What a session does besides, for redirects and cookies, takes as long as all the rest.
            adapter, way = self._session.get_adapter(url), self._way
            answer = adapter.send(prepared, timeout=_TIMEOUT, **way)
            if answer.is_redirect:
                answer.close()
                answer = self._session.send(prepared, timeout=_TIMEOUT, **way)
            answer.content  # noqa: B018 - read, so that its connection serves again
            return answer
        except requests.exceptions.SSLError as error:
            if self._may_be_plain():
                self._scheme = "http"
                return self._send(method, path, headers, authorization, body)
            remedy = f"put its CA into {_CERTIFICATES}/{self.host}/ca.crt, as for docker"
            raise RegistryUnreachable(self.host, _reason(error), remedy) from error
        except requests.RequestException as error:
            raise RegistryUnreachable(self.host, _reason(error)) from error

    def _prepared(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        authorization: str | None,
        body: bytes | None,
    ) -> requests.PreparedRequest:
        """One request. Thousands differ in their address alone, and are prepared once."""
        import requests

        def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
            # Without this, requests takes what a netrc file says.
            if authorization:
                request.headers["Authorization"] = authorization
            return request

        key = (method, authorization, *headers.items())
        if body is None and key in self._asked:
            prepared = self._asked[key].copy()
            prepared.url = url
            return prepared
        wanted = requests.Request(method, url, headers=dict(headers), data=body, auth=sign)
        prepared = self._session.prepare_request(wanted)
        if body is None:
            self._asked[key] = prepared
        return prepared

    def _may_be_plain(self) -> bool:
        """Whether docker would do without TLS as well: for this machine's own registries only."""
        return self._scheme == "https" and self._verify is True and not self._session.trust_env

    def _authorization(self, challenge: str) -> str:
        """What answers *challenge*. Source: RFC 7235; "Token Authentication" of the registry."""
        login = self._credentials()
        basic = base64.b64encode(f"{login.name}:{login.password}".encode()).decode()
        if not challenge.lower().startswith("bearer "):
            return f"Basic {basic}" if login.name else ""
        said = dict(_CHALLENGE.findall(challenge))
        return f"Bearer {self._token(said, f'Basic {basic}' if login.name else None)}"

    def _token(self, said: Mapping[str, str], authorization: str | None) -> str:
        import requests

        try:
            answer = self._session.get(
                said.get("realm", ""),
                params={key: said[key] for key in ("service", "scope") if key in said},
                headers={"Authorization": authorization} if authorization else {},
                auth=lambda request: request,
                timeout=_TIMEOUT,
                verify=self._verify,
            )
            value: Any = answer.json()
            return str(value.get("token") or value["access_token"])
        except (requests.RequestException, ValueError, LookupError, AttributeError) as error:
            raise RegistryUnreachable(self.host, f"it gives no token: {_reason(error)}") from error

    def _credentials(self) -> Login:
        if self._login is None:
            self._login = login(self.host, self._environment)
        return self._login


def parts(reference: str) -> tuple[str, str, str] | None:
    """Host, repository and tag or digest of an image reference; None where it names no host."""
    host = registry_of(reference)
    if host is None:
        return None
    name, _, digest = reference.removeprefix(f"{host}/").partition("@")
    bare, colon, tag = name.rpartition(":")
    return host, bare if colon else name, digest or (tag if colon else "latest")


def login(host: str, environment: Mapping[str, str]) -> Login:
    """Who docker is logged in to *host* as. Source: docker's config.json, and its helpers."""
    folder = environment.get("DOCKER_CONFIG") or str(
        Path(environment.get("HOME") or "~").expanduser() / ".docker"
    )
    try:
        config = json.loads(Path(folder, "config.json").read_bytes())
        helper = config.get("credHelpers", {}).get(host) or config.get("credsStore")
        if helper:
            return _from_helper(str(helper), host, environment)
        told = base64.b64decode(config["auths"][host]["auth"]).decode()
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return Login()
    name, _, password = told.partition(":")
    return Login(name=name, password=password)


def _from_helper(helper: str, host: str, environment: Mapping[str, str]) -> Login:
    program = shutil.which(
        f"docker-credential-{Path(helper).name}", path=environment.get("PATH", os.defpath)
    )
    if program is None:
        return Login()
    try:
        told = subprocess.run(
            (program, "get"),
            input=host,
            env=dict(environment),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Login()
    value = json.loads(told.stdout) if told.returncode == 0 else {}
    return Login(name=value.get("Username", ""), password=value.get("Secret", ""))


def _reason(error: Exception) -> str:
    """The innermost words of *error*: requests wraps them three times."""
    inner: BaseException = error
    while (below := inner.__cause__ or inner.__context__) is not None:
        inner = below
    return (str(inner) or type(inner).__name__).splitlines()[0][:200]
