"""Package indexes on loopback, and the small packages in them.

Two servers, because no single one shows all that an index can do: pypiserver is a program that
sites run, and speaks HTML without a word of Requires-Python or of withdrawn releases; the static
tree speaks JSON as well (PEP 691) and says all of it, metadata files (PEP 658) included.
"""

from __future__ import annotations

import gzip
import hashlib
import html
import importlib.util
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from packaging.utils import canonicalize_name

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
HTML_TYPE = "application/vnd.pypi.simple.v1+html"
_THE_DAY = (1980, 1, 1, 0, 0, 0)
"""Archives made twice are equal to the byte: nothing in them tells when they were made."""


@dataclass(frozen=True, kw_only=True)
class PackageFile:
    """One file of one release."""

    project: str
    filename: str
    content: bytes
    metadata: str
    requires_python: str | None = None
    yanked: str | bool = False
    beside: bool = True
    """Whether the metadata of a wheel lies beside it, too."""
    uploaded: str | None = None
    """When, as "2020-01-31T12:00:00Z", if the index tells it (PEP 700)."""

    @property
    def sha256(self) -> str:
        """The digest as the index tells it."""
        return hashlib.sha256(self.content).hexdigest()


def wheel(
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    extras: Mapping[str, Sequence[str]] | None = None,
    requires_python: str | None = None,
    yanked: str | bool = False,
    tag: str = "py3-none-any",
    code: str = "",
) -> PackageFile:
    """A wheel that installs one module, named as the package with underscores."""
    module = name.replace("-", "_").replace(".", "_")
    metadata = _metadata(name, version, requires, extras or {}, requires_python)
    info = f"{module}-{version}.dist-info"
    pure = "true" if tag.endswith("-any") else "false"
    inside = {
        f"{module}.py": code or f'__version__ = "{version}"\n',
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: {pure}\nTag: {tag}\n",
    }
    inside[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in (*inside, f"{info}/RECORD"))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, text in inside.items():
            archive.writestr(zipfile.ZipInfo(path, _THE_DAY), text)
    return PackageFile(
        project=str(canonicalize_name(name)),
        filename=f"{module}-{version}-{tag}.whl",
        content=packed.getvalue(),
        metadata=metadata,
        requires_python=requires_python,
        yanked=yanked,
    )


def sdist(
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    extras: Mapping[str, Sequence[str]] | None = None,
    requires_python: str | None = None,
    setup: str = 'raise SystemExit("setup.py was run")\n',
) -> PackageFile:
    """A source distribution, whose setup.py shows that it was run by failing."""
    stem = f"{name.replace('-', '_')}-{version}"
    metadata = _metadata(name, version, requires, extras or {}, requires_python)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, text in ((f"{stem}/PKG-INFO", metadata), (f"{stem}/setup.py", setup)):
            member = tarfile.TarInfo(path)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return PackageFile(
        project=str(canonicalize_name(name)),
        filename=f"{stem}.tar.gz",
        content=gzip.compress(packed.getvalue(), mtime=0),  # the head would tell the time
        metadata=metadata,
        requires_python=requires_python,
    )


def _metadata(
    name: str,
    version: str,
    requires: Iterable[str],
    extras: Mapping[str, Sequence[str]],
    requires_python: str | None,
) -> str:
    lines = ["Metadata-Version: 2.2", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Python: {requires_python}"] if requires_python else []
    lines += [f"Requires-Dist: {one}" for one in requires]
    for extra, wanted in extras.items():
        lines.append(f"Provides-Extra: {extra}")
        lines += [f'Requires-Dist: {one}; extra == "{extra}"' for one in wanted]
    return "\n".join(lines) + "\n"


@dataclass
class Server:
    """A running index."""

    url: str
    """Its root, such as http://127.0.0.1:PORT/simple."""
    requests: list[str] = field(default_factory=list)
    """The paths that were asked for, in order."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a server says to one request. body may be endless."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Iterable[bytes] = b""


Respond = Callable[[str, Mapping[str, str]], Answer]
"""From the path and the headers of a request to its answer."""


@contextmanager
def serving(respond: Respond) -> Iterator[Server]:
    """A server on loopback that says what *respond* tells it to."""
    running = Server(url="")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            running.requests.append(self.path)
            _send(self, respond(self.path, dict(self.headers.items())))

        def do_HEAD(self) -> None:
            # uv asks like this whether it may have a part of a wheel; it is not counted.
            _send(self, replace(respond(self.path, dict(self.headers.items())), body=b""))

        def log_message(self, format: str, *args: object) -> None:
            pass  # the tests look at running.requests

    class Listener(ThreadingHTTPServer):
        # uv comes with fifty connections at once; who finds no room comes again a second later.
        request_queue_size = 128
        daemon_threads = True

    with Listener(("127.0.0.1", 0), Handler) as server:
        running.url = f"http://127.0.0.1:{server.server_address[1]}/simple"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield running
        finally:
            server.shutdown()
            thread.join()


def _send(request: BaseHTTPRequestHandler, answer: Answer) -> None:
    request.send_response(answer.status)
    whole = isinstance(answer.body, bytes)
    length = {"Content-Length": str(len(answer.body))} if isinstance(answer.body, bytes) else {}
    for name, value in {**length, **answer.headers}.items():
        request.send_header(name, value)
    request.end_headers()
    try:
        for piece in (answer.body,) if whole else answer.body:
            request.wfile.write(piece)  # type: ignore[arg-type]
    except OSError:
        pass  # the client has had enough, as it should of an endless page


def tree(files: Iterable[PackageFile], *, html_only: bool = False) -> Respond:
    """Answers as a static index of *files* does. html_only: an index from before PEP 691."""
    shelf: dict[str, list[PackageFile]] = {}
    for one in files:
        shelf.setdefault(one.project, []).append(one)
    contents = {f"/files/{one.filename}": one.content for some in shelf.values() for one in some}
    contents |= {
        f"/files/{one.filename}.metadata": one.metadata.encode()
        for some in shelf.values()
        for one in some
        if one.beside and one.filename.endswith(".whl")
    }

    def respond(path: str, headers: Mapping[str, str]) -> Answer:
        if path in contents:
            return Answer(body=contents[path])
        wants_json = JSON_TYPE in headers.get("Accept", "") and not html_only
        name = path.removeprefix("/simple/").rstrip("/")
        if path in ("/simple/", "/simple"):
            return _listing(sorted(shelf), wants_json)
        if path.startswith("/simple/") and name in shelf:
            return _page(name, shelf[name], wants_json)
        return Answer(status=404, body=b"no such page")

    return respond


def _listing(names: Sequence[str], wants_json: bool) -> Answer:
    if wants_json:
        body = {"meta": {"api-version": "1.1"}, "projects": [{"name": name} for name in names]}
        return _typed(JSON_TYPE, json.dumps(body))
    links = "".join(f'<a href="{name}/">{name}</a><br>\n' for name in names)
    return _typed(HTML_TYPE, f"<!DOCTYPE html><html><body>\n{links}</body></html>")


def _page(name: str, files: Sequence[PackageFile], wants_json: bool) -> Answer:
    if not wants_json:
        links = "".join(_link(one) for one in files)
        return _typed(HTML_TYPE, f"<!DOCTYPE html><html><body>\n{links}</body></html>")
    told = [
        {
            "filename": one.filename,
            "url": f"/files/{one.filename}",
            "hashes": {"sha256": one.sha256},
            "requires-python": one.requires_python,
            "yanked": one.yanked,
            "core-metadata": one.beside and one.filename.endswith(".whl"),
            "size": len(one.content),
            **({"upload-time": one.uploaded} if one.uploaded else {}),
        }
        for one in files
    ]
    body = {"meta": {"api-version": "1.1"}, "name": name, "files": told}
    return _typed(JSON_TYPE, json.dumps(body))


def _link(one: PackageFile) -> str:
    said = ""
    if one.requires_python:
        said += f' data-requires-python="{html.escape(one.requires_python)}"'
    if one.yanked:
        said += f' data-yanked="{html.escape(one.yanked if isinstance(one.yanked, str) else "")}"'
    return f'<a href="/files/{one.filename}#sha256={one.sha256}"{said}>{one.filename}</a><br>\n'


def _typed(content_type: str, text: str) -> Answer:
    return Answer(headers={"Content-Type": content_type}, body=text.encode())


def always_json(body: bytes) -> Answer:
    """*body*, as if it were a page."""
    return Answer(headers={"Content-Type": JSON_TYPE}, body=body)


@contextmanager
def pypiserver(folder: Path) -> Iterator[Server]:
    """pypiserver on loopback, with the files in *folder*. It speaks HTML only."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    command = [sys.executable, "-m", "pypiserver", "run", "-i", "127.0.0.1", "-p", str(port)]
    command += ["--disable-fallback", "-a", ".", "-P", ".", str(folder)]
    log = folder.parent / f"{folder.name}.pypiserver.log"
    with log.open("wb") as told:
        process = subprocess.Popen(command, stdout=told, stderr=told)
    try:
        _wait_for(port, process, log)
        yield Server(url=f"http://127.0.0.1:{port}/simple")
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            told = f"pypiserver does not answer:\n{log.read_text()}"
            assert process.poll() is None, told
            assert time.monotonic() < deadline, told
            time.sleep(0.05)
        else:
            return


def kernel_wheels(environment: Mapping[str, str]) -> Path:
    """A folder with the wheels of ipykernel and all it needs, for Python 3.11 on Linux x86_64.

    Downloaded once, into $KERNELSPEC_TEST_CACHE or the user's cache: needs the network then.
    """
    usual = Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kernelspec-tests"
    cache = Path(environment.get("KERNELSPEC_TEST_CACHE") or usual)
    folder = cache / "ipykernel-3.11"
    if not folder.is_dir():
        staged = cache / f"ipykernel-3.11.{os.getpid()}"
        _download(["ipykernel"], staged)
        try:
            staged.rename(folder)
        except OSError:
            shutil.rmtree(staged)  # another run was first; what it has is as good
    return folder


def _download(wanted: Sequence[str], folder: Path) -> None:
    pip = [sys.executable, "-m", "pip"]
    if importlib.util.find_spec("pip") is None:
        pip = ["uv", "tool", "run", "pip"]
    target = ["--only-binary", ":all:", "--python-version", "3.11", "--implementation", "cp"]
    for glibc in ("2_28", "2_27", "2_26", "2_24", "2_17", "2_12", "2_5"):
        target += ["--platform", f"manylinux_{glibc}_x86_64"]
    for legacy in ("manylinux2014", "manylinux2010", "manylinux1"):
        target += ["--platform", f"{legacy}_x86_64"]
    folder.mkdir(parents=True)
    command = [*pip, "download", "--quiet", *target, "--dest", str(folder), *wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
