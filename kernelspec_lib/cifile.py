"""A GitLab CI file as its jobs: what each runs, when, and behind what. Nothing is judged here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from kernelspec_lib import shell
from kernelspec_lib.dockerfile.text import Text, Word, joined
from kernelspec_lib.shell import Command
from kernelspec_lib.yamltext import Listed, Mapped, Node, Scalar

KEYWORDS = frozenset(
    (
        "default", "include", "stages", "variables", "workflow", "image", "services", "cache",
        "before_script", "after_script", "spec", "types",
    )
)  # fmt: skip
"""What stands at the top of the file and is no job."""
STAGES = ("build", "test", "deploy")
"""GitLab's own, where a file names none."""
_DEPTH = 10
_LINES = 5_000
"""So many entries of scripts are looked at in one file, those that aliases repeat included."""
MAX_JOBS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job, with what it takes from others."""

    name: Word
    fields: Mapping[str, Node]
    script: tuple[tuple[Command, ...], ...]
    """The commands of before_script and script, by entry."""
    stage: str

    def text(self, name: str) -> str:
        """The value of a field that is one word; empty where it is none."""
        value = self.fields.get(name)
        return value.text if isinstance(value, Scalar) else ""

    @property
    def needs(self) -> tuple[str, ...] | None:
        """The jobs that this one waits for; None: all of the stages before."""
        value = self.fields.get("needs")
        if value is None:
            return None
        items = value.items if isinstance(value, Listed) else [value]
        return tuple(filter(None, map(_needed, items)))


def _needed(item: Node) -> str:
    if isinstance(item, Mapped):
        optional = item.get("optional")
        item = item.get("job") or Scalar(text="", style="", tag="", span=item.span)
        if isinstance(optional, Scalar) and optional.text == "true":
            return ""
    return item.text if isinstance(item, Scalar) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CIFile:
    """All jobs of a file."""

    jobs: tuple[Job, ...]
    stages: tuple[str, ...]
    includes: tuple[Word, ...]
    """What is brought in from elsewhere, each by its path, address or name."""
    variables: Mapping[str, tuple[str, Node]] = field(default_factory=dict)
    """Of the whole file."""

    def rank(self, stage: str) -> int:
        """Where *stage* comes in their order."""
        if stage in (".pre", ".post"):
            return -1 if stage == ".pre" else len(self.stages)
        return self.stages.index(stage) if stage in self.stages else len(self.stages) + 1


def read(tops: Sequence[Mapped], text: str) -> CIFile:
    """The jobs of a file whose parts are *tops*; a later one overrides an earlier one."""
    named: dict[str, tuple[Scalar, Node]] = {}
    for top in tops:
        named.update({key.text: (key, value) for key, value in top.named()})
    known = {name: value for name, (_, value) in named.items()}
    lines = text.split("\n")
    variables = dict(_variables(known.get("variables")))
    parents = _Parents(known)
    jobs = [
        _job(key, value, parents, lines, variables)
        for name, (key, value) in named.items()
        if name not in KEYWORDS and not name.startswith(".") and isinstance(value, Mapped)
    ]
    stages = known.get("stages")
    items = stages.items if isinstance(stages, Listed) else []
    return CIFile(
        jobs=tuple(jobs),
        stages=tuple(item.text for item in items if isinstance(item, Scalar)) or STAGES,
        includes=tuple(includes(tops)),
        variables=variables,
    )


def includes(tops: Sequence[Mapped]) -> Iterator[Word]:
    """What *tops* bring in: the path, address or name of each."""
    for top in tops:
        value = top.get("include")
        for item in value.items if isinstance(value, Listed) else [value]:
            if isinstance(item, Scalar):
                yield Word(text=item.text, span=item.span)
            elif isinstance(item, Mapped):
                yield from _included(item)


def _included(item: Mapped) -> Iterator[Word]:
    project = item.get("project")
    prefix = f"{project.text}:" if isinstance(project, Scalar) else ""
    for name in ("local", "file", "remote", "template", "component"):
        value = item.get(name)
        for one in value.items if isinstance(value, Listed) else [value]:
            if isinstance(one, Scalar):
                yield Word(text=prefix + one.text, span=one.span)


def _variables(value: Node | None) -> Iterator[tuple[str, tuple[str, Node]]]:
    for key, one in value.named() if isinstance(value, Mapped) else ():
        inner = one.get("value") if isinstance(one, Mapped) else one
        if isinstance(inner, Scalar):
            yield key.text, (inner.text, inner)


def _job(
    key: Scalar,
    value: Mapped,
    parents: _Parents,
    lines: Sequence[str],
    variables: Mapping[str, tuple[str, Node]],
) -> Job:
    fields = dict(parents.effective(value))
    default = parents.known.get("default")
    early = default.get("before_script") if isinstance(default, Mapped) else None
    early = early or parents.known.get("before_script")
    if "before_script" not in fields and early is not None:
        fields["before_script"] = early
    own = {**variables, **dict(_variables(fields.get("variables")))}
    values = {name: text for name, (text, _) in own.items()}
    stage = fields.get("stage")
    script = (
        one for name in ("before_script", "script") for one in parents.lines(fields.get(name))
    )
    return Job(
        name=Word(text=key.text, span=key.span),
        fields=fields,
        script=tuple(tuple(shell.commands(_text(one, lines), values)) for one in script),
        stage=stage.text if isinstance(stage, Scalar) else "test",
    )


class _Parents:
    """What jobs take from others, each looked up once: aliases can name a thing very often."""

    def __init__(self, known: Mapping[str, Node]) -> None:
        self.known = known
        self.found: dict[int, dict[str, Node]] = {}
        self.budget = _LINES

    def effective(self, value: Mapped) -> dict[str, Node]:
        """The fields of a job with those it extends. Source: "extends" in GitLab's reference."""
        if id(value) in self.found:
            return self.found[id(value)]
        fields: dict[str, Node] = {}
        # A job that extends itself gets nothing more; GitLab refuses it.
        self.found[id(value)] = fields
        extends = value.get("extends")
        for parent in extends.items if isinstance(extends, Listed) else [extends]:
            other = self.known.get(parent.text) if isinstance(parent, Scalar) else None
            if isinstance(other, Mapped):
                fields.update(self.effective(other))
        fields.update({key.text: one for key, one in value.named()})
        return fields

    def lines(self, value: Node | None, depth: int = 0) -> Iterator[Scalar]:
        """The entries of a script, lists within it and !reference taken apart."""
        self.budget -= 1
        if depth > _DEPTH or value is None or self.budget < 0:
            return
        if isinstance(value, Scalar):
            yield value
        elif isinstance(value, Listed) and value.tag == "!reference":
            names = [item.text for item in value.items if isinstance(item, Scalar)]
            other = self.known.get(names[0]) if names else None
            if isinstance(other, Mapped) and len(names) > 1:
                yield from self.lines(self.effective(other).get(names[1]), depth + 1)
        elif isinstance(value, Listed):
            for item in value.items:
                yield from self.lines(item, depth + 1)


def _text(one: Scalar, lines: Sequence[str]) -> Text:
    """The letters of *one* with their places, as well as those can be told."""
    span = one.span
    if one.style == "|":
        return joined(_block(one, lines), "\n")
    within = 1 if one.style in ("'", '"') else 0
    return joined([(one.text, span.line, span.column + within)])


def _block(one: Scalar, lines: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    for number, text in enumerate(one.text.rstrip("\n").split("\n"), one.span.line + 1):
        source = lines[number - 1] if number <= len(lines) else ""
        yield text, number, max(source.find(text), 0) + 1
