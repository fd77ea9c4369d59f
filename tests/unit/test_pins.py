"""KS3xx: the right line, in words that say what to change it to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from packaging.version import Version

from kernelspec_lib.checks import locked, pins
from kernelspec_lib.packages import lock
from kernelspec_lib.packages.lock import Garbled, Lock, LockedPackage
from kernelspec_lib.packages.metadata import Trust
from kernelspec_lib.packages.problems import (
    Conflict,
    Malformed,
    NoSuchVersion,
    NoWheel,
    OnlyPrereleases,
    OtherPython,
    Problem,
    Remedy,
    SourceOnly,
    SourceRefused,
    UnknownExtra,
    UnknownLib,
    Yanked,
)
from kernelspec_lib.packages.remedies import loosened
from kernelspec_lib.packages.resolver import Unresolved
from kernelspec_lib.packages.standing import Loss, Lost, Standing
from tests.projects import a_project

PROJECT = a_project("ipykernel", "numpy==9.9", "gamma[fast]>=1; python_version > '3'")
IPYKERNEL, NUMPY, GAMMA = PROJECT.libs
CONDA = a_project("ipykernel", "conda==4.10.3").libs[1]
ONE, TWO = Version("1.0"), Version("2.0")


@pytest.mark.parametrize(
    ("problem", "code", "message", "hint"),
    [
        (
            NoSuchVersion(lib=NUMPY, newest=Version("2.3.1"), remedy=Version("2.3.1")),
            "KS301",
            "numpy==9.9 has no release; the newest for Python 3.11 is 2.3.1",
            "write numpy==2.3.1",
        ),
        (
            NoSuchVersion(lib=NUMPY, newest=None),
            "KS301",
            "numpy==9.9 has no release",
            "no release of numpy installs on Python 3.11 without being built: take another "
            "library or python_version",
        ),
        (
            NoSuchVersion(lib=NUMPY, newest=None, remedy=ONE),
            "KS301",
            "numpy==9.9 has no release",
            "write numpy==1.0, which has sources only and is built",
        ),
        (
            NoSuchVersion(lib=NUMPY, newest=ONE, remedy=ONE, withdrawn=TWO),
            "KS301",
            "every release that numpy==9.9 admits was withdrawn by its authors",
            "write numpy==1.0",
        ),
        (
            UnknownLib(lib=NUMPY, suggestion="pandas"),
            "KS302",
            'the index has no library named "numpy"',
            'did you mean "pandas"?',
        ),
        (
            UnknownLib(lib=NUMPY, suggestion=None, elsewhere=True),
            "KS302",
            'the index has no library named "numpy"',
            "what only pip's extra indexes and find-links have is not looked at: "
            "the site's one index must have it",
        ),
        (
            UnknownLib(lib=NUMPY, suggestion="pandas", listed=True),
            "KS302",
            'the index has no library named "numpy"',
            'did you mean "pandas", which is among the libs already?',
        ),
        (
            UnknownLib(lib=NUMPY, suggestion="pandas", placeholder=True, listed=True),
            "KS302",
            "numpy on the index is an empty package that does not install",
            "take this line out: pandas is among the libs already",
        ),
        (
            NoSuchVersion(lib=CONDA, newest=None),
            "KS301",
            "conda==4.10.3 has no release",
            "pip does not install it: name the libraries that you import",
        ),
        (
            NoSuchVersion(lib=NUMPY, newest=TWO, remedy=ONE),
            "KS301",
            "numpy==9.9 has no release; the newest for Python 3.11 is 2.0",
            "write numpy==1.0",
        ),
        (
            NoSuchVersion(lib=NUMPY, newest=TWO),
            "KS301",
            "numpy==9.9 has no release; the newest for Python 3.11 is 2.0",
            "no release of numpy is known that goes with the other lines as they are",
        ),
        (
            OtherPython(
                lib=NUMPY, name="numpy", version=TWO, requires_python=">=3.12", newest=ONE,
                remedy=ONE,
            ),
            "KS303",
            "numpy 2.0 needs Python >=3.12; this kernel has Python 3.11",
            "write numpy==1.0",
        ),
        (
            OtherPython(
                lib=NUMPY, name="numpy", version=Version("0.9"), requires_python="<3", newest=TWO,
                remedy=ONE,
            ),
            "KS303",
            "numpy 0.9 needs Python <3; this kernel has Python 3.11; "
            "the newest for Python 3.11 is 2.0",
            "write numpy==1.0",
        ),
        (
            NoWheel(
                lib=NUMPY, name="numpy", version=ONE, newest=TWO, remedy=TWO,
                offers=("cp39-cp39-win_amd64", "cp310-cp310-macosx_11_0_arm64"),
            ),
            "KS304",
            "numpy 1.0 has no wheel for Python 3.11 on Linux; "
            "there are wheels for Windows, macOS on ARM, Python 3.9, 3.10",
            "write numpy==2.0",
        ),
        (
            NoWheel(
                lib=NUMPY, name="numpy", version=ONE, newest=TWO, remedy=TWO, glibc=(2, 39),
                offers=("cp311-cp311-manylinux_2_39_x86_64",),
            ),
            "KS304",
            "numpy 1.0 has no wheel for Python 3.11 on Linux with the C library of the base image: "
            "it wants glibc 2.39",
            "write numpy==2.0, or take a base image with glibc 2.39 or newer",
        ),
        (
            SourceOnly(lib=NUMPY, name="numpy", version=ONE, newest=TWO, remedy=TWO),
            "KS305",
            "numpy 1.0 has no wheel for Python 3.11, only sources",
            "its own code runs at docker build, in the container, and usually needs gcc g++ in "
            "system_packages; write numpy==2.0",
        ),
        (
            SourceOnly(lib=NUMPY, name="numpy", version=ONE, newest=None, trust=Trust.UNKNOWN),
            "KS305",
            "numpy 1.0 has no wheel for Python 3.11, only sources; "
            "what it needs is not known: add that to libs",
            "its own code runs at docker build, in the container, and usually needs gcc g++ in "
            "system_packages",
        ),
        (
            SourceOnly(
                lib=NUMPY, name="numpy", version=ONE, newest=None, unreadable="pytz>=2011k"
            ),
            "KS305",
            'numpy 1.0 has no wheel for Python 3.11, only sources; it says that it needs '
            '"pytz>=2011k", which pip and setuptools of today cannot read: its build is likely to '
            "fail",
            "its own code runs at docker build, in the container, and usually needs gcc g++ in "
            "system_packages",
        ),
        (
            SourceRefused(lib=NUMPY, name="numpy", version=ONE, newest=TWO, remedy=TWO),
            "KS311",
            "numpy 1.0 has no wheel for Python 3.11, and this site builds nothing from sources",
            "write numpy==2.0",
        ),
        (
            Malformed(
                lib=NUMPY, name="numpy", version=ONE, text="py\x1b (>dev)", newest=TWO, remedy=TWO
            ),
            "KS312",
            'numpy 1.0 says that it needs "py\\u001b (>dev)": pip cannot read that, and refuses it',
            "write numpy==2.0",
        ),
        (
            Malformed(
                lib=None, name="py", version=ONE, text="x (>dev)", newest=None, asked_by=(NUMPY,)
            ),
            "KS312",
            'numpy needs py 1.0, which says that it needs "x (>dev)": pip cannot read that, and '
            "refuses it",
            "take another version of this library",
        ),
        (
            UnknownLib(lib=NUMPY, suggestion="numpy2", placeholder=True),
            "KS302",
            "numpy on the index is an empty package that does not install",
            "write numpy2",
        ),
        (
            UnknownExtra(lib=NUMPY, extra="fats", known=("fast", "full")),
            "KS307",
            'numpy has no extra named "fats"; it has "fast", "full"',
            "correct it, or take it out",
        ),
        (
            Yanked(lib=NUMPY, name="numpy", version=ONE, reason="bad\x1b[31m", newest=None),
            "KS306",
            'numpy 1.0 was withdrawn by its authors: "bad\\u001b[31m"',
            "no release of numpy installs on Python 3.11 without being built: take another "
            "library or python_version",
        ),
        (
            UnknownExtra(
                lib=NUMPY, extra="fats", version=ONE, newer=Version("2.0"),
                held_by=(a_project("x", "numpy==9.9").libs[0],),
            ),
            "KS307",
            'numpy 1.0 has no extra named "fats"; 2.0 has it, and does not go with x',
            "loosen x, or take it out",
        ),
        (
            UnknownExtra(lib=NUMPY, extra="fats", version=ONE, newer=Version("2.0")),
            "KS307",
            'numpy 1.0 has no extra named "fats"; 2.0 has it',
            "write numpy==2.0, of which something may have to be built, or take it out",
        ),
        (
            UnknownExtra(lib=NUMPY, extra="fats"),
            "KS307",
            'numpy has no extra named "fats"',
            "correct it, or take it out",
        ),
        (
            OnlyPrereleases(lib=NUMPY, version=Version("1.0rc1")),
            "KS308",
            "numpy==9.9 is met by pre-releases only; 1.0rc1 is taken",
            "write numpy==1.0rc1 if you mean it",
        ),
    ],
)  # fmt: skip
def test_finding_points_at_the_pin(problem: Problem, code: str, message: str, hint: str) -> None:
    (found,) = pins.check(PROJECT, Unresolved(problems=(problem,)))
    assert (found.code, found.message, found.hint) == (code, message, hint)
    assert (found.path, found.pointer) == ("requirements.json", "/libs/1")
    assert (found.span.line, found.span.column, found.span.end_column) == (6, 5, 17)


@pytest.mark.parametrize(
    "problem",
    [
        NoSuchVersion(lib=GAMMA, newest=TWO, remedy=TWO),
        OtherPython(
            lib=GAMMA, name="gamma", version=ONE, requires_python="<3.8", newest=TWO, remedy=TWO
        ),
        NoWheel(lib=GAMMA, name="gamma", version=ONE, offers=(), newest=TWO, remedy=TWO),
        SourceRefused(lib=GAMMA, name="gamma", version=ONE, newest=TWO, remedy=TWO),
        Yanked(lib=GAMMA, name="gamma", version=ONE, reason="", newest=TWO, remedy=TWO),
    ],
)
def test_what_to_write_keeps_the_extras_of_the_line(problem: Problem) -> None:
    (found,) = pins.check(PROJECT, Unresolved(problems=(problem,)))
    assert found.hint == "write gamma[fast]==2.0"


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("pickle", "take this line out: pickle comes with Python"),
        ("cudatoolkit==11.3", "pip does not install it: the base image brings CUDA"),
        ("python==3.9", "pip does not install it: python_version says which Python"),
    ],
)
def test_what_pip_does_not_install_is_told_where_it_comes_from(line: str, hint: str) -> None:
    project = a_project("ipykernel", line)
    problem = UnknownLib(lib=project.libs[1], suggestion=None)
    (found,) = pins.check(project, Unresolved(problems=(problem,)))
    assert found.hint.startswith(hint)


def test_where_no_release_installs_the_library_is_named_that_was_meant() -> None:
    project = a_project("ipykernel", "faiss==1.5.3")
    (_, faiss) = project.libs
    problem = NoWheel(lib=faiss, name="faiss", version=Version("1.5.3"), offers=(), newest=None)
    (found,) = pins.check(project, Unresolved(problems=(problem,)))
    assert found.hint.endswith("without being built: write faiss-cpu")


def test_conflict_is_told_at_each_of_its_lines() -> None:
    conflict = Conflict(libs=(NUMPY, GAMMA), explanation="gamma needs numpy<2")
    found = list(pins.check(PROJECT, Unresolved(problems=(conflict,))))
    assert [(one.code, one.span.line) for one in found] == [("KS309", 6), ("KS309", 7)]
    message = "numpy==9.9 and gamma[fast]>=1 cannot stand together: gamma needs numpy<2"
    assert {one.message for one in found} == {message}
    assert found[0].hint == "loosen or change one of them"


def test_conflict_is_not_told_at_a_line_that_cannot_stay_anyway() -> None:
    gone = NoSuchVersion(lib=NUMPY, newest=ONE)
    conflict = Conflict(libs=(NUMPY, GAMMA), explanation="gamma needs numpy<2")
    found = list(pins.check(PROJECT, Unresolved(problems=(gone, conflict))))
    assert [(one.code, one.span.line) for one in found] == [("KS301", 6), ("KS309", 7)]
    found = list(pins.check(PROJECT, Unresolved(problems=(gone, replace(conflict, libs=(NUMPY,))))))
    assert [(one.code, one.span.line) for one in found] == [("KS301", 6), ("KS309", 6)]


@pytest.mark.parametrize(
    ("more", "also"),
    [
        ({"remedies": (Remedy(lib=GAMMA, version=TWO),)}, "write gamma[fast]==2.0, too"),
        ({"together": (Remedy(lib=GAMMA, version=TWO),)}, "write gamma[fast]==2.0, too"),
        ({}, "loosen or change that, too"),
    ],
)
def test_who_leaves_no_mended_line_is_named_there_and_not_blamed(
    more: Mapping[str, Any], also: str
) -> None:
    gone = NoSuchVersion(lib=NUMPY, newest=ONE, remedy=ONE)
    conflict = Conflict(libs=(loosened(NUMPY), GAMMA), explanation="gamma needs numpy<2", **more)
    (found,) = pins.check(PROJECT, Unresolved(problems=(gone, conflict)))
    assert (found.code, found.span.line) == ("KS301", 6)
    beside = "no release of numpy goes with gamma[fast]>=1"
    assert found.hint == f"write numpy==1.0; {beside}: {also}"


def test_lines_that_quarrel_whatever_is_wrong_elsewhere_are_blamed() -> None:
    gone = NoSuchVersion(lib=IPYKERNEL, newest=ONE)
    conflict = Conflict(libs=(NUMPY, GAMMA), explanation="gamma needs numpy<2")
    found = list(pins.check(PROJECT, Unresolved(problems=(gone, conflict))))
    assert [one.code for one in found] == ["KS301", "KS309", "KS309"]


def test_conflict_tells_what_was_tried_and_resolves() -> None:
    remedies = (Remedy(lib=NUMPY, version=ONE), Remedy(lib=GAMMA, version=TWO))
    both = Conflict(libs=(NUMPY, GAMMA), explanation="", together=remedies)
    assert {one.hint for one in pins.check(PROJECT, Unresolved(problems=(both,)))} == {
        "write numpy==1.0 and gamma[fast]==2.0: with all other lines as they are, that resolves"
    }
    conflict = Conflict(libs=(NUMPY, GAMMA), explanation="", remedies=remedies)
    found = list(pins.check(PROJECT, Unresolved(problems=(conflict,))))
    assert {one.hint for one in found} == {
        "write numpy==1.0 or gamma[fast]==2.0: with all other lines as they are, that resolves"
    }
    more = replace(conflict, alone=False)
    assert {one.hint for one in pins.check(PROJECT, Unresolved(problems=(more,)))} == {
        "write numpy==1.0 or gamma[fast]==2.0: with the other errors mended, that resolves"
    }
    bare = Conflict(
        libs=(NUMPY, GAMMA), explanation="", remedies=(Remedy(lib=GAMMA, version=None),)
    )
    assert {one.hint for one in pins.check(PROJECT, Unresolved(problems=(bare,)))} == {
        "write gamma>=1 without [fast]: with all other lines as they are, that resolves"
    }
    alone = Conflict(libs=(NUMPY,), explanation="numpy 9.9 needs delta", remedies=remedies[:1])
    (found_alone,) = pins.check(PROJECT, Unresolved(problems=(alone,)))
    assert found_alone.message == "what numpy==9.9 needs cannot be met: numpy 9.9 needs delta"
    assert found_alone.hint == "write numpy==1.0"
    stuck = Conflict(libs=(IPYKERNEL,), explanation="every ipykernel needs delta")
    (found_stuck,) = pins.check(PROJECT, Unresolved(problems=(stuck,)))
    assert found_stuck.hint == "take another library or python_version"


def test_sources_below_a_line_blame_it() -> None:
    problem = SourceOnly(
        lib=None, name="sasl", version=ONE, newest=None, asked_by=(GAMMA,),
        trust=Trust.APPROXIMATE,
    )  # fmt: skip
    (found,) = pins.check(PROJECT, Unresolved(problems=(problem,)))
    assert (found.code, found.pointer, found.span.line) == ("KS305", "/libs/2", 7)
    assert found.message == (
        "gamma needs sasl 1.0, which has no wheel for Python 3.11, only sources; "
        "what it needs is known approximately"
    )
    assert found.hint == (
        "its own code runs at docker build, in the container, and usually needs g++ libsasl2-dev "
        "in system_packages"
    )


def test_withdrawn_below_a_line_blames_it() -> None:
    problem = Yanked(lib=None, name="beta", version=ONE, reason="", newest=TWO, asked_by=(GAMMA,))
    (found,) = pins.check(PROJECT, Unresolved(problems=(problem,)))
    assert (found.pointer, found.span.line) == ("/libs/2", 7)
    assert found.message == "gamma needs beta 1.0, which was withdrawn by its authors"


def test_conflict_without_a_line_points_at_libs() -> None:
    (found,) = pins.check(PROJECT, Unresolved(problems=(Conflict(libs=(), explanation="no"),)))
    assert (found.pointer, found.span.line, found.span.column) == ("/libs", 4, 3)


def test_trouble_below_blames_the_line_that_asked() -> None:
    problem = OtherPython(
        lib=None, name="bounded", version=ONE, requires_python="<3.11", newest=TWO,
        asked_by=(GAMMA,),
    )  # fmt: skip
    (found,) = pins.check(PROJECT, Unresolved(problems=(problem,)))
    assert (found.code, found.pointer, found.span.line) == ("KS303", "/libs/2", 7)
    assert found.message == (
        "gamma needs bounded 1.0, which needs Python <3.11; this kernel has Python 3.11"
    )
    assert found.hint == "take another version of this library"


def test_warnings_of_a_lock_are_told() -> None:
    warned = Lock(
        python_version="3.11",
        fingerprint="",
        packages=(),
        warnings=(Yanked(lib=GAMMA, name="gamma", version=ONE, reason="", newest=TWO),),
    )
    (found,) = pins.check(PROJECT, warned)
    assert (found.code, found.is_error, found.pointer) == ("KS306", False, "/libs/2")
    assert found.message == "gamma 1.0 was withdrawn by its authors"


FRESH = Lock(python_version="3.11", fingerprint=lock.fingerprint(PROJECT), packages=())


@pytest.mark.parametrize(
    ("committed", "message"),
    [
        (None, "there is no requirements.lock for these libs"),
        (
            Garbled(line=3, reason="it does not say its Python"),
            "requirements.lock is no lock that can be used: line 3: it does not say its Python",
        ),
        (
            replace(FRESH, fingerprint="0" * 64),
            'requirements.lock was made for other libs: without "ipykernel", "numpy==9.9"',
        ),
    ],
)
def test_ks310_points_at_libs(committed: Lock | Garbled | None, message: str) -> None:
    (found,) = locked.check_lock(PROJECT, committed)
    assert (found.code, found.message) == ("KS310", message)
    assert (found.pointer, found.span.line, found.span.column) == ("/libs", 4, 3)


def test_a_fresh_lock_is_no_finding() -> None:
    assert list(locked.check_lock(PROJECT, FRESH)) == []


def _of(*packages: tuple[str, str]) -> Lock:
    """A lock made for other things than PROJECT, whose *packages* are asked for by these lines."""
    known = tuple(
        LockedPackage(name=name, version="1", hashes=(), asked_by=(text,))
        for name, text in packages
    )
    return Lock(python_version="3.11", fingerprint="0" * 64, packages=known)


def test_a_lost_package_that_no_line_asks_for_is_told_at_libs() -> None:
    (package,) = _of(("beside", "")).packages
    lost = Lost(package=package, loss=Loss.RELEASE, reason="", asked_by=())
    (found,) = locked.check(PROJECT, Standing(lost=(lost,), problems=(), trouble=None))
    assert (found.code, found.pointer, found.span.line) == ("KS310", "/libs", 4)
    assert found.message == f"requirements.lock names beside 1, and {Loss.RELEASE.value}"


@pytest.mark.parametrize(
    ("committed", "pointer", "message"),
    [
        (replace(_of(), python_version="3.10"), "/python_version", "Python 3.10"),
        (
            _of(
                ("ipykernel", "ipykernel"),
                ("numpy", "numpy==9.8"),
                ("old", "old>1"),
                ("x", "via y"),
            ),
            "/libs",
            'other libs: without "numpy==9.9" and with "numpy==9.8", "old>1"',
        ),
        (
            _of(("ipykernel", "ipykernel"), ("numpy", "numpy==9.9")),
            "/libs",
            "another base image, or for other markers",
        ),
    ],
)
def test_ks310_says_which_part_is_stale(committed: Lock, pointer: str, message: str) -> None:
    (found,) = locked.check_lock(PROJECT, committed)
    assert (found.pointer, found.message) == (pointer, f"requirements.lock was made for {message}")
