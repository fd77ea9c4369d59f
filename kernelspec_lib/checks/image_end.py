"""KS409 and KS410: who the image ends as, and whether the kernel's command is run by it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from kernelspec_lib.checks.told import Told
from kernelspec_lib.dockerfile import Instruction, lexer
from kernelspec_lib.dockerfile.lexer import BadExpansion
from kernelspec_lib.dockerfile.stages import Build
from kernelspec_lib.wording import shown

_ROOT = re.compile(r"(root|0+)(:.*)?\Z", re.DOTALL)
_INTERPRETERS = re.compile(
    r"(python|pypy|ipython|jupyter|perl|ruby|node|R|Rscript|julia|java)[0-9.a-z-]*\Z"
)
_SHELLS = ("sh", "bash", "dash", "ash", "zsh")


def user(build: Build, escape: str) -> Iterator[Told]:
    """KS409, for a site that lets no image end as root."""
    hint = "end with USER 65534; a kernel runs with the uid of its owner all the same"
    found: tuple[Instruction, Mapping[str, str]] | None = None
    for stage in build.stages[-1].line if build.stages else ():
        for step in stage.steps:
            if step.instruction.name == "USER" and not step.instruction.waits:
                found = step.instruction, step.values
    if found is None:
        if build.stages:
            message = "this image ends as the user of what it begins from, which is mostly root"
            yield "KS409", build.stages[-1].named.span, message, hint
        return
    one, values = found
    for word in one.arguments:
        try:
            name = lexer.expand(word.text, values, escape)
        except BadExpansion:
            continue
        if _ROOT.match(name.strip()) or not name.strip():
            yield "KS409", word.span, "this site lets no image end as root", hint


def entrypoint(build: Build) -> Iterator[Told]:
    """KS410: an ENTRYPOINT that does not hand on the command it is given.

    What the image begins from may have one as well: no file tells, and nothing is guessed. A
    program that is no interpreter is taken to start what stands behind it, as tini does.
    """
    last: Instruction | None = None
    for stage in build.stages[-1].line if build.stages else ():
        for step in stage.steps:
            if step.instruction.name == "ENTRYPOINT" and not step.instruction.waits:
                last = step.instruction
    if last is None or not last.arguments:
        return
    words = [word.text for word in last.arguments]
    if last.is_json:
        program = words[0].rpartition("/")[2]
        if any("$@" in word or "$*" in word for word in words[1:]):
            return
        swallows = bool(_INTERPRETERS.match(program)) or program in _SHELLS
    else:
        program, swallows = "sh", words[0].strip().strip("\"'") != ""
    if swallows:
        message = f"{shown(program, 40)} as ENTRYPOINT does not run the kernel's command"
        hint = "ENTRYPOINT [], or a program that starts what it is given, such as tini"
        yield "KS410", last.keyword.span, message, hint
