"""What lies in a registry that tells its names page by page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

from kernelspec_lib.delivery import shelf
from kernelspec_lib.delivery.registry import Registry
from kernelspec_lib.kernels.container import KERNEL_LABEL, OWNER_LABEL
from tests.package_index import Answer, Respond, serving

NAMES = [f"ada_k{number:04}" for number in range(2500)]


def paged(path: str, key: str, *, pages: int) -> Respond:
    """The registry's answers to *path*: its pages say where the next one is, on another host."""

    def respond(asked: str, headers: Mapping[str, str]) -> Answer:
        split = urlsplit(asked)
        if split.path != path:
            return Answer(status=404)
        last = parse_qs(split.query).get("last", [""])[0]
        some = [name for name in NAMES if name > last][: len(NAMES) // pages]
        more = {}
        if some and some[-1] != NAMES[-1]:
            link = f"http://other.example{path}?last={some[-1]}&n=9"
            more = {"Link": f'<{link}>; rel="next"'}
        return Answer(headers=more, body=json.dumps({key: some or None}).encode())

    return respond


def registry(url: str) -> Registry:
    return Registry(urlsplit(url).netloc, {"DOCKER_CONFIG": "/nowhere"})


def test_all_pages_of_tags_are_read_and_no_other_host_is_asked() -> None:
    with serving(paged("/v2/team/ada_churn/tags/list", "tags", pages=4)) as server:
        assert shelf.tags_of(registry(server.url), "team/ada_churn") == tuple(NAMES)
        assert len(server.requests) == 4


def test_all_pages_of_the_catalogue_are_read() -> None:
    with serving(paged("/v2/_catalog", "repositories", pages=3)) as server:
        found = shelf.repositories(registry(server.url), "ada_k2")
    assert found == tuple(name for name in NAMES if name.startswith("ada_k2"))


def test_a_page_that_leads_to_itself_ends() -> None:
    def respond(asked: str, headers: Mapping[str, str]) -> Answer:
        body = json.dumps({"tags": ["one"]}).encode()
        return Answer(headers={"Link": f'<{asked}>; rel="next"'}, body=body)

    with serving(respond) as server:
        assert set(shelf.tags_of(registry(server.url), "ada_churn")) == {"one"}


def test_a_repository_that_is_not_there_has_no_tags() -> None:
    with serving(paged("/v2/team/ada_churn/tags/list", "tags", pages=1)) as server:
        assert shelf.tags_of(registry(server.url), "team/other") == ()


def test_each_address_is_asked_for_and_a_blob_may_lie_elsewhere() -> None:
    manifests = {
        f"v{number}": json.dumps({"config": {"digest": f"sha256:{number}"}}) for number in range(3)
    }

    def respond(asked: str, headers: Mapping[str, str]) -> Answer:
        kind, name = asked.split("/")[-2:]
        if kind == "manifests":
            told = manifests[name]
            return Answer(headers={"Docker-Content-Digest": f"sha256:m{name}"}, body=told.encode())
        if kind == "blobs":
            return Answer(status=307, headers={"Location": f"/storage/{name}"})
        if kind == "storage":
            labels = {KERNEL_LABEL: "churn", OWNER_LABEL: f"ada{name[-1]}"}
            return Answer(body=json.dumps({"config": {"Labels": labels}}).encode())
        return Answer(body=json.dumps({"tags": list(manifests)}).encode())

    with serving(respond) as server:
        found = shelf.entries(registry(server.url), "team/ada_churn")
    assert {(one.digest, tuple(one.tags), one.owner) for one in found} == {
        ("sha256:mv0", ("v0",), "ada0"),
        ("sha256:mv1", ("v1",), "ada1"),
        ("sha256:mv2", ("v2",), "ada2"),
    }
