"""Fuzzes one target, guided by coverage: `python -m tests.fuzz.run TARGET SECONDS [FOLDER]`.

New inputs go into FOLDER, or nowhere. What breaks a promise is left in the folder it runs in, as
crash-…, and told. libFuzzer's own statistics stand at the end of the output.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["kernelspec_lib", "html.parser", "_markupbase"]):
    from tests.fuzz import targets

CORPUS = Path(__file__).parent / "corpus"
WORDS = Path(__file__).parent / "words"


def main(name: str, seconds: str, folder: str) -> None:
    """Runs until *seconds* are over, or until something is found."""
    target = targets.TARGETS[name]

    def one(raw: bytes) -> None:
        targets.timed(target, raw)

    # What is loaded when it is first needed is no part of an input's time.
    for path in sorted((CORPUS / name).iterdir()):
        target(path.read_bytes())
    options = [
        f"-max_total_time={seconds}",
        f"-seed={os.environ.get('KERNELSPEC_FUZZ_SEED', '0')}",
        "-max_len=8192",
        "-timeout=20",
        "-rss_limit_mb=1024",
        "-print_final_stats=1",
        f"-dict={WORDS / name}",
    ]
    atheris.Setup([sys.argv[0], *options, folder, str(CORPUS / name)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    if len(sys.argv) == 4:
        main(*sys.argv[1:])
    else:
        with tempfile.TemporaryDirectory(prefix="kernelspec-fuzz-") as new:
            main(sys.argv[1], sys.argv[2], new)
