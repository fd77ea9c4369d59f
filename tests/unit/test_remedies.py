"""What is offered in place of a line that cannot stay goes with the other lines."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet

from kernelspec_lib.checks import pins
from kernelspec_lib.packages import beside, resolver, uv
from kernelspec_lib.packages.index import IndexConfig
from kernelspec_lib.packages.lock import Lock
from kernelspec_lib.packages.problems import Conflict, Problem, UnknownLib, Yanked
from kernelspec_lib.packages.resolver import Unresolved
from kernelspec_lib.policy import Policy
from tests.catalogue import CATALOGUE
from tests.package_index import Answer, PackageFile, sdist, serving, tree, wheel
from tests.projects import a_project

OLD = "cp38-cp38-manylinux_2_17_x86_64"
FRAMES = (
    wheel("torch", "2.13.0"),
    wheel("torch", "2.14.0"),
    wheel("vision", "0.9.0"),  # says nothing of what it needs
    wheel("vision", "0.9.1", requires=["torch==1.8"], tag=OLD),
    wheel("vision", "0.15.0", requires=["torch==2.0"]),
    wheel("vision", "0.28.0", requires=["torch==2.13.0"]),
    wheel("vision", "0.29.0", requires=["torch==2.14.0"]),
)


@pytest.fixture
def environment(tmp_path: Path) -> Mapping[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")}


def told(
    libs: Sequence[str],
    files: Sequence[PackageFile],
    environment: Mapping[str, str],
    *,
    source_only: bool = True,
) -> Sequence[Problem]:
    with serving(tree([*CATALOGUE, *files])) as server:
        config = IndexConfig(url=server.url, origin="--index-url")
        project = a_project("ipykernel", *libs)
        policy = Policy(source_only=source_only)
        outcome = resolver.resolve(project, config, environment, policy=policy)
    assert isinstance(outcome, Unresolved), outcome
    assert outcome.trouble is None
    return outcome.problems


def remedies(problems: Sequence[Problem]) -> Mapping[str, str | None]:
    """Of what is wrong with single lines, by library."""
    single = [one for one in problems if not isinstance(one, Conflict | UnknownLib)]
    return {one.lib.name: one.remedy and str(one.remedy) for one in single if one.lib}  # type: ignore[union-attr]


def quarrels(problems: Sequence[Problem]) -> Mapping[tuple[str, ...], Mapping[str, str]]:
    """Their lines, with what may be written in the place of each."""
    return {
        tuple(str(lib.requirement) for lib in one.libs): {
            remedy.lib.name: str(remedy.version) for remedy in one.remedies
        }
        for one in problems
        if isinstance(one, Conflict)
    }


@pytest.mark.parametrize(
    ("libs", "expected"),
    [
        # 0.15.0 is nearer, and 0.29.0 newer.
        (["torch==2.13.0", "vision==0.9.1"], {"vision": "0.28.0"}),
        (["torch==2.14.0", "vision==0.9.1"], {"vision": "0.29.0"}),
        (["vision==0.9.1"], {"vision": "0.15.0"}),
        (["torch==2.99", "vision~=0.28.0"], {"torch": "2.13.0"}),
        (["torch==2.99", "vision==0.28.*"], {"torch": "2.13.0"}),
        (["torch==2.99", "vision==0.28.0"], {"torch": "2.13.0"}),
        # Each of them has a nearest release, which does not go with that of the other.
        (["torch==2.13.1", "vision==0.9.1"], {"torch": "2.14.0", "vision": "0.29.0"}),
        (["torch==2.13.0", "vision==0.9.1", "pands", "numpy==2.2.7"],
         {"vision": "0.28.0", "numpy": "2.2.6"}),
    ],
)  # fmt: skip
def test_a_remedy_goes_with_the_other_lines(
    libs: Sequence[str], expected: Mapping[str, str], environment: Mapping[str, str]
) -> None:
    problems = told(libs, FRAMES, environment)
    assert (remedies(problems), quarrels(problems)) == (expected, {})


def test_what_nothing_speaks_against_is_told_without_uv(
    monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]
) -> None:
    asked, ask = [], uv.ask

    def counted(*arguments: Any, **options: Any) -> uv.Question:
        asked.append(arguments)
        return ask(*arguments, **options)

    monkeypatch.setattr(uv, "ask", counted)
    problems = told(["torch==2.14.0", "vision==0.29.9", "numpy<2"], FRAMES, environment)
    assert remedies(problems) == {"vision": "0.29.0", "numpy": "2.2.6"}
    assert len(asked) == 1  # before the pages came


def test_uv_is_not_waited_for_forever_where_a_remedy_is_all_that_is_wanted(
    monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]
) -> None:
    waited, answer = [], uv.Question.answer

    def timed(question: uv.Question, timeout: float = uv.TIMEOUT) -> uv.Compiled | uv.Refused:
        waited.append(timeout)
        return answer(question, timeout)

    monkeypatch.setattr(uv.Question, "answer", timed)
    assert remedies(told(["torch==2.13.0", "vision==0.9.1"], FRAMES, environment))
    assert len(waited) == 1
    assert max(waited) <= 30


def test_what_is_wrong_is_looked_into_while_other_pages_are_still_to_come(
    environment: Mapping[str, str],
) -> None:
    wanted = {"/simple/pandas/": threading.Event(), "vision-0.29.0": threading.Event()}
    inner, late = tree([*CATALOGUE, *FRAMES]), []

    def respond(path: str, headers: Mapping[str, str]) -> Answer:
        for part, event in wanted.items():
            if part in path:
                event.set()
        if path.endswith("/ipykernel/"):
            late.extend(part for part, event in wanted.items() if not event.wait(10))
        return inner(path, headers)

    with serving(respond) as server:
        config = IndexConfig(url=server.url, origin="--index-url")
        libs = ("ipykernel", "torch==2.14.0", "vision==0.29.9", "pands")
        outcome = resolver.resolve(a_project(*libs), config, environment)
    assert isinstance(outcome, Unresolved)
    assert remedies(outcome.problems) == {"vision": "0.29.0"}
    assert late == []


def test_a_quarrel_among_the_other_lines_is_told_in_the_same_run(
    environment: Mapping[str, str],
) -> None:
    gym = wheel("gym", "0.18.0", requires=["alpha<2"]), wheel("gym", "0.26.0")
    problems = told(["numpy==9.9", "gym==0.18.0", "alpha==2.0"], gym, environment)
    assert remedies(problems) == {"numpy": "2.3.1"}
    assert quarrels(problems) == {("gym==0.18.0", "alpha==2.0"): {"gym": "0.26.0", "alpha": "1.1"}}


@pytest.mark.parametrize(
    ("libs", "remedy"),
    [
        (["cluster==1.6.1+cpu"], "1.6.1"),
        (["cluster==1.7+cpu"], "1.8"),
        (["cluster==1.6.1+cpu", "alpha==2.0"], "1.8"),
        (["sklearn==9.9"], None),
    ],
    ids=["the same release", "the nearest", "the other lines admit", "an empty package"],
)
def test_where_no_release_has_a_wheel_one_with_sources_is_offered(
    libs: Sequence[str], remedy: str | None, environment: Mapping[str, str]
) -> None:
    cluster = (
        sdist("cluster", "1.6.1", requires=["alpha<2"]),
        sdist("cluster", "1.8", requires=["alpha", "common>=2"]),
        sdist("sklearn", "0.0"),
    )
    problems = told(libs, cluster, environment)
    assert list(remedies(problems).values()) == [remedy]
    problems = told(libs, cluster, environment, source_only=False)
    assert list(remedies(problems).values()) == [None]


def test_a_remedy_that_has_to_be_built_is_not_offered_beside_one_that_has_not(
    environment: Mapping[str, str],
) -> None:
    gym = wheel("gym", "0.18.0", requires=["alpha<2"]), sdist("gym", "0.1", requires=["alpha"])
    problems = told(["gym==0.18.0", "alpha==2.0"], gym, environment)
    assert quarrels(problems) == {("gym==0.18.0", "alpha==2.0"): {"alpha": "1.1"}}


def test_what_pip_refuses_is_no_remedy(environment: Mapping[str, str]) -> None:
    star = (
        wheel("star", "1.0", tag=OLD),
        wheel("star", "1.1", requires=["common (>=0.*)"], requires_python=">=3.8"),
        wheel("star", "2.0"),
    )
    assert remedies(told(["star==1.0"], star, environment)) == {"star": "2.0"}


@pytest.mark.parametrize("refused", [".metadata", ".whl"])
def test_what_is_wrong_is_told_though_what_goes_with_it_cannot_be_looked_at(
    refused: str, environment: Mapping[str, str]
) -> None:
    respond = tree([*CATALOGUE, *FRAMES])

    def failing(path: str, headers: Mapping[str, str]) -> Answer:
        return Answer(status=403) if path.endswith(refused) else respond(path, headers)

    project = a_project("torch==2.13.0", "vision==0.9.1")
    for seen in (environment, {**environment, "PATH": "/nowhere"}):
        with serving(failing) as server:
            config = IndexConfig(url=server.url, origin="--index-url")
            outcome = resolver.resolve(project, config, seen)
        assert isinstance(outcome, Unresolved)
        assert outcome.trouble is None
        assert set(remedies(outcome.problems)) == {"vision"}


@pytest.mark.parametrize(
    ("bounds", "can_be"),
    [
        ([], True),
        (["", ""], True),
        ([">=1", "<2"], True),
        ([">=2", "<2"], False),
        ([">1", "<=1"], False),
        ([">1", "<1.0.1"], True),
        (["~=3.19.5", ">=3.20"], False),
        (["==3.*", ">3.4", "!=3.5"], True),
        (["==3.*", ">=4"], False),
        (["<3", "!=2.1"], True),
        (["==1.0+cpu", "<2"], True),
        (["==1.0+cpu", ">=2"], False),
        (["===strange", "<2"], False),
        ([">=1!1", "<2"], False),
    ],
)
def test_bounds_of_several_lines_may_leave_nothing(bounds: Sequence[str], *, can_be: bool) -> None:
    assert beside._can_be(map(SpecifierSet, bounds)) is can_be


def test_a_remedy_goes_with_what_other_lines_need_besides(environment: Mapping[str, str]) -> None:
    flow = (
        wheel("flow", "1.0", tag=OLD),
        wheel("flow", "2.0", requires=["common<2"]),
        wheel("flow", "3.0", requires=["common>=2"]),
        wheel("board", "1.0", requires=["common>=2"]),
    )
    problems = told(["flow==1.0", "board==1.0"], flow, environment)
    assert (remedies(problems), quarrels(problems)) == ({"flow": "3.0"}, {})


@pytest.mark.parametrize(
    ("libs", "expected"),
    [
        (["flow==1.0", "beta==1.0"], {"flow": "3.0", "beta": "2.0"}),
        (["flow==1.0", "beta==1.0", "numpy==2.2.6"], {"flow": "3.0", "beta": "2.0"}),
        (["flow==1.0", "beta==2.0", "numpy==2.2.6"], {"flow": "2.0"}),
    ],
    ids=["an old one", "beside another", "none of them is old"],
)
def test_what_a_remedy_needs_goes_with_old_pins_that_stay(
    libs: Sequence[str], expected: Mapping[str, str], environment: Mapping[str, str]
) -> None:
    flow = (
        wheel("flow", "1.0", tag=OLD),
        wheel("flow", "2.0", requires=["grad>=1"]),
        wheel("flow", "3.0"),
        wheel("grad", "0.9"),
        wheel("grad", "1.0", yanked="by mistake"),
        wheel("grad", "1.1", requires=["beta>=2"]),
        wheel("grad", "2.0", requires=["beta>=2", "numpy>=2.3"]),
        sdist("beta", "1.0"),
        wheel("beta", "2.0"),
    )
    problems = told(libs, flow, environment)
    assert (remedies(problems), quarrels(problems)) == (expected, {})


@pytest.mark.parametrize(
    ("libs", "remedy"), [(["frame==0.9", "sights"], "2.1"), (["frame==0.9", "sights<0.3"], "2.0")]
)
def test_a_remedy_goes_with_lines_that_are_no_pins(
    libs: Sequence[str], remedy: str, environment: Mapping[str, str]
) -> None:
    files = (
        wheel("frame", "0.9", tag=OLD),
        wheel("frame", "1.0"),
        wheel("frame", "2.0"),
        wheel("frame", "2.1"),
        wheel("sights", "0.1", requires=["frame==0.9"], tag=OLD),
        wheel("sights", "0.2", requires=["frame==2.0"]),
        wheel("sights", "0.3", requires=["frame==2.1"]),
    )
    problems = told(libs, files, environment)
    assert (remedies(problems), quarrels(problems)) == ({"frame": remedy}, {})


def test_what_only_one_line_needs_and_cannot_be_had_is_told_in_the_same_run(
    environment: Mapping[str, str],
) -> None:
    flow = wheel("flow", "0.3", requires=["store==0.21"]), wheel("store", "0.21", tag=OLD)
    problems = told(["numpy==9.9", "flow==0.3"], flow, environment)
    assert remedies(problems) == {"numpy": "2.3.1"}
    assert quarrels(problems) == {("flow==0.3",): {}}


def test_where_no_version_goes_with_another_line_that_one_is_told_to_be_changed(
    environment: Mapping[str, str],
) -> None:
    flow = (
        wheel("flow", "1.0", tag=OLD),
        wheel("flow", "2.0", requires=["alpha>=2"]),
        wheel("flow", "2.1", requires=["alpha>=2"]),
        wheel("flow", "3.0rc1"),  # nobody spoke of it
    )
    problems = told(["flow==1.0", "alpha==1.0"], flow, environment)
    assert remedies(problems) == {"flow": "2.0"}  # beside that alpha
    assert quarrels(problems) == {("flow", "alpha==1.0"): {"alpha": "2.0"}}


def test_all_lines_are_told_that_leave_no_version_of_another_one(
    environment: Mapping[str, str],
) -> None:
    flow = (
        wheel("flow", "1.0", tag=OLD),
        wheel("flow", "2.0", requires=["alpha>=2", "numpy>=2.3", "modern"]),
    )
    libs = ["modern", "numpy==2.2.6", "flow==1.0", "alpha==1.0"]
    problems = told(libs, flow, environment)
    assert remedies(problems) == {"flow": "2.0"}
    assert quarrels(problems) == {
        ("numpy==2.2.6", "flow"): {"numpy": "2.3.1"},
        ("flow", "alpha==1.0"): {"alpha": "2.0"},
    }


def test_who_leaves_no_mended_line_is_named_there_and_not_blamed(
    environment: Mapping[str, str],
) -> None:
    flow = (
        wheel("flow", "1.0", tag=OLD),
        wheel("flow", "2.0", requires=["alpha>=2", "numpy>=2.3"]),
        wheel("gym", "0.18.0", requires=["common<2"]),
        wheel("gym", "0.26.0"),
    )
    libs = ["ipykernel", "numpy==2.2.6", "flow==1.0", "alpha==1.0", "gym==0.18.0", "common==2.0"]
    project = a_project(*libs)
    with serving(tree([*CATALOGUE, *flow])) as server:
        config = IndexConfig(url=server.url, origin="--index-url")
        found = list(pins.check(project, resolver.resolve(project, config, environment)))
    told = {(one.code, str(project.libs[int(one.pointer[6:])].requirement)) for one in found}
    # The last two quarrel whatever comes of flow.
    quarrel = {("KS309", "gym==0.18.0"), ("KS309", "common==2.0")}
    assert told == {("KS304", "flow==1.0"), *quarrel}
    (hint,) = (one.hint for one in found if one.code == "KS304")
    beside = "no release of flow goes with numpy==2.2.6 and alpha==1.0"
    assert hint == f"write flow==2.0; {beside}: write numpy==2.3.1 and alpha==2.0, too"


def test_a_quarrel_is_told_though_one_of_its_lines_leaves_no_mended_one(
    environment: Mapping[str, str],
) -> None:
    flow = (
        wheel("flow", "1.0", tag=OLD),
        wheel("flow", "2.0", requires=["alpha>=2"]),
        wheel("gym", "0.18.0", requires=["alpha>=1.1"]),
    )
    problems = told(["flow==1.0", "alpha==1.0", "gym"], flow, environment)
    assert remedies(problems) == {"flow": "2.0"}
    assert quarrels(problems) == {
        ("flow", "alpha==1.0"): {"alpha": "2.0"},
        ("alpha==1.0", "gym"): {},
    }


def test_where_nothing_helps_nothing_is_offered(environment: Mapping[str, str]) -> None:
    flow = wheel("flow", "1.0", tag=OLD), wheel("flow", "2.0", requires=["alpha>=9"])
    problems = told(["flow==1.0", "alpha", "numpy==9.9"], flow, environment)
    assert remedies(problems) == {"flow": None, "numpy": "2.3.1"}
    assert quarrels(problems) == {("flow",): {}}


def test_a_final_release_that_has_to_be_built_is_offered_before_a_pre_release(
    environment: Mapping[str, str],
) -> None:
    flow = (
        wheel("flow", "1.0"),
        sdist("flow", "2.0"),
        wheel("flow", "3.0rc1"),
        wheel("board", "1.0", requires=["flow>=2"]),
    )
    problems = told(["flow==1.0", "board"], flow, environment)
    assert quarrels(problems) == {("flow==1.0", "board"): {"flow": "2.0"}}


@pytest.mark.parametrize(
    ("needs", "remedy"), [("old", "1.5"), ("old!=1.5", "2.0"), ("old<1.2", None)]
)
def test_what_was_withdrawn_gets_a_version_that_goes_with_the_other_lines(
    needs: str, remedy: str | None, environment: Mapping[str, str]
) -> None:
    files = [
        wheel("old", "1.1", yanked="by mistake"),
        wheel("old", "1.5"),
        wheel("old", "2.0"),
        wheel("frame", "1.0", requires=[needs]),
    ]
    with serving(tree([*CATALOGUE, *files])) as server:
        config = IndexConfig(url=server.url, origin="--index-url")
        outcome = resolver.resolve(a_project("frame==1.0", "old==1.1"), config, environment)
    assert isinstance(outcome, Lock), outcome
    (found,) = outcome.warnings
    assert isinstance(found, Yanked)
    assert (found.remedy and str(found.remedy)) == remedy


def test_what_a_withdrawn_release_pins_does_not_bind_the_remedy(
    environment: Mapping[str, str],
) -> None:
    files = [
        wheel("whole", "1.1", requires=["part==1.1"], yanked="by mistake"),
        wheel("part", "1.1", yanked="by mistake"),
        wheel("whole", "1.2", requires=["part==1.2"]),
        wheel("part", "1.2"),
        wheel("whole", "0.9"),
    ]
    with serving(tree([*CATALOGUE, *files])) as server:
        config = IndexConfig(url=server.url, origin="--index-url")
        outcome = resolver.resolve(a_project("whole==1.1"), config, environment)
    assert isinstance(outcome, Lock), outcome
    own = [one for one in outcome.warnings if isinstance(one, Yanked) and one.lib]
    assert [str(one.remedy) for one in own] == ["1.2"]


@pytest.mark.parametrize(
    ("line", "remedy"), [("old==1.1", "2.0"), ("bound==1.1", None), ("free==1.1", "1.5")]
)
def test_beside_an_error_a_warning_offers_what_goes_with_the_other_lines(
    line: str, remedy: str | None, environment: Mapping[str, str]
) -> None:
    files = [
        *(wheel(name, "1.1", yanked="by mistake") for name in ("old", "bound", "free")),
        wheel("old", "1.5", requires=["alpha>=2"]),
        wheel("old", "2.0"),
        wheel("bound", "1.5", requires=["alpha>=2"]),
        wheel("bound", "2.0", requires=["alpha>=2"]),
        wheel("free", "1.5", requires=["alpha<2"]),
        wheel("free", "2.0"),
    ]
    found = remedies(told([line, "alpha==1.0", "numpy==9.9"], files, environment))
    assert found == {line.partition("=")[0]: remedy, "numpy": "2.3.1"}


@pytest.mark.parametrize(("needs", "remedy"), [("part", None), ("part<2", "2.0"), ("gone", None)])
def test_beside_an_error_nothing_is_built_in_the_place_of_what_a_warning_is_about(
    needs: str, remedy: str | None, environment: Mapping[str, str]
) -> None:
    files = [
        sdist("bridge", "1.0"),
        wheel("bridge", "2.0", requires=[needs]),
        *([wheel("part", "1.0")] if remedy else []),
        sdist("part", "2.0"),
    ]
    found = remedies(told(["bridge==1.0", "numpy==9.9"], files, environment))
    assert found == {"bridge": remedy, "numpy": "2.3.1"}


@pytest.mark.parametrize("others", [(), ("frame==1.0",)])
def test_beside_an_error_a_warning_keeps_its_remedy(
    others: tuple[str, ...], environment: Mapping[str, str]
) -> None:
    files = [
        wheel("old", "1.1", yanked="by mistake"),
        wheel("old", "1.5"),
        wheel("bounds", "1.0"),
        wheel("bounds", "3.0"),
        wheel("frame", "1.0", requires=["bounds>=3"]),
    ]
    found = told(["old==1.1", "bounds==2.0", *others], files, environment)
    assert remedies(found) == {"old": "1.5", "bounds": "3.0"}
