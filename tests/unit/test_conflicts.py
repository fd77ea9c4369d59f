"""The smallest quarrel, found with a resolver that is a rule over names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Barrier

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from kernelspec_lib.errors import IndexUnreachable
from kernelspec_lib.packages import conflicts, early, pylock, reasons, uv
from kernelspec_lib.packages.problems import Conflict, Remedy
from kernelspec_lib.project import Lib
from tests.projects import a_project

REFUSAL = (
    "error: No solution found when resolving dependencies\n"
    "  cause: Because pandas==2.2.3 depends on numpy{python_full_version < '3.12'}>=1.23.2 and you "
    "require pandas==2.2.3, we can conclude that you require numpy>=1.23.2.\n"
    "         And because all versions of left depend on common<2, we can conclude that your "
    "requirements are unsatisfiable.\n\nhint: lib3 is an option\n"
)


class Rules:
    """A solver that refuses where all of *foes* are wanted as they are pinned."""

    def __init__(self, *foes: str) -> None:
        self.foes = set(foes)
        self.calls = 0

    def apart(self, left: Callable[[], float]) -> Rules:
        self.left = left
        return self

    def take(self, other: Rules) -> None:
        assert other is self

    def has_wheel(self, name: str, version: Version) -> bool:
        return True

    def answer(self, wanted: Sequence[Requirement]) -> uv.Compiled | uv.Refused:
        self.calls += 1
        if self.foes <= {str(one) for one in wanted}:
            return uv.Refused(text=REFUSAL)
        return uv.Compiled(
            pins=tuple(pylock.Pin(name=one.name, version="7") for one in wanted), remarks=""
        )


def still() -> float:
    return 0.0


def explained(
    refusal: str, libs: Sequence[Lib], solver: Rules, now: Callable[[], float]
) -> Sequence[Conflict]:
    return conflicts.explain(uv.Refused(text=refusal), libs, solver, now).problems  # type: ignore[arg-type]


MANY = [f"lib{number}==1" for number in range(60)]


@pytest.mark.parametrize("foes", [["lib3==1"], ["lib3==1", "lib59==1"], MANY[20:23], MANY[:1]])
def test_only_the_lines_that_quarrel_are_blamed(foes: list[str]) -> None:
    rules = Rules(*foes)
    (conflict,) = explained(REFUSAL, a_project(*MANY).libs, rules, still)
    assert [str(lib.requirement) for lib in conflict.libs] == foes
    assert rules.calls <= 45


def test_why_is_told_in_short() -> None:
    (conflict,) = explained(
        REFUSAL,
        a_project("pandas==2.2.3", "numpy==1.21").libs,
        Rules("pandas==2.2.3"),
        still,
    )
    assert conflict.explanation == "pandas 2.2.3 needs numpy>=1.23.2; every left needs common<2"


def test_a_package_that_has_several_ways_is_told_with_all_of_them() -> None:
    refusal = (
        "error: No solution found when resolving dependencies\n  cause: Because all of:\n"
        "             lib1>=2,<=3\n             lib1>=5,<=7\n         depend on one of:\n"
        "             lib2[x]{sys_platform == 'linux'}>=1,<=2\n             lib3>=4,<5\n\n"
        "         And because lib5[more]>=1 depends on one of:\n"
        "             lib5==1\n             lib5==2\n"
        "         and lib6[x]==1 depends on lib6==1,\n"
        "         And because lib4==1 depends on lib5, we can conclude\n"
    )
    assert reasons.explained(refusal) == (
        "lib1>=5,<=7 needs lib2[x]>=1,<=2 or lib3>=4,<5; lib4 1 needs lib5"
    )


def test_what_will_be_asked_is_asked_at_once() -> None:
    """A solver that answers only once all five questions are there."""
    project = a_project("left==1", "right==1", "other")
    together = Barrier(5, timeout=30)

    class Waiting(Rules):
        def answer(self, wanted: Sequence[Requirement]) -> uv.Compiled | uv.Refused:
            if [one.name for one in wanted] != ["other"]:
                together.wait()
            return super().answer(wanted)

    told = REFUSAL.replace("pandas", "right")
    rules = Waiting("left==1", "right==1")
    (conflict,) = explained(told, project.libs, rules, still)
    assert conflict.libs == project.libs[:2]
    assert len(conflict.remedies) == 2
    assert rules.calls == 6  # the last one, whether the others stand together


def test_remedies_are_for_lines_that_say_a_version() -> None:
    project = a_project("pandas==2.2.3", "numpy", "other")
    rules = Rules("pandas==2.2.3", "numpy")
    (conflict,) = explained(REFUSAL, project.libs, rules, still)
    assert conflict.libs == project.libs[:2]
    assert conflict.remedies == (Remedy(lib=project.libs[0], version=Version("7")),)


class ThreeQuarrels(Rules):
    """left quarrels with right, and each of them with another one."""

    def answer(self, wanted: Sequence[Requirement]) -> uv.Compiled | uv.Refused:
        lines = {str(one) for one in wanted}
        pairs = ({"left==1", "right==1"}, {"left==1", "lib1==1"}, {"right==1", "lib2==1"})
        self.foes = next((one for one in pairs if one <= lines), {"none of them"})
        return super().answer(wanted)


def test_where_no_line_would_do_alone_all_of_them_are_changed() -> None:
    libs = a_project("left==1", "right==1", "lib1==1", "lib2==1").libs
    (told,) = explained(REFUSAL, libs, ThreeQuarrels(), still)
    assert (told.libs, told.remedies) == (libs[:2], ())
    assert told.together == tuple(Remedy(lib=lib, version=Version("7")) for lib in libs[:2])


@pytest.mark.parametrize(("line", "offered"), [("lib5==1", 1), ("lib5==1rc1", 2)])
def test_a_pre_release_is_no_remedy_for_who_never_spoke_of_one(
    monkeypatch: pytest.MonkeyPatch, line: str, offered: int
) -> None:
    monkeypatch.setattr(early, "finals", lambda solver, libs, answer: answer)  # there are none

    class Early(Rules):
        def answer(self, wanted: Sequence[Requirement]) -> uv.Compiled | uv.Refused:
            answer = super().answer(wanted)
            if isinstance(answer, uv.Refused):
                return answer
            rows = ((one.name, "7rc1" if one.name == "lib5" else "7") for one in answer.pins)
            return replace(answer, pins=tuple(pylock.Pin(name=n, version=v) for n, v in rows))

    libs = a_project("lib3==1", line, "other==1").libs
    (conflict,) = explained(REFUSAL, libs, Early("lib3==1", line), still)
    assert [lib.name for lib in conflict.libs] == ["lib3", "lib5"]
    assert len(conflict.remedies) == offered


def test_a_release_without_the_extra_that_is_wanted_is_no_remedy() -> None:
    class Bare(Rules):
        def answer(self, wanted: Sequence[Requirement]) -> uv.Compiled | uv.Refused:
            answer = super().answer(wanted)
            remarks = "warning: The package `lib5==7` does not have an extra named `http`\n"
            return answer if isinstance(answer, uv.Refused) else replace(answer, remarks=remarks)

    libs = a_project("lib3==1", "lib5[http]==1").libs
    (conflict,) = explained(REFUSAL, libs, Bare("lib3==1", "lib5[http]==1"), still)
    assert [one.lib.name for one in conflict.remedies] == ["lib3"]


def test_a_quarrel_is_told_though_its_remedies_cannot_be_looked_for() -> None:
    class GivesOut(Rules):
        def answer(self, wanted: Sequence[Requirement]) -> uv.Compiled | uv.Refused:
            if any(not one.specifier for one in wanted):
                raise IndexUnreachable("https://index.example/simple", "no end", "try again")
            return super().answer(wanted)

    rules, libs = GivesOut("lib3==1", "lib5==1"), a_project(*MANY[:9]).libs
    (conflict,) = explained(REFUSAL, libs, rules, still)
    assert [str(lib.requirement) for lib in conflict.libs] == ["lib3==1", "lib5==1"]
    assert (conflict.remedies, conflict.together) == ((), ())


def test_where_time_is_up_uv_s_words_must_do() -> None:
    ticks = iter(range(0, 100_000, 1000))
    project = a_project("pandas==2.2.3", "numpy==1.21", "other")
    (conflict,) = explained(
        REFUSAL,
        project.libs,
        Rules("pandas==2.2.3"),
        lambda: float(next(ticks)),
    )
    assert conflict.libs == project.libs[:2]
    assert conflict.remedies == ()


def test_uv_is_not_waited_for_when_time_is_up_and_what_is_known_by_then_is_told() -> None:
    clock = [0.0]

    class Slow(Rules):
        """Of fewer than eight lines uv comes to no end."""

        def answer(self, wanted: Sequence[Requirement]) -> uv.Compiled | uv.Refused:
            if len(wanted) < 8:
                clock[0] += max(0.1, self.left())
                raise IndexUnreachable("https://index.example/simple", "timed out", "try again")
            return super().answer(wanted)

    libs = a_project(*MANY[:20]).libs
    (conflict,) = explained(REFUSAL, libs, Slow("lib3==1", "lib5==1"), lambda: clock[0])
    assert {"lib3", "lib5"} <= {lib.name for lib in conflict.libs}
    assert len(conflict.libs) < 15
    assert clock[0] < 32


class Several(Rules):
    """Two pairs quarrel, and no version of stuck can be had."""

    def answer(self, wanted: Sequence[Requirement]) -> uv.Compiled | uv.Refused:
        lines = {str(one) for one in wanted} | {one.name for one in wanted}
        all_foes = ({"left==1", "right==1"}, {"up==1", "down==1"}, {"stuck"})
        self.foes = next((foes for foes in all_foes if foes <= lines), {"none of them"})
        if self.foes == {"stuck"}:
            self.foes = {str(one) for one in wanted}
        return super().answer(wanted)


def test_every_quarrel_is_told_with_remedies_that_go_with_those_of_the_others() -> None:
    libs = a_project("left==1", "other==1", "up==1", "right==1", "down==1").libs
    told = conflicts.explain(uv.Refused(text=REFUSAL), libs, Several(), still)  # type: ignore[arg-type]
    assert [one.libs for one in told.problems] == [(libs[0], libs[3]), (libs[2], libs[4])]
    assert [one.remedies for one in told.problems] == [
        tuple(Remedy(lib=lib, version=Version("7")) for lib in one.libs) for one in told.problems
    ]
    standing = ["left==7", "other==1", "up==7", "right==1", "down==1"]
    assert [str(lib.requirement) for lib in told.libs] == standing


def test_a_line_that_nothing_helps_leaves_the_others_their_remedies() -> None:
    libs = a_project("left==1", "right==1", "stuck==1").libs
    told = conflicts.explain(uv.Refused(text=REFUSAL), libs, Several(), still)  # type: ignore[arg-type]
    assert {tuple(lib.name for lib in one.libs): len(one.remedies) for one in told.problems} == {
        ("left", "right"): 2, ("stuck",): 0,
    }  # fmt: skip
    assert [str(lib.requirement) for lib in told.libs] == ["left==7", "right==1"]


class NeverExtra(Rules):
    """lib3[http] goes with nothing that pins it or needs it new."""

    def answer(self, wanted: Sequence[Requirement]) -> uv.Compiled | uv.Refused:
        lines = {str(one) for one in wanted}
        all_foes = ({"lib3[http]", "lib3==1"}, {"lib3[http]", "lib5==1"}, {"lib3[http]==1"})
        self.foes = next((foes for foes in all_foes if foes <= lines), {"none of them"})
        return super().answer(wanted)


def test_an_extra_that_cannot_be_is_to_be_taken_out_and_nobody_else_is_blamed() -> None:
    first, second, third = a_project("lib3==1", "lib5==1", "other[http]").libs
    libs = (first, second, replace(third, requirement=Requirement("lib3[http]"), name="lib3"))
    told = conflicts.explain(uv.Refused(text=REFUSAL), libs, NeverExtra(), still)  # type: ignore[arg-type]
    (conflict,) = told.problems
    assert isinstance(conflict, Conflict)
    assert conflict.libs == (libs[0], libs[2])
    assert conflict.remedies == (Remedy(lib=libs[2], version=None),)
    assert [str(lib.requirement) for lib in told.libs] == ["lib3==1", "lib5==1", "lib3"]


def test_a_pinned_line_keeps_its_version_without_the_extra() -> None:
    class Always(NeverExtra):
        def answer(self, wanted: Sequence[Requirement]) -> uv.Compiled | uv.Refused:
            self.foes = {str(one) for one in wanted if one.extras} or {"none of them"}
            return Rules.answer(self, wanted)

    libs = a_project("lib3[http]==1", "lib5==1").libs
    (conflict,) = explained(REFUSAL, libs, Always(), still)
    assert conflict.remedies == (Remedy(lib=libs[0], version=None),)
