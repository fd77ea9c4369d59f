"""What a build may know, and no layer may keep: files that single steps of it can read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote, urlsplit

from kernelspec_lib.packages.settings import IndexConfig, is_folder
from kernelspec_lib.project import whole

PIP_CONF = "pip_conf"
UV_TOML = "uv_toml"
CA_BUNDLE = "ca_bundle"
CLIENT_CERT = "client_cert"


def of(index: IndexConfig) -> dict[str, bytes]:
    """All that tells a build of *index*, by the names that the Dockerfile knows.

    A container trusts what this machine does: a site's CA is known here, and in no base image.
    Raises FileUnusable where certificates cannot be read.
    """
    told = {PIP_CONF: pip_conf(index).encode(), UV_TOML: uv_toml(index).encode()}
    if authorities := index.ca_bundle or index.system_ca:
        told[CA_BUNDLE] = b"".join(map(whole, _files(authorities)))
    if index.client_cert:
        told[CLIENT_CERT] = whole(index.client_cert)
    return told


def _files(ca_bundle: str) -> list[str]:
    """The file, or those of the folders, each once: such a folder has two names for many."""
    if not is_folder(ca_bundle):
        return [ca_bundle]
    there = [one for folder in ca_bundle.split(os.pathsep) for one in Path(folder).glob("*")]
    return sorted({str(one.resolve()) for one in there if one.suffix in (".pem", ".crt", ".0")})


def pip_conf(index: IndexConfig) -> str:
    """What tells pip of *index*: a file that may hold a password."""
    lines = ["[global]", f"index-url = {_with_login(index)}"]
    if _is_trusted(index):
        # The site chose an index without TLS: pip wants that to be said twice.
        lines.append(f"trusted-host = {urlsplit(index.url).netloc}")
    return "\n".join(lines) + "\n"


def uv_toml(index: IndexConfig) -> str:
    """What tells uv of *index*: a file that may hold a password."""
    # In a URL there is no quote and no backslash that the file could end at.
    url = quote(_with_login(index), safe=":/?#[]@!$&'()*+,;=%~")
    lines = ["[[index]]", 'name = "site"', f'url = "{url}"', "default = true"]
    if _is_trusted(index):
        lines.insert(0, f'allow-insecure-host = ["{urlsplit(index.url).netloc}"]')
    return "\n".join(lines) + "\n"


def _with_login(index: IndexConfig) -> str:
    username, password = index.login or ("", "")
    login = f"{quote(username, safe='')}:{quote(password, safe='')}@" if index.login else ""
    scheme, _, rest = index.url.partition("://")
    return f"{scheme}://{login}{rest}"


def _is_trusted(index: IndexConfig) -> bool:
    return index.trusted or index.url.startswith("http://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """Secrets as a program can read them that is started now."""

    paths: Mapping[str, str]
    """By the secret's name: a file, as that program names it."""
    descriptors: tuple[int, ...] = ()
    """What it must inherit for that."""


@contextmanager
def handed(secrets: Mapping[str, bytes]) -> Iterator[Handed]:
    """*secrets* for one program, gone with it and with this one, however they end.

    They lie in memory and have no name: a build that is killed leaves no password behind. A system
    without such files (macOS) keeps them in a folder that only this user can enter.
    """
    if not hasattr(os, "memfd_create"):
        with _written(secrets) as handed:
            yield handed
        return
    with ExitStack() as stack:
        held: dict[str, int] = {}
        for name, content in secrets.items():
            file = stack.enter_context(os.fdopen(os.memfd_create(f"kernelspec-{name}"), "wb"))
            file.write(content)
            file.flush()
            held[name] = file.fileno()
        paths = {name: f"/proc/self/fd/{number}" for name, number in held.items()}
        yield Handed(paths=paths, descriptors=tuple(held.values()))


@contextmanager
def _written(secrets: Mapping[str, bytes]) -> Iterator[Handed]:
    with TemporaryDirectory(prefix="kernelspec-") as folder:
        paths = {name: Path(folder, name) for name in secrets}
        for name, path in paths.items():
            path.touch(mode=0o600)
            path.write_bytes(secrets[name])
        yield Handed(paths={name: str(path) for name, path in paths.items()})
