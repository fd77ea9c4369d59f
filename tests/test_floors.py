"""A module imports only from lower floors of the house, or from its own room without a circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import kernelspec_lib

HOUSE = Path(kernelspec_lib.__file__).parent

FLOORS: dict[str, float] = {
    "cli": 7,
    "conformance": 6.5,
    "hub": 6.8,
    "watch": 6.75,
    "checks": 6,
    "delivery": 6,
    "packages": 5,
    "kernels": 5,
    "project": 4,
    "requirement": 3,
    "reports": 4,
    "template": 4,
    "policy": 3,
    "findings": 3,
    "policyfile": 2.75,
    "shape": 2.5,
    "rules": 2.5,
    "cifile": 2.7,
    "shell": 2.6,
    "yamltext": 2.1,
    "dockerfile": 2.5,
    "changes": 1.5,
    "document": 2,
    "onhub": 1,
    "jsontext": 1.5,
    "waking": 1.1,
    "keeping": 1,
    "jsonscan": 1,
    "naming": 1,
    "wording": 1,
    "atomic": 1,
    "errors": 1.2,
    "data": 1,
    "launcher": 1,
}
"""The rank of every room. `__init__` (the version) and `__main__` stand outside the house."""

MODULES = sorted(path for path in HOUSE.rglob("*.py") if "_data" not in path.parts)


def name_of(path: Path) -> str:
    parts = path.relative_to(HOUSE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports_of(path: Path) -> Iterator[str]:
    """Every module of the house that *path* imports, at its top or inside a function."""
    known = {name_of(module) for module in MODULES}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kernelspec_lib"):
            assert node.level == 0
            base = (node.module or "").removeprefix("kernelspec_lib").lstrip(".")
            for alias in node.names:
                below = f"{base}.{alias.name}".lstrip(".")
                yield below if below in known else base
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import hides its floor"
        elif isinstance(node, ast.Import):
            yield from (
                alias.name.removeprefix("kernelspec_lib.")
                for alias in node.names
                if alias.name.startswith("kernelspec_lib.")
            )


def test_every_room_has_a_floor() -> None:
    rooms = {name_of(path).partition(".")[0] for path in MODULES} - {"", "__main__"}
    assert rooms == set(FLOORS)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_come_from_lower_floors(path: Path) -> None:
    room = name_of(path).partition(".")[0]
    if room in ("", "__main__"):
        return
    for imported in imports_of(path):
        other = imported.partition(".")[0]
        if other and other != room:
            assert FLOORS[other] < FLOORS[room], f"{name_of(path)} imports {imported}"


def test_no_circles() -> None:
    graph = {name_of(path): set(imports_of(path)) - {""} for path in MODULES}
    graph = {name: others - {name} for name, others in graph.items()}
    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_and_functions_stay_readable(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 350, "split it"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 40, f"split {node.name}"
