"""Which library a mistyped name meant, and which release a mistyped number."""

from __future__ import annotations

from dataclasses import replace

import pytest
from packaging.version import Version

from kernelspec_lib.packages import names
from kernelspec_lib.packages.look import look
from kernelspec_lib.packages.pages import File, Page
from kernelspec_lib.packages.problems import NoSuchVersion, UnknownLib
from kernelspec_lib.packages.reply import Part
from kernelspec_lib.packages.target import Target
from tests.projects import a_project

TARGET = Target(python_version="3.11", python_full_version="3.11.9")


class Shelf:
    """An index with pure wheels of what it is told."""

    def __init__(self, **releases: list[str]) -> None:
        self.releases = releases

    def page(self, name: str) -> Page | None:
        if name not in self.releases:
            return None
        files = {
            Version(number): (
                File(filename="", version=Version(number), url="", tags="py3-none-any"),
            )
            for number in self.releases[name]
        }
        return Page(name=name, releases=files)

    def probe(self) -> None:
        return None

    def digest(self, file: File) -> str:
        raise AssertionError(file)

    def beginning(self, url: str, limit: int) -> bytes | None:
        raise AssertionError(url)

    def part(self, url: str, start: int, length: int) -> Part | None:
        raise AssertionError


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("sklearn", "scikit-learn"),
        ("cv2", "opencv-python-headless"),
        ("pil", "pillow"),
        ("yaml", "pyyaml"),
        ("bs4", "beautifulsoup4"),
        ("skimage", "scikit-image"),
        ("skmisc", "scikit-misc"),
        ("tensorflow-gpu", "tensorflow"),
        ("pstuil", "psutil"),
        ("pnadas", "pandas"),
        ("scikit-lern", "scikit-learn"),
        ("matplolib", "matplotlib"),
        ("scipy-stats", "scipy"),
        ("matplotlib-pyplot", "matplotlib"),
        ("speech-recognition", "speechrecognition"),
    ],
)
def test_a_name_of_habit_is_known(wrong: str, right: str) -> None:
    assert next(names.meant(wrong, ())) == right


def test_what_the_site_uses_comes_first() -> None:
    assert next(names.meant("ptorches", {"portches"})) == "portches"
    assert list(names.meant("our-churn-tols", ())) == ["ourchurntols"]
    assert list(names.meant("cassandra", {"cassandra-driver"})) == ["cassandra-driver"]
    assert next(names.meant("our-churn-tols", {"our-churn-tools"})) == "our-churn-tools"


def test_a_near_name_is_offered_only_if_the_index_has_it() -> None:
    project = a_project("ipykernel", "our-churn-tols", "pnadas")
    index = Shelf(ipykernel=["7.0"])
    seen = look(project.libs, index, TARGET, lambda: {"our-churn-tools"})
    assert seen.problems == tuple(UnknownLib(lib=lib, suggestion=None) for lib in project.libs[1:])
    index = Shelf(ipykernel=["7.0"], **{"our-churn-tools": ["1"]})
    (first, second) = look(project.libs, index, TARGET, lambda: {"our-churn-tools"}).problems
    assert first == UnknownLib(lib=project.libs[1], suggestion="our-churn-tools")
    assert second == UnknownLib(lib=project.libs[2], suggestion=None)


def test_a_name_put_together_is_not_offered_where_it_has_sources_only() -> None:
    class Sources(Shelf):
        def page(self, name: str) -> Page | None:
            page = super().page(name)
            files = (File(filename="", version=Version("0.5"), url="", tags=None),)
            return replace(page, releases={Version("0.5"): files}) if page else None

    project = a_project("ipykernel", "graph-tool")
    (wheels,) = look(project.libs, Shelf(ipykernel=["7"], graphtool=["1"]), TARGET).problems
    assert wheels == UnknownLib(lib=project.libs[1], suggestion="graphtool")
    found = look(project.libs, Sources(ipykernel=["7"], graphtool=["1"]), TARGET).problems
    assert UnknownLib(lib=project.libs[1], suggestion=None) in found


def test_a_near_name_that_is_listed_already_is_told_so() -> None:
    project = a_project("ipykernel", "psutil", "pstuil")
    (problem,) = look(project.libs, Shelf(ipykernel=["7"], psutil=["7"]), TARGET).problems
    assert problem == UnknownLib(lib=project.libs[2], suggestion="psutil", listed=True)


@pytest.mark.parametrize(
    ("line", "nearest"),
    [
        ("alpha==2.2.33", "2.2.3"),
        ("alpha==2.2.0+cpu", "2.2.0"),
        ("alpha==9.0", "3.0.1"),
        ("alpha==2.2.4.post1", "2.2.3"),
        ("alpha==0.9", "1.5"),
        ("alpha==2.1", "2.2.0"),
        ("alpha==2.5", "2.2.3"),
        ("alpha~=2.4.0", "2.2.3"),
        ("alpha>=4", "3.0.1"),
    ],
)
def test_the_nearest_release_is_told(line: str, nearest: str) -> None:
    project = a_project("ipykernel", line)
    index = Shelf(ipykernel=["7"], alpha=["1.5", "1.9", "2.2.0", "2.2.3", "2.2.5rc1", "3.0.1"])
    (problem,) = look(project.libs, index, TARGET).problems
    assert isinstance(problem, NoSuchVersion)
    assert str(problem.remedy) == nearest
