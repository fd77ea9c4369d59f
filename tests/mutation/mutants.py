"""Checks that are switched off, one statement at a time.

A mutant is a statement that tells something wrong: the `yield` of a finding, the call that notes a
fault, the `return` of a refusal. Switched off, it stands behind `if False`. Functions get new code
in the running process; nothing is written, and nobody's references go stale.
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import kernelspec_lib
from kernelspec_lib.packages import problems
from kernelspec_lib.rules import RULES

HOUSE = Path(kernelspec_lib.__file__).parent
_CODE = re.compile(r"KS\d{3}")
_PROBLEMS = {
    name: getattr(problems, name).code
    for name in dir(problems)
    if hasattr(getattr(problems, name), "code")
}
"""From the name of a problem's type to its code."""
_NOT_JUDGING = ("rules", "cli", "reports", "findings", "_data", "packages.problems")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One statement to switch off."""

    module: str
    function: str
    """Its qualified name."""
    line: int
    text: str
    """The first line of the statement."""
    codes: frozenset[str]
    """The rules that the statement or its function names; empty: it names none."""

    def __str__(self) -> str:
        return f"{self.module}:{self.line} in {self.function}: {self.text}"


def mutants() -> Iterator[Mutant]:
    """Every one there is, in the order of modules and lines."""
    for path in sorted(HOUSE.rglob("*.py")):
        name = ".".join(path.relative_to(HOUSE).with_suffix("").parts).removesuffix(".__init__")
        if not name.startswith(_NOT_JUDGING):
            yield from _in_module(name, path)


def _in_module(name: str, path: Path) -> Iterator[Mutant]:
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines()
    for function, qualified in _functions(ast.parse(source), ""):
        for statement in _statements(function):
            if _tells(statement, function, name):
                yield Mutant(
                    module=f"kernelspec_lib.{name}",
                    function=qualified,
                    line=statement.lineno,
                    text=lines[statement.lineno - 1].strip(),
                    codes=_codes(statement) or _codes(function),
                )


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[ast.FunctionDef, str]]:
    """The functions and methods of a module; what is nested in one belongs to it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef):
            yield child, prefix + child.name
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.")


def _statements(function: ast.FunctionDef) -> Iterator[ast.stmt]:
    return (node for node in ast.walk(function) if isinstance(node, ast.stmt) and node != function)


def _tells(statement: ast.stmt, function: ast.FunctionDef, module: str) -> bool:
    names = bool(_codes(statement))
    returned = ast.unparse(function.returns) if function.returns else ""
    judging = module == "shape" or module.startswith("checks") or "Problem" in ast.unparse(function)
    match statement:
        case ast.Expr(value=ast.Yield() | ast.YieldFrom()):
            return names or judging
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="append"))):
            return names or name == "troubles" or (judging and name in ("found", "problems"))
        case ast.AugAssign(target=ast.Name(id="found" | "problems"), value=value):
            return judging and not isinstance(value, ast.Constant)
        case ast.Expr(value=ast.Call()):
            return names
        case ast.Return():
            # Where a caller waits for a fault, nothing would only crash it.
            waiting = "None" not in returned and "Refusal" not in returned
            return names and (module.startswith("packages") or not waiting)
    return False


def _codes(node: ast.AST) -> frozenset[str]:
    found = set()
    for inner in ast.walk(node):
        match inner:
            case ast.Constant(value=str(text)) if _CODE.fullmatch(text):
                found.add(text)
            case ast.Call(func=ast.Name(id=name)) if name in _PROBLEMS:
                found.add(_PROBLEMS[name])
    return frozenset(found & set(RULES))


@contextmanager
def switched_off(mutant: Mutant) -> Iterator[None]:
    """The library without *mutant*, as long as the context lasts."""
    module = importlib.import_module(mutant.module)
    function = _function(module, mutant.function)
    before = function.__code__
    function.__code__ = _compiled(mutant)
    _forget()
    try:
        yield
    finally:
        function.__code__ = before
        _forget()


def _function(module: object, qualified: str) -> FunctionType:
    found: Any = module
    for name in qualified.split("."):
        # Not getattr: a class method, and a property, must not be bound.
        found = vars(found)[name]
    found = getattr(found, "__func__", getattr(found, "fget", found))
    found = getattr(found, "__wrapped__", found)
    assert isinstance(found, FunctionType), qualified
    return found


def _compiled(mutant: Mutant) -> CodeType:
    module = sys.modules[mutant.module]
    path = Path(str(module.__file__))
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tree = ast.fix_missing_locations(_Off(mutant.line).visit(tree))
    wanted = mutant.function

    def inside(code: CodeType) -> Iterator[CodeType]:
        for one in code.co_consts:
            if isinstance(one, CodeType):
                if one.co_qualname == wanted:
                    yield one
                yield from inside(one)

    return next(inside(compile(tree, str(path), "exec", dont_inherit=True)))


class _Off(ast.NodeTransformer):
    """Puts the statement of a line behind `if False`; a generator stays one."""

    def __init__(self, line: int) -> None:
        self.line = line
        self.done = False

    def generic_visit(self, node: ast.AST) -> ast.AST:
        kinds = (ast.Expr, ast.Return, ast.AugAssign)
        if isinstance(node, kinds) and node.lineno == self.line and not self.done:
            self.done = True
            # Behind a return that is off, the function goes on to what comes next.
            off = ast.If(test=ast.Constant(value=False), body=[node], orelse=[])
            return ast.copy_location(off, node)
        return super().generic_visit(node)


@cache
def _caches() -> tuple[Callable[[], None], ...]:
    """What remembers answers of earlier calls."""
    return tuple(
        value.cache_clear
        for name, module in tuple(sys.modules.items())
        if name.startswith("kernelspec_lib")
        for value in tuple(vars(module).values())
        if hasattr(value, "cache_clear") and not name.endswith((".shape", ".data"))
    )


def _forget() -> None:
    for clear in _caches():
        clear()
