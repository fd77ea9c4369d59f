"""Which rules' cases break where a check is switched off."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from types import FrameType

from kernelspec_lib.rules import RULES
from tests import test_cases
from tests.mutation.mutants import Mutant, switched_off

OFFLINE = (*test_cases.OFFLINE, *test_cases.DOCKERFILE)
_MOST_SECONDS = 60


class _Endless(Exception):
    """A check that was switched off was what ended a loop."""


def broken(mutant: Mutant, codes: Iterable[str], index_url: str | None) -> set[str]:
    """Those of *codes* whose case fails without *mutant*. index_url: for KS3xx; None: left out."""
    with switched_off(mutant):
        return {code for code in codes if breaks(code, index_url)}


def codes_of(mutant: Mutant) -> tuple[str, ...]:
    """The rules whose cases are worth a try."""
    asks = "packages" in mutant.module or mutant.module.endswith("pins")
    return tuple(sorted(mutant.codes)) or (tuple(test_cases.PINS) if asks else OFFLINE)


def breaks(code: str, index_url: str | None) -> bool:
    """Whether the case of *code* fails."""
    assert code in RULES
    before = signal.signal(signal.SIGALRM, _ended)
    signal.alarm(_MOST_SECONDS)
    try:
        _run(code, index_url)
    except Exception:
        return True
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    return False


def _ended(number: int, frame: FrameType | None) -> None:
    raise _Endless


def _run(code: str, index_url: str | None) -> None:
    """Raises AssertionError where the case fails, and anything where a check breaks."""
    if code in test_cases.OFFLINE:
        test_cases.test_bad_file_is_found_at_its_place(code)
    elif code in test_cases.DOCKERFILE:
        test_cases.test_bad_folder_is_found_at_its_place(code)
    elif code == "KS310":
        test_cases.test_ks310_lock("bad")
    elif index_url is not None:
        test_cases.test_bad_pins_are_found_at_their_place(code, index_url)
