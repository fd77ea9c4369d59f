"""From a project to its lock, with uv and an index on loopback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event

import pytest
from packaging.version import Version

from kernelspec_lib.errors import IndexUnreachable, ToolMissing
from kernelspec_lib.packages import binaries, children, lock, resolver, uv
from kernelspec_lib.packages.index import IndexConfig
from kernelspec_lib.packages.lock import Lock
from kernelspec_lib.packages.metadata import Trust
from kernelspec_lib.packages.pages import File, Page
from kernelspec_lib.packages.problems import (
    Conflict,
    NoSuchVersion,
    NoWheel,
    OnlyPrereleases,
    OtherPython,
    SourceOnly,
    SourceRefused,
    UnknownExtra,
    UnknownLib,
    Yanked,
)
from kernelspec_lib.packages.reply import Part
from kernelspec_lib.packages.resolver import Unresolved
from kernelspec_lib.policy import Policy
from kernelspec_lib.project import KernelProject
from tests.catalogue import CATALOGUE
from tests.package_index import Answer, Server, pypiserver, sdist, serving, tree, wheel
from tests.projects import a_project


@pytest.fixture
def environment(tmp_path: Path) -> Mapping[str, str]:
    """A user's, with a home of its own: nothing of this machine's cache or settings gets in."""
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")}


def resolved(project: KernelProject, url: str, environment: Mapping[str, str]) -> Lock | Unresolved:
    return resolver.resolve(project, IndexConfig(url=url, origin="--index-url"), environment)


def locked(outcome: Lock | Unresolved) -> dict[str, str]:
    assert isinstance(outcome, Lock), outcome
    return {package.name: package.version for package in outcome.packages}


def problems(outcome: Lock | Unresolved) -> list[tuple[type, list[str]]]:
    """Type and blamed lines of each."""
    assert isinstance(outcome, Unresolved), outcome
    told: list[tuple[type, list[str]]] = []
    for one in outcome.problems:
        if isinstance(one, Conflict):
            libs = one.libs
        elif isinstance(one, NoWheel | OtherPython | SourceOnly) and one.lib is None:
            libs = one.asked_by
        else:
            libs = (one.lib,) if one.lib else ()
        told.append((type(one), [str(lib.requirement) for lib in libs]))
    return told


def test_lock_names_versions_digests_and_who_asked(
    package_index: Server, environment: Mapping[str, str]
) -> None:
    project = a_project("ipykernel", "alpha>=1,<3")
    outcome = resolved(project, package_index.url, environment)
    assert locked(outcome) == {
        "alpha": "2.0", "common": "2.0", "ipykernel": "7.4.0", "traitlets": "5.16.1",
    }  # fmt: skip
    assert isinstance(outcome, Lock)
    assert outcome.fingerprint == lock.fingerprint(project)
    alpha, common = outcome.packages[:2]
    digest = next(one.sha256 for one in CATALOGUE if one.filename.startswith("alpha-2.0-"))
    assert alpha.hashes == (f"sha256:{digest}",)
    assert (alpha.asked_by, common.asked_by) == (("alpha<3,>=1",), ("via alpha",))


def test_all_bad_pins_are_found_in_one_run(
    package_index: Server, environment: Mapping[str, str]
) -> None:
    libs = ("ipykernel", "numpy==9.9", "sklearn", "windows-only", "modern==2.0", "withdrawn>1.0")
    outcome = resolved(a_project(*libs), package_index.url, environment)
    assert problems(outcome) == [
        (NoSuchVersion, ["numpy==9.9"]),
        (UnknownLib, ["sklearn"]),
        (NoWheel, ["windows-only"]),
        (OtherPython, ["modern==2.0"]),
        (NoSuchVersion, ["withdrawn>1.0"]),
    ]
    assert isinstance(outcome, Unresolved)
    number, name, _, python, withdrawn = outcome.problems
    assert isinstance(number, NoSuchVersion)
    assert number.newest == Version("2.3.1")
    assert isinstance(name, UnknownLib)
    assert name.suggestion == "scikit-learn"
    assert isinstance(python, OtherPython)
    assert (python.requires_python, python.newest) == (">=3.13", Version("1.0"))
    assert isinstance(withdrawn, NoSuchVersion)
    assert withdrawn.withdrawn == Version("1.1")


def test_a_module_of_python_is_no_misspelt_library(environment: Mapping[str, str]) -> None:
    with serving(tree([*CATALOGUE, wheel("pickle-tools", "1.0")])) as server:
        outcome = resolved(a_project("pickle", "pickle-tools"), server.url, environment)
    assert isinstance(outcome, Unresolved)
    (problem,) = outcome.problems
    assert isinstance(problem, UnknownLib)
    assert (problem.lib.name, problem.suggestion) == ("pickle", None)


def test_marker_that_does_not_hold_skips_the_line(
    package_index: Server, environment: Mapping[str, str]
) -> None:
    libs = ("ipykernel", "windows-only; sys_platform == 'win32'", "nowhere; python_version<'3.8'")
    assert "windows-only" not in locked(resolved(a_project(*libs), package_index.url, environment))


@pytest.mark.parametrize(
    ("python_version", "requirement", "problem"),
    [
        ("3.13", "needs-bounded", (OtherPython, ["needs-bounded"])),
        ("3.13", "bounded", (OtherPython, ["bounded"])),
        ("3.12", "compiled", (NoWheel, ["compiled"])),
        ("3.7", "modern", (OtherPython, ["modern"])),
    ],
)
def test_python_of_the_image_decides(
    package_index: Server,
    environment: Mapping[str, str],
    python_version: str,
    requirement: str,
    problem: tuple[type, list[str]],
) -> None:
    project = a_project("traitlets", requirement, python_version=python_version)
    assert problems(resolved(project, package_index.url, environment)) == [problem]


def test_blamed_are_the_lines_that_leave_no_release_for_the_image_s_python(
    environment: Mapping[str, str],
) -> None:
    flow = [
        wheel("flow", "0.9"),
        wheel("flow", "1.0", requires_python=">=3.8,<3.12"),
        wheel("flow", "2.0"),
        wheel("plugin", "1.3", requires=["flow>=1,<2"]),
        wheel("plugin", "1.8", requires=["flow"]),
        wheel("upper", "1.0", requires=["flow<2"]),
        wheel("lower", "1.0", requires=["flow>=1"]),
    ]
    with serving(tree([*CATALOGUE, *flow])) as server:
        libs = ("traitlets", "flow", "plugin==1.3")
        one = resolved(a_project(*libs, python_version="3.13"), server.url, environment)
        libs = ("traitlets", "flow", "lower", "upper")
        two = resolved(a_project(*libs, python_version="3.13"), server.url, environment)
    assert problems(one) == [(OtherPython, ["plugin==1.3"])]
    assert isinstance(one, Unresolved)
    (found,) = one.problems
    assert isinstance(found, OtherPython)
    assert (found.name, str(found.version), str(found.remedy)) == ("flow", "1.0", "1.8")
    assert problems(two) == [(Conflict, ["lower", "upper"])]
    assert isinstance(two, Unresolved)
    (quarrel,) = two.problems
    assert isinstance(quarrel, Conflict)
    *needs, why = quarrel.explanation.split("; ")
    assert sorted(needs) == ["every lower needs flow>=1", "every upper needs flow<2"]
    assert why == "flow 1.0 needs Python >=3.8,<3.12"


def test_patch_of_the_image_s_python_counts(
    package_index: Server, environment: Mapping[str, str]
) -> None:
    project = a_project("patch-level", python_version="3.8")
    assert locked(resolved(project, package_index.url, environment)) == {"patch-level": "1.0"}


def test_glibc_of_the_image_decides(package_index: Server, environment: Mapping[str, str]) -> None:
    old = a_project("too-new-glibc", base_image="python:3.11-slim-bookworm")
    assert problems(resolved(old, package_index.url, environment)) == [(NoWheel, ["too-new-glibc"])]
    new = a_project("too-new-glibc", base_image="python:3.11-slim-trixie")
    assert locked(resolved(new, package_index.url, environment)) == {"too-new-glibc": "1.0"}


def test_conflict_names_the_lines_of_the_user(
    package_index: Server, environment: Mapping[str, str]
) -> None:
    outcome = resolved(
        a_project("ipykernel", "left", "alpha", "right"), package_index.url, environment
    )
    assert problems(outcome) == [(Conflict, ["left", "right"])]
    assert isinstance(outcome, Unresolved)
    (conflict,) = outcome.problems
    assert isinstance(conflict, Conflict)
    assert conflict.explanation == "every right needs common>=2; every left needs common<2"


def test_warnings_travel_with_the_lock(
    package_index: Server, environment: Mapping[str, str]
) -> None:
    project = a_project("ipykernel", "withdrawn==1.1", "alpha[Fats]==1.1")
    outcome = resolved(project, package_index.url, environment)
    assert isinstance(outcome, Lock)
    assert [type(one) for one in outcome.warnings] == [Yanked, UnknownExtra]
    yanked, extra = outcome.warnings
    assert isinstance(yanked, Yanked)
    assert yanked.reason == "it deletes your files"
    assert isinstance(extra, UnknownExtra)
    assert (extra.extra, extra.known) == ("Fats", ("fast",))


def test_sources_are_locked_with_what_they_need_and_never_run(
    tmp_path: Path, environment: Mapping[str, str]
) -> None:
    ran = tmp_path / "ran"
    trap = f"open({str(ran)!r}, 'w').close()\n"
    old = sdist("trapped", "1.0", requires=["common<2"], setup=trap)
    new = sdist("trapped", "2.0", requires=["alpha"], setup=trap)
    below = wheel("over-trapped", "1.0", requires=["trapped<2"])
    with serving(tree([*CATALOGUE, old, new, below])) as server:
        direct = resolved(a_project("trapped==1.0"), server.url, environment)
        newest = resolved(a_project("trapped"), server.url, environment)
        both = resolved(a_project("trapped", "over-trapped"), server.url, environment)
    assert locked(direct) == {"common": "1.0", "trapped": "1.0"}
    assert locked(newest) == {"alpha": "2.0", "common": "2.0", "trapped": "2.0"}
    assert locked(both) == {"common": "1.0", "over-trapped": "1.0", "trapped": "1.0"}
    assert not ran.exists()
    assert isinstance(direct, Lock)
    common, trapped = direct.packages
    assert (trapped.hashes, trapped.source_only) == ((f"sha256:{old.sha256}",), True)
    assert (common.asked_by, common.source_only) == (("via trapped",), False)
    (warning,) = direct.warnings
    assert isinstance(warning, SourceOnly)
    assert (warning.lib, warning.trust) == (a_project("trapped==1.0").libs[0], Trust.EXACT)
    assert direct.download_size == len(old.content) + next(
        len(one.content) for one in CATALOGUE if one.filename.startswith("common-1.0")
    )


def test_sources_below_a_line_are_told_at_that_line(
    package_index: Server, environment: Mapping[str, str]
) -> None:
    project = a_project("ipykernel", "needs-source")
    outcome = resolved(project, package_index.url, environment)
    assert locked(outcome)["source-only"] == "1.0"
    assert isinstance(outcome, Lock)
    (warning,) = outcome.warnings
    assert isinstance(warning, SourceOnly)
    assert (warning.lib, warning.name) == (None, "source-only")
    assert [lib.pointer for lib in warning.asked_by] == ["/libs/1"]


@pytest.mark.parametrize("line", ["source-only==1.0", "needs-source"])
def test_a_site_may_refuse_sources(
    package_index: Server, environment: Mapping[str, str], line: str
) -> None:
    config = IndexConfig(url=package_index.url, origin="--index-url")
    policy = Policy(source_only=False)
    project = a_project("ipykernel", line)
    outcome = resolver.resolve(project, config, environment, policy=policy)
    assert isinstance(outcome, Unresolved)
    (problem,) = outcome.problems
    assert isinstance(problem, SourceRefused)
    assert {*problem.asked_by, problem.lib} - {None} == {project.libs[1]}


def test_sources_of_another_release_are_not_mixed_up_with_wheels(
    environment: Mapping[str, str],
) -> None:
    files = [
        wheel("mixed", "1.0", requires=["common<2"]),
        sdist("mixed", "1.0", requires=["common<2"]),
        sdist("mixed", "2.0", requires=["common>=2"]),
        wheel("wants-mixed", "1.0", requires=["mixed<2"]),
        wheel("wants-new-mixed", "1.0", requires=["mixed>=2"]),
    ]
    with serving(tree([*CATALOGUE, *files])) as server:
        old = resolved(a_project("wants-mixed"), server.url, environment)
        new = resolved(a_project("wants-new-mixed"), server.url, environment)
    assert isinstance(old, Lock)
    assert isinstance(new, Lock)
    assert [one.source_only for one in old.packages if one.name == "mixed"] == [False]
    assert locked(new)["common"] == "2.0"
    assert [one.source_only for one in new.packages if one.name == "mixed"] == [True]


def test_a_pre_release_that_nobody_asked_for_is_not_taken(
    environment: Mapping[str, str],
) -> None:
    """uv, left alone, goes back to one that has a wheel; pip builds the release."""
    files = [
        wheel("early", "0.6a1"),
        sdist("early", "1.0"),
        wheel("over-early", "1.0", requires=["early"]),
    ]
    with serving(tree(files)) as server:
        outcome = resolved(a_project("over-early"), server.url, environment)
    assert locked(outcome) == {"early": "1.0", "over-early": "1.0"}


def test_the_pre_release_is_told_that_was_taken(environment: Mapping[str, str]) -> None:
    betas = [wheel("beta", "1.0b1"), wheel("beta", "1.0b2", requires=["common>=2"])]
    with serving(tree([*CATALOGUE, *betas])) as index:
        outcome = resolved(a_project("beta", "common<2"), index.url, environment)
    assert locked(outcome)["beta"] == "1.0b1"
    assert isinstance(outcome, Lock)
    (warning,) = outcome.warnings
    assert isinstance(warning, OnlyPrereleases)
    assert str(warning.version) == "1.0b1"


def test_conflict_is_as_small_as_can_be_and_its_remedy_was_tried(
    environment: Mapping[str, str],
) -> None:
    files = [
        wheel("left", "0.9", requires=["common"]),
        wheel("beside", "1.0", requires=["common"]),
        wheel("chain", "1.0", requires=["right==1.0"]),
    ]
    project = a_project("ipykernel", "beside", "left==1.0", "common", "alpha", "chain")
    with serving(tree([*CATALOGUE, *files])) as server:
        outcome = resolved(project, server.url, environment)
        assert problems(outcome) == [(Conflict, ["left==1.0", "chain"])]
        assert isinstance(outcome, Unresolved)
        (conflict,) = outcome.problems
        assert isinstance(conflict, Conflict)
        (remedy,) = conflict.remedies
        assert (remedy.lib, remedy.version) == (project.libs[2], Version("0.9"))
        mended = a_project("ipykernel", "beside", "left==0.9", "common", "alpha", "chain")
        assert locked(resolved(mended, server.url, environment))["left"] == "0.9"


def test_what_uv_has_seen_in_this_run_it_need_not_see_again_before_anyone_is_blamed(
    environment: Mapping[str, str],
) -> None:
    chain = wheel("chain", "1.0", requires=["right==1.0"])
    with serving(tree([*CATALOGUE, chain])) as server:
        outcome = resolved(a_project("left==1.0", "chain"), server.url, environment)
        assert problems(outcome) == [(Conflict, ["left==1.0", "chain"])]
        asked = [path for path in server.requests if path.endswith("/chain/")]
    assert len(asked) == 2, "once by the look, and once by uv"


def test_an_older_release_that_installs_is_taken_below_a_line(
    environment: Mapping[str, str],
) -> None:
    older = wheel("bounded", "0.9", requires_python=">=3.8")
    with serving(tree([*CATALOGUE, older])) as server:
        project = a_project("needs-bounded", python_version="3.13")
        outcome = resolved(project, server.url, environment)
    assert locked(outcome) == {"bounded": "0.9", "needs-bounded": "1.0"}


def test_an_older_release_is_taken_that_needs_what_has_to_be_built(
    environment: Mapping[str, str],
) -> None:
    older = wheel("bounded", "0.9", requires=["from-source"], requires_python=">=3.8")
    with serving(tree([*CATALOGUE, older, sdist("from-source", "1.0")])) as server:
        project = a_project("bounded", python_version="3.13")
        outcome = resolved(project, server.url, environment)
    assert locked(outcome) == {"bounded": "0.9", "from-source": "1.0"}


def test_an_index_that_tells_no_requires_python_is_asked_for_the_metadata(
    tmp_path: Path, environment: Mapping[str, str]
) -> None:
    (tmp_path / "wheels").mkdir()
    for one in CATALOGUE:
        if one.project in ("bounded", "needs-bounded"):
            (tmp_path / "wheels" / one.filename).write_bytes(one.content)
    with pypiserver(tmp_path / "wheels") as server:
        project = a_project("needs-bounded", python_version="3.13")
        outcome = resolved(project, server.url, environment)
    assert problems(outcome) == [(OtherPython, ["needs-bounded"])]


@pytest.mark.parametrize("html_only", [False, True])
def test_a_bound_that_only_the_page_tells_counts_below_a_line(
    environment: Mapping[str, str], html_only: bool
) -> None:
    quiet = replace(wheel("quiet", "1.0"), requires_python=">=3.8,<3.10")
    files = [*CATALOGUE, quiet, wheel("asking", "1.0", requires=["quiet"])]
    with serving(tree(files, html_only=html_only)) as server:
        outcome = resolved(a_project("alpha", "asking"), server.url, environment)
    assert problems(outcome) == [(OtherPython, ["asking"])]


def test_what_uv_has_seen_of_what_the_libs_bring_is_not_asked_for_again(
    environment: Mapping[str, str],
) -> None:
    plain = wheel("plain", "1.0", requires_python=">=3.8")
    asking = wheel("asking", "1.0", requires=["plain", "common"], requires_python=">=3.8")
    with serving(tree([*CATALOGUE, plain, asking])) as server:
        outcome = resolved(a_project("asking"), server.url, environment)
    assert locked(outcome) == {"asking": "1.0", "common": "2.0", "plain": "1.0"}
    asked = {name: server.requests.count(f"/simple/{name}/") for name in locked(outcome)}
    # uv asks once for each. A line's own page is looked at, and one that may tell more.
    assert asked == {"asking": 2, "common": 2, "plain": 1}
    assert isinstance(outcome, Lock)
    assert {one.name: one.hashes for one in outcome.packages}["plain"] == (
        f"sha256:{plain.sha256}",
    )


def test_a_withdrawn_release_that_no_line_pins_is_told_at_who_asks(
    environment: Mapping[str, str],
) -> None:
    asking = wheel("wants-withdrawn", "1.0", requires=["withdrawn==1.1"])
    project = a_project("ipykernel", "wants-withdrawn")
    with serving(tree([*CATALOGUE, asking])) as server:
        outcome = resolved(project, server.url, environment)
    assert isinstance(outcome, Lock)
    (warning,) = outcome.warnings
    assert isinstance(warning, Yanked)
    assert (warning.lib, warning.name, warning.asked_by) == (None, "withdrawn", project.libs[1:])


@pytest.mark.parametrize(
    ("need", "stands"),
    [("withdrawn===1.1", True), ("withdrawn>=1.1,<=1.1", False), ("withdrawn==1.1.*", False)],
)
def test_a_range_with_one_release_in_it_pins_nothing(
    need: str, stands: bool, environment: Mapping[str, str]
) -> None:
    # To uv the first two are the same.
    asking = wheel("wants", "1.0", requires=[need], extras={"more": ["withdrawn==1.1"]})
    with serving(tree([*CATALOGUE, asking])) as server:
        outcome = resolved(a_project("wants"), server.url, environment)
    assert isinstance(outcome, Lock) is stands
    if not stands:
        assert problems(outcome) == [(Conflict, ["wants"])]
        assert isinstance(outcome, Unresolved)
        (found,) = outcome.problems
        assert isinstance(found, Conflict)
        assert "withdrawn 1.1 was withdrawn by its authors" in found.explanation


def test_wheels_of_alpine_are_its_own(environment: Mapping[str, str]) -> None:
    files = [
        wheel("compiled", "2.0", tag="cp311-cp311-musllinux_1_1_x86_64"),
        wheel("compiled", "3.0", tag="cp311-cp311-manylinux_2_17_x86_64"),
    ]
    project = a_project("compiled", base_image="python:3.11-alpine")
    with serving(tree(files)) as server:
        assert locked(resolved(project, server.url, environment)) == {"compiled": "2.0"}


def test_uv_missing_is_told_only_after_the_direct_look(
    package_index: Server, environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(environment: Mapping[str, str]) -> str:
        raise ToolMissing("uv", "check what the libs depend on", "install it")

    monkeypatch.setattr(binaries, "find", missing)
    bad = a_project("ipykernel", "numpy==9.9")
    assert problems(resolved(bad, package_index.url, environment)) == [
        (NoSuchVersion, ["numpy==9.9"])
    ]
    with pytest.raises(ToolMissing):
        resolved(a_project("ipykernel"), package_index.url, environment)
    warned = resolved(a_project("ipykernel", "withdrawn==1.1"), package_index.url, environment)
    assert problems(warned) == [(Yanked, ["withdrawn==1.1"])]
    assert isinstance(warned, Unresolved)
    assert isinstance(warned.trouble, ToolMissing)


def test_uv_that_comes_to_no_end_is_waited_for_once(
    package_index: Server,
    environment: Mapping[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    endless, begun = tmp_path / "uv", tmp_path / "begun"
    endless.write_text(f"#!/bin/sh\necho >> {begun}\nexec sleep 60\n")
    endless.chmod(0o755)
    monkeypatch.setattr(binaries, "find", lambda environment: str(endless))
    monkeypatch.setattr(uv, "TIMEOUT", 0.5)
    outcome = resolved(a_project("preview"), package_index.url, environment)
    assert isinstance(outcome, Unresolved)
    assert "uv came to no end" in str(outcome.trouble)
    assert begun.read_text().count("\n") == 1


def test_a_home_that_cannot_be_written_to_is_no_hindrance(
    package_index: Server, environment: Mapping[str, str], tmp_path: Path
) -> None:
    (tmp_path / "home").write_text("a file where the cache should be")
    assert "alpha" in locked(resolved(a_project("alpha"), package_index.url, environment))


def test_kernelspec_cache_names_the_cache(
    package_index: Server, environment: Mapping[str, str], tmp_path: Path
) -> None:
    cached = {**environment, "KERNELSPEC_CACHE": str(tmp_path / "cache")}
    resolved(a_project("alpha"), package_index.url, cached)
    assert (tmp_path / "cache" / "uv").is_dir()
    assert not (tmp_path / "home").exists()


def test_a_uv_toml_of_the_user_is_not_obeyed(
    package_index: Server,
    environment: Mapping[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "uv.toml").write_text('index-url = "http://127.0.0.1:9/simple"\noffline = true\n')
    monkeypatch.chdir(tmp_path)
    told = {**environment, "UV_INDEX_URL": "http://127.0.0.1:9/simple", "UV_OFFLINE": "1"}
    assert "alpha" in locked(resolved(a_project("alpha"), package_index.url, told))


# -- the index fails


def test_all_unknown_asks_whether_the_url_is_an_index(environment: Mapping[str, str]) -> None:
    with serving(tree(CATALOGUE)) as server:
        wrong = server.url + "s/wrong"
        with pytest.raises(IndexUnreachable, match="ends in /simple"):
            resolved(a_project("ipykernel", "alpha"), wrong, environment)
        outcome = resolved(a_project("nowhere", "alfa"), server.url, environment)
        assert [kind for kind, _ in problems(outcome)] == [UnknownLib, UnknownLib]


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_dependency_that_cannot_be_fetched_is_no_conflict(
    status: int, environment: Mapping[str, str]
) -> None:
    inner = tree(CATALOGUE)

    def respond(path: str, headers: Mapping[str, str]) -> Answer:
        return Answer(status=status) if "common" in path else inner(path, headers)

    with serving(respond) as server, pytest.raises(IndexUnreachable) as caught:
        resolved(a_project("ipykernel", "alpha==2.0"), server.url, environment)
    assert server.url in str(caught.value)


def test_a_dependency_that_is_nowhere_blames_who_needs_it(environment: Mapping[str, str]) -> None:
    files = [*CATALOGUE, wheel("lonely", "1.0", requires=["vanished"])]
    with serving(tree(files)) as server:
        outcome = resolved(a_project("ipykernel", "lonely"), server.url, environment)
    assert problems(outcome) == [(Conflict, ["lonely"])]


def test_what_could_be_looked_at_is_told_beside_the_trouble(
    environment: Mapping[str, str],
) -> None:
    @dataclass
    class HalfIndex:
        """Knows alpha, and breaks over everything else."""

        asked: list[str] = field(default_factory=list)

        def page(self, name: str) -> Page | None:
            self.asked.append(name)
            if name != "alpha":
                raise IndexUnreachable("https://index.example/simple", "it broke off")
            file = File(filename="", version=Version("1"), url="", tags="py3-none-any")
            return Page(name=name, releases={Version("1"): (file,)})

        def recent(self) -> HalfIndex:
            return self

        def probe(self) -> None:
            raise AssertionError("it answered")

        def digest(self, file: File) -> str:
            raise AssertionError("nothing to lock")

        def beginning(self, url: str, limit: int) -> bytes | None:
            raise AssertionError("nothing to read")

        def part(self, url: str, start: int, length: int) -> Part | None:
            raise AssertionError

    config = IndexConfig(url="https://index.example/simple", origin="")
    bad = a_project("alpha==2", "beta")
    outcome = resolver.resolve_with(HalfIndex(), bad, config, environment)
    assert problems(outcome) == [(NoSuchVersion, ["alpha==2"])]
    assert isinstance(outcome, Unresolved)
    assert outcome.trouble is not None
    with pytest.raises(IndexUnreachable, match="it broke off"):
        resolver.resolve_with(HalfIndex(), a_project("alpha", "beta"), config, environment)


# -- what uv is handed


def test_credentials_reach_uv_and_stand_in_no_argument(
    environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    inner, calls = tree(CATALOGUE), []
    start = children.start

    def watched(command: list[str], **given: object) -> object:
        calls.append(command)
        return start(command, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(children, "start", watched)

    def respond(path: str, headers: Mapping[str, str]) -> Answer:
        if headers.get("Authorization") != "Basic YWRhOnMzY3JldA==":
            return Answer(status=401, headers={"WWW-Authenticate": "Basic"})
        return inner(path, headers)

    with serving(respond) as server:
        config = IndexConfig(url=server.url, origin="", username="ada", password="s3cret")
        outcome = resolver.resolve(a_project("alpha==2.0"), config, environment)
    assert set(locked(outcome)) == {"alpha", "common"}
    assert len(calls) == 1
    assert "s3cret" not in " ".join(calls[0])
    assert isinstance(outcome, Lock)
    assert server.url not in lock.render(outcome)


# -- what comes out


def test_the_lock_installs_from_an_index_that_speaks_html_only(
    tmp_path: Path, environment: Mapping[str, str]
) -> None:
    folder = tmp_path / "wheels"
    folder.mkdir()
    for one in CATALOGUE:
        (folder / one.filename).write_bytes(one.content)
    with pypiserver(folder) as server:
        outcome = resolved(a_project("alpha>=2"), server.url, environment)
        assert locked(outcome) == {"alpha": "2.0", "common": "2.0"}
        assert isinstance(outcome, Lock)
        lock.write(outcome, tmp_path / "requirements.lock")
        done = subprocess.run(
            [sys.executable, "-m", "pip", "install", "--no-deps", "--require-hashes", "--isolated",
             "--index-url", server.url, "--target", str(tmp_path / "site"),
             "-r", str(tmp_path / "requirements.lock")],
            capture_output=True, text=True, check=False, env={**environment},
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "alpha.py").is_file()
    assert (tmp_path / "site" / "common.py").is_file()


def test_uv_is_asked_once_and_while_the_index_is_looked_at(
    environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    start, look = children.start, resolver.look

    def counted(*given: object, **named: object) -> object:
        calls.append("uv")
        asked.set()
        return start(*given, **named)  # type: ignore[arg-type]

    def waiting(*given: object) -> object:
        # Would uv be asked only after the look, this would wait in vain.
        calls.append("look" if asked.wait(20) else "look, and uv had not begun")
        return look(*given)  # type: ignore[arg-type]

    asked = Event()
    monkeypatch.setattr(children, "start", counted)
    monkeypatch.setattr(resolver, "look", waiting)
    with serving(tree(CATALOGUE)) as index:
        assert "alpha" in locked(resolved(a_project("alpha"), index.url, environment))
    assert calls == ["uv", "look"]


def test_uv_that_was_refused_before_the_login_was_known_is_asked_again(
    environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = [subprocess.CompletedProcess((), 1, "", "alpha was not found: 401 Unauthorized")]
    finish = children.finish

    def first_refused(*given: object) -> object:
        return refused.pop() if refused else finish(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(children, "finish", first_refused)
    with serving(tree(CATALOGUE)) as index:
        assert "alpha" in locked(resolved(a_project("alpha"), index.url, environment))
    assert not refused


def test_a_release_that_only_uv_was_shown_is_not_taken_and_nobody_is_blamed(
    environment: Mapping[str, str],
) -> None:
    new, old = tree([*CATALOGUE, wheel("common", "3.0")]), tree(CATALOGUE)

    def two_faced(path: str, headers: Mapping[str, str]) -> Answer:
        agent = {name.lower(): value for name, value in headers.items()}["user-agent"]
        return (new if agent.startswith("uv/") else old)(path, headers)

    with serving(two_faced) as index:
        assert locked(resolved(a_project("alpha==2.0"), index.url, environment))["common"] == "2.0"


def test_what_lies_inside_a_wheel_is_asked_for_once(environment: Mapping[str, str]) -> None:
    # Those of a time when nobody minded malformed needs are read twice: by uv, and as they are.
    files = [
        wheel("app", "1.0", requires=["deep<2"]),
        wheel("base", "1.0", requires=["deep>=2"]),
        *(wheel("deep", version) for version in ("1.0", "2.0")),
    ]
    ours = [replace(one, beside=False, uploaded="2026-01-01T00:00:00Z") for one in files]
    with serving(tree(ours)) as server:
        assert problems(resolved(a_project("app", "base"), server.url, environment))
        asked = [path for path in server.requests if path.endswith(".whl")]
    assert asked
    assert sorted(asked) == sorted(set(asked))


def test_nobody_is_blamed_for_what_was_true_some_minutes_ago(
    environment: Mapping[str, str],
) -> None:
    old = [
        wheel("app", "1.0", requires=["deep<2"]),
        wheel("base", "1.0", requires=["deep>=2"]),
        *(wheel("deep", version) for version in ("1.0", "2.0")),
    ]
    newer = wheel("app", "1.1", requires=["deep"])
    offered = list(old)
    project = a_project("app", "base")

    def respond(path: str, headers: Mapping[str, str]) -> Answer:
        return tree(offered)(path, headers)

    with serving(respond) as server:
        assert [kind for kind, _ in problems(resolved(project, server.url, environment))] == [
            Conflict
        ]
        offered.append(newer)
        outcome = resolved(project, server.url, environment)
    assert locked(outcome) == {"app": "1.1", "base": "1.0", "deep": "2.0"}


@pytest.mark.parametrize("fits", [True, False], ids=["at last", "never"])
def test_releases_that_have_to_be_built_are_not_asked_for_one_by_one(
    environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, fits: bool
) -> None:
    calls: list[str] = []
    start = children.start

    def counted(*given: object, **named: object) -> object:
        calls.append("uv")
        return start(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(children, "start", counted)
    releases = [
        sdist(
            "layered", f"{number}.0", requires=["common<2" if number > 1 or not fits else "alpha"]
        )
        for number in range(1, 19)
    ]
    with serving(tree([*CATALOGUE, *releases])) as index:
        outcome = resolved(a_project("layered", "common>=2"), index.url, environment)
    if fits:
        assert locked(outcome)["layered"] == "1.0"
        assert len(calls) < 10
    else:
        assert problems(outcome)[-1] == (Conflict, ["layered", "common>=2"])
        assert len(calls) < 20


def test_releases_for_other_pythons_are_not_asked_for_one_by_one(
    environment: Mapping[str, str],
) -> None:
    """uv overlooks upper bounds of Requires-Python."""
    between = [
        sdist("layered", f"{number}.0", requires=["common<2"], requires_python="<3.8")
        for number in range(2, 30)
    ]
    ends = [sdist("layered", "30.0", requires=["common<2"]), sdist("layered", "1.0")]
    with serving(tree([*CATALOGUE, *between, *ends])) as index:
        outcome = resolved(a_project("layered", "common>=2"), index.url, environment)
    assert locked(outcome)["layered"] == "1.0"


@pytest.mark.parametrize(
    ("tags", "glibc"),
    [
        (["cp311-cp311-manylinux_2_99_x86_64", "cp311-cp311-manylinux_2_98_x86_64"], (2, 98)),
        (["cp310-cp310-manylinux_2_98_x86_64", "cp311-cp311-win_amd64"], None),
    ],
)
def test_a_wheel_for_a_newer_c_library_is_told_as_that(
    tags: list[str], glibc: tuple[int, int] | None, environment: Mapping[str, str]
) -> None:
    files = [wheel("newer", "1.0", tag=tag) for tag in tags]
    with serving(tree(files)) as index:
        outcome = resolved(a_project("newer"), index.url, environment)
    assert problems(outcome) == [(NoWheel, ["newer"])]
    assert isinstance(outcome, Unresolved)
    (problem,) = outcome.problems
    assert isinstance(problem, NoWheel)
    assert problem.glibc == glibc


def test_an_extra_of_sources_that_a_package_wants_may_be_built_too(
    environment: Mapping[str, str],
) -> None:
    files = [
        *(wheel("agent", "1.0", requires=["arena[box]"]), sdist("box-py", "1.0")),
        *(sdist("arena", "0.1"), sdist("arena", "2.0", extras={"box": ["box-py==1.0"]})),
    ]
    with serving(tree(files)) as index:
        outcome = resolved(a_project("agent"), index.url, environment)
        alone = resolved(a_project("arena"), index.url, environment)
    # Not the release of old, which knows no such extra, and so seems to need nothing.
    assert locked(outcome) == {"agent": "1.0", "arena": "2.0", "box-py": "1.0"}
    assert locked(alone) == {"arena": "2.0"}


def test_a_release_withdrawn_without_a_word_counts_only_where_it_is_pinned(
    environment: Mapping[str, str],
) -> None:
    files = [*CATALOGUE, wheel("quiet", "1.0"), wheel("quiet", "2.0", yanked=True)]
    files += [wheel("partly", "2.0"), wheel("partly", "2.1", yanked=True)]
    with serving(tree(files)) as server:
        outcome = resolved(a_project("quiet>=1"), server.url, environment)
        assert locked(outcome) == {"quiet": "1.0"}
        assert isinstance(outcome, Lock)
        assert outcome.warnings == ()
        only = resolved(a_project("quiet>=2"), server.url, environment)
        assert problems(only) == [(NoSuchVersion, ["quiet>=2"])]
        pinned = resolved(a_project("quiet==2.0"), server.url, environment)
        assert locked(pinned) == {"quiet": "2.0"}
        assert isinstance(pinned, Lock)
        assert [type(one) for one in pinned.warnings] == [Yanked]
        # A wildcard pins nothing.
        any_two = resolved(a_project("quiet==2.*"), server.url, environment)
        assert problems(any_two) == [(NoSuchVersion, ["quiet==2.*"])]
        rest = resolved(a_project("partly==2.*"), server.url, environment)
        assert locked(rest) == {"partly": "2.0"}
        assert isinstance(rest, Lock)
        assert rest.warnings == ()
