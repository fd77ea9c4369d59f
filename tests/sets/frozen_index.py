"""The package index as it was on a day: a door on loopback that keeps younger files back.

Verdicts are of a day, and an index moves on. Instead of an option that only tests would use, the
index itself is held still: its pages are passed on without the files that were uploaded later
(`upload-time`, PEP 700). The direct look, uv and pip all see the same, through one URL. What this
cannot undo are withdrawals and deletions since: a verdict that they change is told as changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from urllib.parse import urljoin

import requests
from requests.adapters import HTTPAdapter

from kernelspec_lib.packages.index import IndexConfig

JSON_TYPE = "application/vnd.pypi.simple.v1+json"


class Frozen:
    """Pages of the index of *config* as they were at *cutoff*, such as 2026-11-01T00:00:00Z."""

    def __init__(self, config: IndexConfig, cutoff: str) -> None:
        self.config, self.cutoff = config, cutoff
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = False if config.trusted else config.ca_bundle or True
        self._session.proxies = dict(config.proxies)
        if config.username:
            self._session.auth = (config.username, config.password)
        self._session.mount("https://", HTTPAdapter(pool_maxsize=32))
        self._pages: dict[str, tuple[int, bytes]] = {}
        self._held: dict[str, Lock] = {}

    def page(self, name: str) -> tuple[int, bytes]:
        """Status and text of one page. Asked for once; a failure of the index is passed on."""
        with self._held.setdefault(name, Lock()):
            if name not in self._pages:
                status, text = self._read(name)
                if status not in (200, 404):
                    return status, text
                self._pages[name] = status, text
            return self._pages[name]

    def _read(self, name: str) -> tuple[int, bytes]:
        try:
            url = f"{self.config.url}/{name}/"
            reply = self._session.get(url, headers={"Accept": JSON_TYPE}, timeout=60)
        except requests.RequestException as error:
            return 504, str(error).encode()
        if reply.status_code != 200:
            return reply.status_code, b""
        if JSON_TYPE not in reply.headers.get("Content-Type", ""):
            return 502, b"the index tells no upload-time: it does not speak JSON"
        page = reply.json()
        old = [one for one in page["files"] if one["upload-time"] < self.cutoff]
        for one in old:
            one["url"] = urljoin(reply.url, one["url"])
        # A project that had no file on that day did not exist.
        there = bool(old) or not page["files"]
        told = {"meta": {"api-version": "1.0"}, "name": page["name"], "files": old}
        return (200, json.dumps(told).encode()) if there else (404, b"")


@contextmanager
def serving(config: IndexConfig, cutoff: str) -> Iterator[str]:
    """The URL of the index of *config* at *cutoff*, for as long as the block runs."""
    frozen = Frozen(config, cutoff)

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            status, text = frozen.page(self.path.strip("/").rpartition("/")[2])
            self.send_response(status)
            self.send_header("Content-Type", JSON_TYPE)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_: object) -> None:
            """A client that has seen enough hangs up: no news."""

    server = Server(("127.0.0.1", 0), Door)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/simple"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
