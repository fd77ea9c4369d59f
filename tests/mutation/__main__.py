"""Every mutant, by hand: `python -m tests.mutation`. First the cases, then the tests of its module.

Prints those that nothing notices, and ends with 1 if there are any.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

from kernelspec_lib.rules import RULES
from tests import package_index
from tests.catalogue import CATALOGUE
from tests.mutation.cases import OFFLINE, broken, codes_of
from tests.mutation.mutants import HOUSE, Mutant, mutants, switched_off

# What a missing check breaks, it breaks at once; a busy machine breaks nothing.
settings.register_profile("few", max_examples=10, database=None, deadline=None)

TESTS = Path(__file__).parent.parent
_PASSED, _FAILED = pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED
_NONE = pytest.ExitCode.NO_TESTS_COLLECTED


def main() -> int:
    start = time.monotonic()
    # A shell that starts this in the background has interrupts ignored, and tests send some.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    everything = list(mutants())
    noticed: dict[Mutant, set[str]] = {}
    with package_index.serving(package_index.tree(CATALOGUE)) as server:
        for one in everything:
            noticed[one] = broken(one, codes_of(one), server.url)
            if not noticed[one] and one.codes:
                noticed[one] = broken(one, OFFLINE, None)
    by_case = [one for one in everything if noticed[one]]
    print(
        f"{len(by_case)} of {len(everything)} break a case ({time.monotonic() - start:.0f} s)",
        flush=True,
    )
    left = []
    for number, one in enumerate(everything, 1):
        if noticed[one]:
            continue
        print(f"{number}/{len(everything)} {one}", file=sys.stderr, flush=True)
        files = list(_tests_of(one))
        # Nearly always a test close by fails; all the others take long.
        if not (_breaks_a_test(one, files[:2]) or _breaks_a_test(one, files[2:])):
            left.append(one)
            print(f"unnoticed: {one}", flush=True)
    silent = sorted(set(RULES) - set().union(*noticed.values()))
    print(f"rules whose case no mutant breaks: {', '.join(silent) or 'none'}")
    print(f"{len(left)} of {len(everything)} unnoticed ({time.monotonic() - start:.0f} s)")
    return 1 if left or silent else 0


def _breaks_a_test(mutant: Mutant, files: Sequence[Path]) -> bool:
    """Whether a test in *files* fails without *mutant*, and none does with it."""
    if not files or not fails(mutant, files):
        return False
    if _fail_anyway(tuple(files)):
        names = ", ".join(path.name for path in files)
        print(f"says nothing, as a test fails with all checks there: {names}", flush=True)
        return False
    return True


@cache
def _fail_anyway(files: tuple[Path, ...]) -> bool:
    return fails(None, files)


def fails(mutant: Mutant | None, files: Sequence[Path]) -> bool:
    """Whether a test in *files* fails without *mutant*, in a process of its own."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        with switched_off(mutant) if mutant else nullcontext():
            code = pytest.main([*_OPTIONS, *map(str, files)])
        os._exit(int(code))
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    # A pytest that could not even begin says nothing of the mutant.
    assert code in (_PASSED, _FAILED, _NONE), code
    return code == _FAILED


_OPTIONS = (
    "-x", "-q", "-p", "no:cacheprovider", "-m", "not docker and not network",
    "--hypothesis-profile=few",
    # This program has loaded hypothesis before pytest could: no reason not to begin.
    "-W", "ignore::pytest.PytestAssertRewriteWarning",
)  # fmt: skip


def _tests_of(mutant: Mutant) -> Iterator[Path]:
    """The test modules that name the mutant's module or one that imports it, nearest first."""
    own = mutant.module.rpartition(".")[2]
    above = [path.stem for path in HOUSE.rglob("*.py") if _names(path, own)]
    paths = [*TESTS.glob("unit/test_*.py"), *TESTS.glob("test_*.py")]
    found = [path for path in paths if any(_names(path, leaf) for leaf in (own, *above))]
    whole = [TESTS / "test_lint_many.py", TESTS / "test_cli.py"]
    yield from sorted(
        found,
        key=lambda path: (own not in path.name, path.stem[5:] not in above, not _names(path, own)),
    )
    yield from (path for path in whole if path not in found)


@cache
def _names(path: Path, leaf: str) -> bool:
    """Whether the module *path* imports a module called *leaf*."""
    pattern = rf"^\s*(from|import) .*\b{leaf}\b"
    return re.search(pattern, path.read_text(encoding="utf-8"), re.MULTILINE) is not None


if __name__ == "__main__":
    sys.exit(main())
