"""The real parts between a hub and its packages: nginx with a static index, squid, a private CA."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.package_index import HTML_TYPE, JSON_TYPE, PackageFile, tree

LOGIN = ("ada", "s3cret-Pa55")
TOKEN = "tok3n4a1b2c3d4e5f6a7b8c9"
_SBIN = "/usr/sbin:/usr/local/sbin:/sbin"


def program(name: str) -> str:
    """Its path. Where it is missing the test is skipped on a person's machine, and fails in CI."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:{_SBIN}")
    if found is None and os.environ.get("CI") == "true":
        pytest.fail(f"{name} is not installed: .ci/run does that")
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: apt-get install {name})")
    return found


def free_ports(count: int) -> list[int]:
    """Ports of loopback on which nobody listens."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in held]
    for one in held:
        one.close()
    return ports


@dataclass(frozen=True, kw_only=True)
class Site:
    """A running nginx. index.test is a name that the proxy alone knows."""

    port: int
    tls_port: int
    """Also on 127.0.0.2, which its certificate does not name."""
    expired_port: int
    """With a certificate of years ago."""
    mutual_port: int
    """Where whoever asks must show a certificate as well."""
    ca: Path
    client_cert: Path

    def url(self, place: str = "simple", host: str = "127.0.0.1", login: str = "") -> str:
        """Of the index; *place*: "simple", "html", "closed/simple" or TOKEN + "/simple"."""
        return f"http://{login}{host}:{self.port}/{place}"

    def tls_url(self, host: str = "localhost") -> str:
        """Of the index, behind a certificate of the private CA."""
        return f"https://{host}:{self.tls_port}/simple"


def private_ca(folder: Path) -> Path:
    """A private CA `ca.pem`, and a certificate of it for loopback: `site.pem`, `site.key`."""
    program("openssl")
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    new += ["-nodes", "-days", "2"]
    ca = ["-subj", "/CN=a private CA", "-keyout", "ca.key", "-out", "ca.pem"]
    names = "subjectAltName=DNS:localhost,DNS:index.test,IP:127.0.0.1"
    own = ["-subj", "/CN=index.test", "-addext", names, "-keyout", "site.key", "-out", "site.pem"]
    own += ["-addext", "basicConstraints=critical,CA:FALSE", "-CA", "ca.pem", "-CAkey", "ca.key"]
    me = ["-subj", "/CN=ada", "-keyout", "ada.key", "-out", "ada.pem"]
    me += ["-CA", "ca.pem", "-CAkey", "ca.key"]
    for options in (ca, own, me):
        subprocess.run([*new, *options], cwd=folder, check=True, capture_output=True)
    _expired(folder)
    both = (folder / "ada.pem").read_text() + (folder / "ada.key").read_text()
    (folder / "client.pem").write_text(both)
    return folder / "ca.pem"


_CA_CONF = """
[ca]
default_ca = own
[own]
database = {folder}/index.txt
new_certs_dir = {folder}
serial = {folder}/serial
default_md = sha256
policy = any
x509_extensions = names
[any]
commonName = supplied
[names]
subjectAltName = DNS:localhost
"""


def _expired(folder: Path) -> None:
    """old.pem: the site's certificate, as it was years ago."""
    (folder / "ca.conf").write_text(_CA_CONF.format(folder=folder))
    (folder / "index.txt").touch()
    (folder / "serial").write_text("01\n")
    request = ["req", "-new", "-key", "site.key", "-subj", "/CN=localhost", "-out", "old.csr"]
    signed = ["ca", "-batch", "-config", "ca.conf", "-cert", "ca.pem", "-keyfile", "ca.key"]
    signed += ["-in", "old.csr", "-out", "old.pem", "-notext"]
    signed += ["-startdate", "20200101000000Z", "-enddate", "20200201000000Z"]
    for words in (request, signed):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def _lay_out(files: Iterable[PackageFile], root: Path) -> None:
    respond = tree(files)
    for one in files:
        for name in (one.filename, f"{one.filename}.metadata"):
            answer = respond(f"/files/{name}", {})
            if answer.status == 200:
                assert isinstance(answer.body, bytes)
                (root / "files").mkdir(parents=True, exist_ok=True)
                (root / "files" / name).write_bytes(answer.body)
    for name in sorted({"", *(f"{one.project}/" for one in files)}):
        for kind, accepted in (("json", JSON_TYPE), ("html", HTML_TYPE)):
            answer = respond(f"/simple/{name}", {"Accept": accepted})
            page = root / "simple" / name / f"index.{kind}"
            page.parent.mkdir(parents=True, exist_ok=True)
            assert isinstance(answer.body, bytes)
            page.write_bytes(answer.body)


_NGINX = """
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off;
    {more}
    types {{ application/vnd.pypi.simple.v1+json json; text/html html; }}
    map $http_accept $kind {{ default html; "~pypi.simple.v1.json" json; }}
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        listen 127.0.0.1:{tls_port} ssl;
        listen 127.0.0.2:{tls_port} ssl;
        ssl_certificate {folder}/site.pem;
        ssl_certificate_key {folder}/site.key;
        root {folder}/root;
        location /simple/ {{ try_files ${{uri}}index.$kind =404; }}
        location ~ ^/html/(?<page>.*)$ {{ try_files /simple/${{page}}index.html =404; }}
        location ~ ^/closed/simple/(?<page>.*)$ {{
            auth_basic "packages"; auth_basic_user_file {folder}/passwords;
            try_files /simple/${{page}}index.$kind =404;
        }}
        location ~ ^/{token}/simple/(?<page>.*)$ {{ try_files /simple/${{page}}index.$kind =404; }}
    }}
    server {{
        listen 127.0.0.1:{expired_port} ssl;
        ssl_certificate {folder}/old.pem;
        ssl_certificate_key {folder}/site.key;
    }}
    server {{
        listen 127.0.0.1:{mutual_port} ssl;
        ssl_certificate {folder}/site.pem;
        ssl_certificate_key {folder}/site.key;
        ssl_client_certificate {folder}/ca.pem;
        ssl_verify_client on;
        root {folder}/root;
        location /simple/ {{ try_files ${{uri}}index.$kind =404; }}
    }}
}}
"""


@contextmanager
def site(files: Sequence[PackageFile], folder: Path, more: str = "") -> Iterator[Site]:
    """nginx with the static index of *files*: JSON, HTML, metadata files, ETags.

    more: of its configuration, such as "max_ranges 0;".
    """
    nginx = program("nginx")
    ca = private_ca(folder)
    _lay_out(files, folder / "root")
    (folder / "passwords").write_text(f"{LOGIN[0]}:{{PLAIN}}{LOGIN[1]}\n")
    names = ("port", "tls_port", "expired_port", "mutual_port")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    user = "user root;" if os.geteuid() == 0 else ""
    text = _NGINX.format(folder=folder, user=user, token=TOKEN, more=more, **ports)
    (folder / "nginx.conf").write_text(text)
    command = [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
    with running(command, ports["port"], folder / "nginx.log"):
        yield Site(**ports, ca=ca, client_cert=folder / "client.pem")


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """A running squid that lets only the index through."""

    url: str
    login_url: str
    """Where it wants a login."""

    def with_login(self) -> str:
        """The URL of the port that wants a login, with it."""
        return self.login_url.replace("://", f"://{LOGIN[0]}:{LOGIN[1]}@")


_SQUID = """
http_port 127.0.0.1:{port} name=open
http_port 127.0.0.1:{login_port} name=login
auth_param basic program /usr/lib/squid/basic_ncsa_auth {folder}/passwords
acl login myportname login
acl known proxy_auth REQUIRED
acl index_host dstdomain index.test
acl index_port port {index_ports}
http_access deny login !known
http_access allow index_host index_port
http_access deny all
hosts_file {folder}/hosts
cache deny all
pinger_enable off
pid_filename none
access_log none
cache_log {folder}/squid.log
coredump_dir {folder}
visible_hostname proxy.test
shutdown_lifetime 0 seconds
"""


@contextmanager
def squid(site: Site, folder: Path) -> Iterator[Proxy]:
    """squid from Debian, the one program that knows where index.test is."""
    binary = program("squid")
    # It gives up root's rights, and its helpers must still read what is theirs.
    folder.chmod(0o777)
    told = ["openssl", "passwd", "-apr1", LOGIN[1]]
    digest = subprocess.run(told, check=True, capture_output=True, text=True).stdout.strip()
    (folder / "passwords").write_text(f"{LOGIN[0]}:{digest}\n")
    (folder / "hosts").write_text("127.0.0.1 index.test\n")
    port, login_port = free_ports(2)
    text = _SQUID.format(
        port=port,
        login_port=login_port,
        folder=folder,
        index_ports=f"{site.port} {site.tls_port}",
    )
    (folder / "squid.conf").write_text(text)
    command = [binary, "-N", "-f", str(folder / "squid.conf")]
    with running(command, port, folder / "out.log"):
        yield Proxy(url=f"http://127.0.0.1:{port}", login_url=f"http://127.0.0.1:{login_port}")


def wait_for(process: subprocess.Popen[bytes], port: int, log: Path, seconds: float = 30) -> None:
    """Return once *process* takes connections at *port*; fail with its *log* where it does not."""
    deadline = time.monotonic() + seconds
    while True:
        said = f"{process.args!r} does not answer:\n{log.read_text()}"
        assert process.poll() is None, said
        assert time.monotonic() < deadline, said
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)


@contextmanager
def running(command: Sequence[str], port: int, log: Path, seconds: float = 30) -> Iterator[None]:
    with log.open("wb") as told:
        process = subprocess.Popen(command, stdout=told, stderr=told)
    try:
        wait_for(process, port, log, seconds)
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def bare_environment(home: Path, **more: str) -> Mapping[str, str]:
    """A user's, with a home of its own, and nothing of this machine's proxies and CAs."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "PIP_CONFIG_FILE": "/dev/null", **more}
