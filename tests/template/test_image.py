"""The template's Dockerfile, built and run for real."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import certifi
import pytest

from kernelspec_lib import template
from kernelspec_lib.delivery import engine as engines
from kernelspec_lib.delivery import installer as installers
from kernelspec_lib.delivery.engine import Engine
from kernelspec_lib.errors import KernelspecError
from tests.catalogue import CATALOGUE
from tests.package_index import Server
from tests.template import support

pytestmark = pytest.mark.docker

BASE = "python:3.11-slim"
LABEL = "kernelspec.test=template"
PASSWORD = "hunter2-of-the-index"
CA_MARK = "the CA of the site, which nobody shall find"
LISTING = """\
import importlib.metadata
for one in importlib.metadata.distributions():
    print(f"{one.metadata['Name']}=={one.version}")
"""
LOCKED = {"ipykernel": "7.4.0", "alpha": "1.1"}

ODD_BASE = f"""\
FROM {BASE}
RUN touch "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')/EXTERNALLY-MANAGED"
RUN rm -f "$(command -v python)"; chmod 0700 /root; umask 077
USER 65534
ENTRYPOINT ["/bin/false"]
"""
"""A base that makes everything difficult: Debian's own Python, no root, another program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kitchen:
    """A kernel's folder, and how to build and run it."""

    engine: Engine
    folder: Path
    secrets: Path
    base: str
    installer: str | None
    """None: the build is lent none, and pip installs."""
    namespace: str
    """Of the build's caches: those of another run must not answer for this one."""

    def docker(self, *words: str, code: int | None = 0) -> str:
        told = subprocess.run(
            [self.engine.client, *words],
            env=dict(self.engine.environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert code is None or told.returncode == code, told.stdout
        return told.stdout

    def build(self, tag: str, *words: str, code: int = 0) -> str:
        return self.docker(
            *("build", "--progress=plain", "--network=host", f"--label={LABEL}", f"--tag={tag}"),
            *(f"--build-arg=BASE_IMAGE={self.base}", f"--iidfile={self.secrets / tag}"),
            f"--build-arg=BUILDKIT_CACHE_MOUNT_NS={self.namespace}",
            *([f"--build-arg=INSTALLER_IMAGE={self.installer}"] if self.installer else []),
            f"--secret=id=uv_toml,src={self.secrets / 'uv.toml'}",
            f"--secret=id=pip_conf,src={self.secrets / 'pip.conf'}",
            f"--secret=id=ca_bundle,src={self.secrets / 'ca.pem'}",
            *(*words, str(self.folder)),
            code=code,
        )

    def run(self, tag: str, *words: str) -> str:
        """What *words* print in a container of the image, as a user whom nobody knows."""
        alone = ("run", "--rm", "--pull=never", "--network=none", f"--label={LABEL}")
        return self.docker(*alone, "--user=12345:12345", tag, *words).strip()


def lock(**versions: str) -> str:
    """A requirements.lock of the catalogue's wheels."""
    digests = {one.filename.partition("-py3")[0]: one.sha256 for one in CATALOGUE}
    return "".join(
        f"{name}=={version} \\\n    --hash=sha256:{digests[f'{name}-{version}']}\n"
        for name, version in versions.items()
    )


@pytest.fixture(scope="module")
def engine() -> Engine:
    try:
        return engines.find(os.environ, to_build=True)
    except KernelspecError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="module", params=["plain", "odd", "odd-pip"])
def kitchen(
    request: pytest.FixtureRequest,
    engine: Engine,
    package_index: Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Kitchen]:
    folder = template.generate(support.GOOD, tmp_path_factory.mktemp("kernel"))
    (folder / "requirements.lock").write_text(lock(**LOCKED))
    secrets = tmp_path_factory.mktemp("secrets")
    index = package_index.url.replace("://", f"://alice:{PASSWORD}@")
    (secrets / "pip.conf").write_text(f"[global]\nindex-url = {index}\n")
    (secrets / "uv.toml").write_text(f'[[index]]\nurl = "{index}"\ndefault = true\n')
    bundle = Path(certifi.where()).read_text(encoding="utf-8")
    (secrets / "ca.pem").write_text(f"# {CA_MARK}\n{bundle}", encoding="utf-8")
    base = BASE if request.param == "plain" else f"kernelspec-test-base-{uuid.uuid4().hex}"
    found = Kitchen(
        engine=engine,
        folder=folder,
        secrets=secrets,
        base=base,
        installer=None if request.param == "odd-pip" else installers.provide(engine),
        namespace=uuid.uuid4().hex,
    )
    if base != BASE:
        (secrets / "Dockerfile").write_text(ODD_BASE)
        found.docker("build", f"--label={LABEL}", f"--tag={base}", str(secrets))
    yield found
    if base != BASE:
        found.docker("image", "rm", "--force", base)


@pytest.fixture(scope="module")
def image(kitchen: Kitchen) -> Iterator[str]:
    tag = f"kernelspec-test-{uuid.uuid4().hex}"
    # Secrets are no part of what BuildKit compares: an earlier run must not answer for this one.
    kitchen.build(tag, "--no-cache")
    yield tag
    kitchen.docker("image", "rm", "--force", tag)


def test_holds_exactly_the_lock(kitchen: Kitchen, image: str) -> None:
    before = kitchen.docker(
        "run", "--rm", "--network=none", "--entrypoint=python3", kitchen.base, "-c", LISTING
    )
    after = kitchen.run(image, "python3", "-c", LISTING)
    added = set(after.split()) - set(before.split())
    # traitlets, which ipykernel asks for, is not in this lock: so it is not in the image.
    assert added == {f"{name}=={version}" for name, version in LOCKED.items()}


def test_any_user_can_run_it(kitchen: Kitchen, image: str) -> None:
    probe = (
        "import os, pathlib, ipykernel\n"
        "home = pathlib.Path.home()\n"
        "(home / 'written').write_text('x')\n"
        "unreadable = [str(path) for path in pathlib.Path(ipykernel.__file__).parent.rglob('*')\n"
        "              if not os.access(path, os.R_OK)]\n"
        "print(os.getuid(), home, os.getcwd(), oct(home.stat().st_mode), unreadable)\n"
        "print(oct(os.stat('/root').st_mode), os.access('/root', os.X_OK))\n"
        "print(ipykernel.__version__)\n"
    )
    assert kitchen.run(image, "python", "-c", probe).splitlines() == [
        "12345 /home/kernel /home/kernel 0o41777 []",
        "0o40711 True",
        "7.4.0",
    ]


def test_no_secret_stays_in_a_layer(kitchen: Kitchen, image: str) -> None:
    marks = [PASSWORD.encode(), CA_MARK.encode()]
    command = [kitchen.engine.client, "save", image]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as saved:
        assert saved.stdout is not None
        last, read = b"", 0
        while piece := saved.stdout.read(1 << 22):
            window = last + piece
            assert not [mark for mark in marks if mark in window]
            last, read = piece[-100:], read + len(piece)
    assert saved.returncode == 0
    assert read > 1_000_000
    history = kitchen.docker("history", "--no-trunc", image)
    assert PASSWORD not in history
    assert kitchen.run(image, "python", "-c", _stubs()) == "[]"


def _stubs() -> str:
    """Code that lists what is left of the mounts, empty files included."""
    return (
        "import os, pathlib\n"
        "places = ('/run/secrets', '/tmp', '/var/cache/kernel', '/opt/installer')\n"
        "print([str(one) for place in places for one in pathlib.Path(place).rglob('*')])\n"
    )


def test_the_index_was_asked_with_the_secret(
    kitchen: Kitchen, image: str, package_index: Server
) -> None:
    assert {f"/simple/{name}/" for name in LOCKED} <= set(package_index.requests)


def test_another_hash_fails_the_build(kitchen: Kitchen) -> None:
    path = kitchen.folder / "requirements.lock"
    good = path.read_text()
    digest = good.rpartition(":")[2].strip()
    path.write_text(good.replace(digest, "0" * 64))
    try:
        told = kitchen.build(f"kernelspec-test-{uuid.uuid4().hex}", code=1)
    finally:
        path.write_text(good)
    said = "Hash mismatch" if kitchen.installer else "DO NOT MATCH THE HASHES"
    assert said in told


def test_what_the_lock_no_longer_names_is_gone(kitchen: Kitchen, image: str) -> None:
    path = kitchen.folder / "requirements.lock"
    good = path.read_text()
    path.write_text(lock(ipykernel=LOCKED["ipykernel"], traitlets="5.16.1"))
    tag = f"kernelspec-test-{uuid.uuid4().hex}"
    try:
        kitchen.build(tag)
        listed = kitchen.run(tag, "python", "-c", LISTING).split()
        assert "traitlets==5.16.1" in listed
        assert "alpha==1.1" not in listed
        found = "import importlib.util; print(importlib.util.find_spec('alpha'))"
        assert kitchen.run(tag, "python", "-c", found) == "None"
    finally:
        path.write_text(good)
        kitchen.docker("image", "rm", "--force", tag)


def test_its_libraries_have_bytecode_that_knows_its_place(kitchen: Kitchen, image: str) -> None:
    code = (
        "import alpha, ipykernel, os\n"
        "print(os.path.exists(ipykernel.__cached__), alpha.__spec__.loader.get_code('alpha')"
        ".co_filename == alpha.__file__)\n"
    )
    assert kitchen.run(image, "python", "-c", code) == "True True"


@pytest.mark.network
def test_system_packages_come_and_leave_nothing_lying_about(kitchen: Kitchen) -> None:
    tag = f"kernelspec-test-{uuid.uuid4().hex}"
    before = kitchen.docker(
        "run", "--rm", "--network=none", "--entrypoint=sh", kitchen.base, "-c", _archives()
    )
    kitchen.build(tag, "--build-arg=SYSTEM_PACKAGES=tini libgomp1")
    try:
        told = kitchen.run(
            tag, "dpkg-query", "--show", "-f=${Package} ${Status}\n", "tini", "libgomp1"
        )
        assert sorted(told.splitlines()) == [
            "libgomp1 install ok installed",
            "tini install ok installed",
        ]
        assert kitchen.run(tag, "sh", "-c", _archives()) == before.strip()
    finally:
        kitchen.docker("image", "rm", "--force", tag)


def _archives() -> str:
    return "find /var/cache/apt /var/lib/apt/lists | sort"
