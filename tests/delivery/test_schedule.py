"""The scheduled pipeline, run for real: a fresher base image, and what is new in the template."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.delivery.pipelines import (
    CELL,
    DEFAULT_BRANCH,
    Ci,
    answers_for,
    committed,
    marked,
)
from tests.docker.conftest import TEST_LABEL
from tests.repositories import git
from tests.template import support

pytestmark = [pytest.mark.docker, pytest.mark.network]

TOKEN = "glpat-of-a-bot-0123456789"
HOOK = """#!/bin/sh
echo "$GIT_PUSH_OPTION_COUNT $GIT_PUSH_OPTION_0" >"$GIT_DIR/options"
"""


@dataclass(kw_only=True)
class Forge:
    """A git server that takes pushes from who has the token, as GitLab does."""

    repository: Path
    """Bare."""
    url: str = ""
    """With the job's own login, which may only read."""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """One request, by git's own program for servers (CGI)."""
        path, _, query = request.path.partition("?")
        authorization = request.headers.get("Authorization", "")
        allowed = base64.b64encode(f"oauth2:{TOKEN}".encode()).decode()
        if "receive-pack" in request.path and authorization != f"Basic {allowed}":
            request.send_response(401)
            request.send_header("WWW-Authenticate", 'Basic realm="git"')
            request.end_headers()
            return
        told = subprocess.run(
            ["git", "http-backend"],
            env={
                **os.environ,
                "GIT_PROJECT_ROOT": str(self.repository.parent),
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": request.command,
                "CONTENT_TYPE": request.headers.get("Content-Type", ""),
                "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
                "REMOTE_USER": "oauth2",
            },
            input=request.rfile.read(int(request.headers.get("Content-Length") or 0)),
            capture_output=True,
            check=True,
        ).stdout
        head, _, body = told.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        request.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)


@contextmanager
def forge(repository: Path) -> Iterator[Forge]:
    """A server on loopback with the empty *repository*, which is made."""
    repository.mkdir()
    git(repository, "init", "--bare")
    git(repository, "config", "receive.advertisePushOptions", "true")
    hook = repository / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(HOOK)
    hook.chmod(0o755)
    made = Forge(repository=repository)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.answer(self)

        def do_POST(self) -> None:
            made.answer(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://gitlab-ci-token:of-the-job@127.0.0.1:{server.server_address[1]}"
        made.url += f"/{repository.name}"
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()


@dataclass(frozen=True, kw_only=True)
class Base:
    """The site's own base image, in its registry."""

    ci: Ci
    reference: str

    def publish(self, version: str) -> None:
        """Let the tag stand for another image; this machine has the old one still, if any."""
        before = self.ci.engine.ask("image", "inspect", "--format={{.Id}}", self.reference)
        text = f"FROM python:3.11-slim\nLABEL {TEST_LABEL} site.base={version}\n"
        environment = {
            **self.ci.engine.environment,
            "DOCKER_CONFIG": str(self.ci.registry.docker_config),
        }
        for words, given in (
            (("build", "--quiet", f"--tag={self.reference}", "-"), text),
            (("push", "--quiet", self.reference), ""),
        ):
            done = subprocess.run(
                [self.ci.engine.client, *words],
                input=given,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
        if before.returncode == 0:
            self.ci.engine.ask("tag", before.stdout.strip(), self.reference)

    def version_below(self, kernel: str) -> str:
        """The one on which the installed kernel's image was built."""
        spec = json.loads((self.ci.kernels / kernel / "kernel.json").read_text())
        image = spec["metadata"]["kernelspec"]["image"]
        words = ("image", "inspect", '--format={{index .Config.Labels "site.base"}}', image)
        return self.ci.engine.ask(*words).stdout.strip()


@pytest.fixture
def base(ci: Ci) -> Iterator[Base]:
    made = Base(ci=ci, reference=f"{ci.registry.host}/base-{uuid.uuid4().hex[:6]}:3.11")
    yield made
    ci.engine.ask("image", "rm", "--force", made.reference)


def test_a_schedule_rebuilds_on_the_base_of_the_day_and_updates_from_the_template(
    ci: Ci, base: Base, tmp_path: Path
) -> None:
    upstream = support.copy_of_the_template(tmp_path / "template")
    support.commit(upstream, tmp_path)
    kernel = created(upstream, tmp_path, "scheduled", base_image=base.reference)
    base.publish("old")
    base.publish("new")
    dockerfile = upstream / support.TEMPLATE / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text() + "# A second line of the template.\n")
    newest = support.commit(upstream, tmp_path)
    scheduled = {**DEFAULT_BRANCH, "CI_PIPELINE_SOURCE": "schedule"}
    with forge(tmp_path / "kernels.git") as server:
        told = ci.run(
            kernel,
            **scheduled,
            CI_REPOSITORY_URL=server.url,
            KERNELSPEC_UPDATE_TOKEN=TOKEN,
        )
    assert base.version_below("scheduled") == "new"
    assert ci.execute("scheduled", CELL) == f"1.1 {ci.account.login}\n"

    bare = server.repository
    proposed = git(bare, "show", "template-update:Dockerfile")
    assert proposed.endswith("# A second line of the template.")
    assert f"LABEL kernelspec.test=1 {TEST_LABEL}" in proposed
    own = json.loads(git(bare, "show", "template-update:requirements.json"))
    assert own == json.loads((kernel / "requirements.json").read_text())
    assert json.loads(git(bare, "show", "template-update:.cruft.json"))["commit"] == newest
    assert (bare / "options").read_text() == "1 merge_request.create\n"
    changed = git(bare, "diff", "--name-only", "template-update~1", "template-update")
    assert changed.split() == [".cruft.json", "Dockerfile"]
    assert TOKEN not in told


def created(upstream: Path, folder: Path, name: str, **keys: str) -> Path:
    """A kernel that cruft made of the template in *upstream*, committed."""
    context = json.dumps(answers_for(name))
    words = ("create", str(upstream), "--no-input", "--output-dir", str(folder / "kernels"))
    support.module("cruft", *words, "--extra-context", context, home=folder)
    return committed(marked(folder / "kernels" / name, **keys))
