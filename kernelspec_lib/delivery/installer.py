"""What installs the lock in a build: uv and two scripts, handed to it as an image of their own.

No layer keeps them, and no index is asked for them; a newer version of this library brings newer
scripts to every kernel.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import platform
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from kernelspec_lib.delivery.engine import Engine, failed, labels

INSTALLER_IMAGE = "INSTALLER_IMAGE"
"""The build argument that names it."""

TOOL_LABEL = "kernelspec.tool"

_SCRIPTS = {"install": "install.sh", "laying.py": "laying.py"}
"""By their names in the image: the files beside this one."""
_TIMEOUT = 300.0


def reference() -> str:
    """The name of the image with this machine's uv and this library's scripts.

    The host's name keeps an engine from looking for it anywhere else.
    """
    held = [importlib.metadata.version("uv").encode(), *_scripts().values()]
    digest = hashlib.sha256(b"\0".join(held)).hexdigest()[:16]
    return f"localhost/kernelspec-installer:{digest}-{platform.machine()}"


def provide(engine: Engine) -> str:
    """The reference of an image that holds uv and the scripts, made where it is missing.

    Raises CommandFailed where the engine does not take it.
    """
    name = reference()
    if labels(engine, name) is None:
        _make(engine, name)
    return name


def _make(engine: Engine, name: str) -> None:
    import uv

    with TemporaryDirectory(prefix="kernelspec-") as folder:
        archive = Path(folder, "installer.tar")
        with tarfile.open(archive, "w") as packed:
            _add(packed, "uv", Path(uv.find_uv_bin()).read_bytes())
            for name_inside, content in _scripts().items():
                _add(packed, name_inside, content)
        change = f"--change=LABEL {TOOL_LABEL}=installer"
        answer = engine.ask("import", change, "--", str(archive), name, timeout=_TIMEOUT)
    if answer.returncode != 0:
        raise failed(engine, "import", answer)


def _scripts() -> dict[str, bytes]:
    return {
        name: Path(__file__).with_name(beside).read_bytes() for name, beside in _SCRIPTS.items()
    }


def _add(packed: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o755
    packed.addfile(member, io.BytesIO(content))
