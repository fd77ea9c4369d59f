"""KS423: a job that lints, and whether its failure stops anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kernelspec_lib.checks.told import Told
from kernelspec_lib.cifile import CIFile, Job
from kernelspec_lib.dockerfile import Word
from kernelspec_lib.document import Span
from kernelspec_lib.findings import RULES
from kernelspec_lib.shell import Command
from kernelspec_lib.wording import shown
from kernelspec_lib.yamltext import Listed, Mapped, Node, Scalar

_VALUED = frozenset(
    (
        "--output", "--index-url", "--policy", "--select", "--ignore", "-o", "--output-format",
        "--output-file", "--color", "--changed-since",
    )
)  # fmt: skip
_STARTERS = frozenset(("uvx", "pipx", "docker", "podman", "python", "python3"))
_NEVER = ("manual", "never", "on_failure")
_CONDITIONS = ("if", "changes", "exists")
_HINT = "kernelspec lint . in a line of its own"


def commands(job: Job) -> Iterator[Command]:
    """The commands of *job*, in their order."""
    return (command for line in job.script for command in line)


def _verb(command: Command) -> tuple[str, tuple[Word, ...]]:
    """What `kernelspec` is to do, and what it is given for it; empty for any other program."""
    words = list(command.words)
    if not words:
        return "", ()
    if command.program != "kernelspec":
        names = [word.text for word in words]
        inner = next((n for n in ("kernelspec", "kernelspec_lib") if n in names[1:]), None)
        if inner is None or command.program not in _STARTERS:
            return "", ()
        words = words[names.index(inner, 1) :]
    rest = words[1:]
    while rest and rest[0].text.startswith("-"):
        rest = rest[1:]
    texts = [word.text for word in rest]
    if not texts or "--help" in texts or "-h" in texts:
        return "", ()
    return texts[0], tuple(rest[1:])


def lints(job: Job) -> bool:
    """Whether *job* lints at all; a child pipeline that kernelspec writes holds a lint as well."""
    verbs = {_verb(command)[0] for command in commands(job)}
    return bool(verbs & {"lint", "pipeline"}) or {"validate", "resolve"} <= verbs


def lints_first(job: Job, built: Span) -> bool:
    """Whether the lint of *job* stands in front of the place *built*."""
    for command in commands(job):
        if _verb(command)[0] in ("lint", "pipeline", "resolve"):
            place = command.words[0].span
            return (place.line, place.column) < (built.line, built.column)
    return False


def weaknesses(job: Job, file: CIFile, builds: Sequence[Job]) -> Iterator[Told]:
    """Why a failing lint of *job* would stop nothing."""
    yield from _script(job)
    yield from settings(job)
    yield from _policy(job, file)
    rules = next((job.fields[n] for n in ("rules", "only", "except") if n in job.fields), None)
    if rules is None or _always(rules):
        return
    others = [one for one in builds if one is not job and _conditions(one) != _conditions(job)]
    if others and not any(settings(job)):
        message = f"the lint does not run whenever {shown(others[0].name.text, 40)} does"
        hint = "give both the same rules, or the lint none"
        yield "KS423", rules.span, message, hint


def settings(job: Job) -> Iterator[Told]:
    """What in the settings of *job* keeps its failure from stopping the pipeline."""
    allowed = job.fields.get("allow_failure")
    if allowed is not None and _allows(allowed):
        yield "KS423", allowed.span, "a lint that may fail stops nothing", "take allow_failure out"
    when = job.fields.get("when")
    if isinstance(when, Scalar) and when.text in _NEVER:
        message = f"a lint that runs {shown(when.text)} is no gate"
        yield "KS423", when.span, message, "take when out: it then runs in every pipeline"
    rules = job.fields.get("rules")
    if isinstance(rules, Listed) and not any(map(_can_run, rules.items)):
        message = "no rule lets this lint run by itself"
        yield "KS423", rules.span, message, "take rules out: it then runs in every pipeline"
    for rule in rules.items if isinstance(rules, Listed) else ():
        inner = rule.get("allow_failure") if isinstance(rule, Mapped) else None
        if inner is not None and _allows(inner):
            yield "KS423", inner.span, "a lint that may fail stops nothing", "take it out"


def _allows(value: Node) -> bool:
    if isinstance(value, Mapped):
        codes = value.get("exit_codes")
        items = codes.items if isinstance(codes, Listed) else [codes]
        return any(isinstance(item, Scalar) and item.text in ("1", "3") for item in items)
    return isinstance(value, Scalar) and value.text.lower() in ("true", "yes", "on")


def _can_run(rule: Node) -> bool:
    if not isinstance(rule, Mapped):
        # A !reference: what it brings is judged by nobody here.
        return True
    when = rule.get("when")
    return not (isinstance(when, Scalar) and when.text in _NEVER)


def _always(rules: Node) -> bool:
    """Whether a job with these rules runs in every pipeline."""
    for rule in rules.items if isinstance(rules, Listed) else ():
        if not isinstance(rule, Mapped):
            return False
        bound = any(rule.get(name) is not None for name in _CONDITIONS)
        if not _can_run(rule):
            return False
        if not bound:
            return True
    return False


def _conditions(job: Job) -> int:
    return hash(tuple(_digest(job.fields.get(n), {}) for n in ("rules", "only", "except")))


def _digest(node: Node | None, known: dict[int, int]) -> int:
    """A number that is the same for the same contents; aliases are not followed twice."""
    if node is None or isinstance(node, Scalar):
        return hash(node.text if node else None)
    if id(node) not in known:
        known[id(node)] = 0
        if isinstance(node, Listed):
            told: object = (node.tag, *(_digest(item, known) for item in node.items))
        else:
            pairs = ((key.text, _digest(value, known)) for key, value in node.named())
            told = frozenset(pairs)
        known[id(node)] = hash(told)
    return known[id(node)]


def runs_regardless(job: Job) -> Span | None:
    """Where *job* says that it runs although a job before it has failed."""
    when = job.fields.get("when")
    rules = job.fields.get("rules")
    found: list[Node | None] = [when]
    for rule in rules.items if isinstance(rules, Listed) else ():
        found.append(rule.get("when") if isinstance(rule, Mapped) else None)
    for node in found:
        if isinstance(node, Scalar) and node.text in ("always", "on_failure"):
            return node.span
    return None


def _script(job: Job) -> Iterator[Told]:
    """What in the script of *job* swallows a failure, or looks at something else."""
    moved = False
    lenient: Word | None = None
    last = len(job.script) - 1
    for number, line in enumerate(job.script):
        for place, command in enumerate(line):
            words = [word.text for word in command.words]
            moved = moved or command.program in ("cd", "pushd")
            if command.program == "set" and "+e" in words:
                lenient = command.words[0]
            verb, given = _verb(command)
            if verb not in ("lint", "validate", "resolve", "pipeline"):
                continue
            if lenient is not None:
                yield "KS423", lenient.span, "set +e lets the lint fail unseen", "take it out"
            if _swallowed(command, line[place + 1 :], last=number == last):
                message = "the lint's failure is swallowed here"
                yield "KS423", command.words[0].span, message, _HINT
            yield from _given(given, moved=moved)


def _swallowed(command: Command, behind: Sequence[Command], *, last: bool) -> bool:
    exits = any(one.program == "exit" and _fails(one) for one in behind)
    if command.tested or command.after in ("||", "&"):
        return not exits
    if command.after == "&&":
        # set -e lets every command but the last of such a chain fail.
        return not last or any(one.before in (";", "\n", "||") for one in behind)
    return False


def _fails(command: Command) -> bool:
    return len(command.words) > 1 and command.words[1].text != "0"


def _given(words: Sequence[Word], *, moved: bool) -> Iterator[Told]:
    """What the lint is told to leave out."""
    paths: list[Word] = []
    names: set[str] = set()
    number = 0
    while number < len(words):
        word = words[number]
        number += 1
        name, equals, value = word.text.partition("=")
        if not name.startswith("-"):
            paths.append(word)
            continue
        names.add(name)
        if name in _VALUED and not equals and number < len(words):
            value = words[number].text
            number += 1
        errors = [rule for rule in RULES.values() if rule.severity.fails]
        if name == "--select" or (
            name == "--ignore" and any(rule.code.startswith(value) for rule in errors)
        ):
            message = f"{name} {shown(value, 20)} leaves rules out that must hold"
            yield "KS423", word.span, message, "take it out; warnings go into ignore"
        elif name == "--policy" and not value.startswith(("/", "$")):
            message = "the site's policy is not this repository's to choose"
            yield "KS423", word.span, message, "take --policy out"
    if moved or "--recursive" in names or "-r" in names:
        return
    for word in paths:
        if word.text.rstrip("/") not in (".", "", "$CI_PROJECT_DIR", "${CI_PROJECT_DIR}"):
            message = f"{shown(word.text, 40)} is not the whole of this kernel"
            yield "KS423", word.span, message, "kernelspec lint ."


def _policy(job: Job, file: CIFile) -> Iterator[Told]:
    own = job.fields.get("variables")
    node = own.get("KERNELSPEC_POLICY") if isinstance(own, Mapped) else None
    if node is None and "KERNELSPEC_POLICY" in file.variables:
        node = file.variables["KERNELSPEC_POLICY"][1]
    if isinstance(node, Scalar) and not node.text.startswith(("/", "$")):
        message = "the site's policy is not this repository's to choose"
        yield "KS423", node.span, message, "take KERNELSPEC_POLICY out"
