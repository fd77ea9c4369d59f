"""What is fuzzed: for each kind of hostile text, its reader, and what must hold for any bytes.

A target takes bytes and returns nothing. It raises where a promise is broken: an exception, a place
outside the file, a value that differs from the standard library's, or more than MAX_SECONDS.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from kernelspec_lib import document, policy, reports
from kernelspec_lib import project as projects
from kernelspec_lib.checks import cifile, dockerfile, schema, site
from kernelspec_lib.document import Document
from kernelspec_lib.errors import PolicyInvalid
from kernelspec_lib.findings import Finding
from kernelspec_lib.kernels import spec
from kernelspec_lib.kernels.identity import Owner
from kernelspec_lib.packages import lock, wire
from kernelspec_lib.packages.lock import Lock
from kernelspec_lib.packages.pages import Page
from kernelspec_lib.packages.target import Target
from kernelspec_lib.packages.wire import NoPage
from kernelspec_lib.policy import Policy
from kernelspec_lib.project import Place
from kernelspec_lib.reports.judgement import Judgement, Look

MAX_SECONDS = 3.0
"""Of processor time, for one input: a second, and instrumented code takes three times as long."""

ADA = Owner(login="ada", uid=1000, gid=1000)
PLACE = Place(requirements="requirements.json", folder=Path(), whole=False)
TARGET = Target(python_version="3.11", python_full_version="3.11.9")
URL = "https://index.example/simple/alpha/"


def of_document(raw: bytes) -> None:
    """The JSON reader agrees with the standard library, and knows where everything stands."""
    source = document.read(raw)
    inside(source.text, [fault.span for fault in source.faults])
    if source.faults:
        return
    assert source.value == json.loads(raw)
    _walk(source, source.value, ())


def _walk(source: Document, value: object, path: tuple[str | int, ...]) -> None:
    span = source.span_of(document.joined(path))
    inside(source.text, [span, source.span_of_key(document.joined(path))])
    if isinstance(value, dict | list):
        for key, below in value.items() if isinstance(value, dict) else enumerate(value):
            _walk(source, below, (*path, key))


def of_requirements(raw: bytes) -> None:
    """A document is refused with its places, or becomes a kernel.json."""
    source = document.read(raw)
    findings = list(schema.check(source, "requirements.json"))
    if not any(one.is_error for one in findings):
        project = projects.from_document(PLACE, source)
        findings += site.check(project, Policy(base_images=("python:*",)), "ada")
        json.loads(spec.to_json(spec.emit(project, Policy(), ADA)))
    inside(source.text, [one.span for one in findings])
    _told(findings, source)


def _told(findings: list[Finding], source: Document) -> None:
    checked = ("requirements.json",)
    judgement = Judgement(checked=checked, findings=tuple(findings), sources={checked[0]: source})
    for name in reports.REPORTERS:
        text = reports.report(name, judgement, Look())
        assert all(one.isprintable() or one in "\n\t" for one in text)


def of_policy(raw: bytes) -> None:
    """A policy is read, or refused with one of the house's own errors."""
    with tempfile.NamedTemporaryFile(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as file:
        Path(file.name).write_bytes(raw)
        with suppress(PolicyInvalid):
            policy.load(Path(file.name))


def of_dockerfile(raw: bytes) -> None:
    """Every finding lies inside the file."""
    text = raw.decode("utf-8", errors="replace")
    findings = list(dockerfile.check(text, "Dockerfile", ("python:*",)))
    inside(text.replace("\r", "x"), [one.span for one in findings])


def of_pipeline(raw: bytes) -> None:
    """Every finding lies inside the file."""
    text = raw.decode("utf-8", errors="replace")
    reader = cifile.local_reader(lambda name: text if name == "own.yml" else None)
    findings = list(cifile.check(text, ".gitlab-ci.yml", ("group/*",), reader))
    inside(text.replace("\r", "x"), [one.span for one in findings])


def of_page_json(raw: bytes) -> None:
    """A page is read, or is none."""
    try:
        page = wire.from_json("alpha", raw, URL)
    except NoPage:
        return
    _used(page)


def of_page_html(raw: bytes) -> None:
    """A page is read, or is none."""
    try:
        page = wire.from_html("alpha", raw, URL)
    except NoPage:
        return
    _used(page)


def _used(page: Page) -> None:
    page.newest_for(TARGET)
    for version in page.releases:
        for file in page.of(version):
            assert file.sha256 is None or len(file.sha256) == 64
            file.admits(TARGET)
            file.rank(TARGET)


def of_lock(raw: bytes) -> None:
    """Only what the writer writes is read as a lock."""
    try:
        text = raw.decode("ascii")
    except UnicodeDecodeError:
        return
    read = lock.parse(text)
    if isinstance(read, Lock):
        assert lock.render(read).strip() == text.replace("\r\n", "\n").strip()
    else:
        assert 1 <= read.line <= text.count("\n") + 1


def inside(text: str, spans: list[document.Span]) -> None:
    """Raises AssertionError where one of *spans* is no stretch of *text*."""
    ends = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for span in spans:
        assert 1 <= span.line <= span.end_line <= len(ends)
        assert 1 <= span.column <= len(ends[span.line - 1]) + 1
        assert 1 <= span.end_column <= len(ends[span.end_line - 1]) + 2
        assert (span.line, span.column) <= (span.end_line, span.end_column)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "document": of_document,
    "requirements": of_requirements,
    "policy": of_policy,
    "dockerfile": of_dockerfile,
    "pipeline": of_pipeline,
    "page_json": of_page_json,
    "page_html": of_page_html,
    "lock": of_lock,
}


def timed(target: Callable[[bytes], None], raw: bytes) -> None:
    """Calls *target* with *raw*. Raises AssertionError where it takes too long."""
    begun = time.process_time()
    target(raw)
    taken = time.process_time() - begun
    assert taken < MAX_SECONDS, f"{taken:.1f} s for {len(raw)} bytes"
