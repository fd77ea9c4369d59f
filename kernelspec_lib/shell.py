"""The commands in a shell's text, each word with its place. For what a Dockerfile or a job runs.

No shell is asked, and nothing is run. What only a running shell knows (the value of a variable that
nobody set before, the output of a command) stays as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kernelspec_lib.dockerfile.text import Text, Word, joined

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r]+)
      | (?P<comment>\#[^\n]*)
      | (?P<heredoc><<-?[ \t]*(?P<mark>'[^'\n]*'|"[^"\n]*"|\\?[\w.]+))
      | (?P<redirect>[0-9]*(?:>>|>\||>&|&>>|&>|<<<|<&|<>|>|<))
      | (?P<operator>&&|\|\||;;|\|&|[;&|\n(){}`])
      | (?P<word>(?:\\.|'[^']*+'?|"(?:\\.|[^"\\])*+"?|\$\((?:[^()]|\([^()]*+\))*+\)?|\$\{[^}]*+\}?
                  |[^\s;&|()`<>'"\\])++)
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_ASSIGNED = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\+?=", re.ASCII)
_VARIABLE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::?-([^${}]*))?\})", re.ASCII)
_INNER = re.compile(r"\$\(((?:[^()]|\([^()]*\))*)\)|`([^`]*)`")
_KEYWORDS = frozenset(("if", "then", "else", "elif", "do", "while", "until", "!", "time", "{"))
_CALLERS = frozenset(
    ("sudo", "env", "exec", "command", "nice", "nohup", "stdbuf", "xargs", "doas", "builtin",
     "ionice", "busybox")
)  # fmt: skip
"""Programs that run the command behind them. Their own options are left out."""
_WITH_VALUE = {
    "sudo": ("-u", "-g", "-C", "-p", "--user", "--group"),
    "env": ("-u", "-C", "--unset", "--chdir"), "nice": ("-n",), "ionice": ("-c", "-n"),
    "xargs": ("-n", "-I", "-P", "-L", "-a", "-d"),
    "doas": ("-u",), "stdbuf": ("-i", "-o", "-e"),
}  # fmt: skip
_SHELLS = frozenset(("sh", "bash", "dash", "ash", "zsh", "ksh"))
_DEPTH = 8
_LONG = 256
"""Letters of a value that is filled in; a longer one is no package, option or address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One simple command."""

    words: tuple[Word, ...]
    """The program and what it is given; without those that call it, such as sudo."""
    assigned: tuple[Word, ...] = ()
    """NAME=value in front of it."""
    targets: tuple[Word, ...] = ()
    """Files that its output goes to."""
    before: str = ""
    """What parts it from the command in front: one of ; & && | || and the like."""
    after: str = ""
    """What parts it from the one behind."""
    tested: bool = False
    """Whether a failure of it stops nothing, as it is a condition."""

    @property
    def program(self) -> str:
        """The name of the program, without its folder; empty where nothing is run."""
        return self.words[0].text.rpartition("/")[2] if self.words else ""


def commands(text: Text, values: Mapping[str, str], depth: int = 0) -> Iterator[Command]:
    """The commands in *text*, and those in what `sh -c` and its like are given.

    values: of the variables that are known.
    """
    gathered = _Gathered(text, values)
    for found in _TOKEN.finditer(text.text):
        kind = found.lastgroup if found.lastgroup != "mark" else "heredoc"
        if found.start() < gathered.skipped:
            continue
        if kind == "operator":
            done = gathered.ended(found.group())
            if done:
                yield from _peeled(done, text, values, depth)
            if found.group() == "\n" and gathered.open:
                gathered.skip(found.end())
        else:
            gathered.take(kind or "other", found)
    last = gathered.ended("")
    if last:
        yield from _peeled(last, text, values, depth)
    if depth < _DEPTH:
        for inner in _INNER.finditer(text.text):
            group = 1 if inner[1] is not None else 2
            if "`" not in inner.group() or not inner[2] or depth == 0:
                yield from commands(text.cut(*inner.span(group)), values, depth + 2)


def command(words: Sequence[Word], values: Mapping[str, str]) -> Iterator[Command]:
    """The command of a list of *words* that no shell has to take apart, and those within it."""
    if words:
        yield from _peeled(Command(words=tuple(words)), joined(()), values, 0)


class _Gathered:
    """The words of a command that is being read."""

    def __init__(self, text: Text, values: Mapping[str, str]) -> None:
        self.text, self.values = text, values
        self.words: list[Word] = []
        self.targets: list[Word] = []
        self.redirect = ""
        self.before = ""
        self.open: list[str] = []
        self.skipped = 0

    def take(self, kind: str, found: re.Match[str]) -> None:
        if kind == "heredoc":
            self.open.append(found["mark"].strip("'\"\\"))
        elif kind == "redirect":
            self.redirect = found.group()
        elif kind in ("word", "other"):
            word = self.text.word(*found.span(), filled(plain(found.group()), self.values))
            if self.redirect:
                if ">" in self.redirect:
                    self.targets.append(word)
                self.redirect = ""
            elif not found.group().startswith("$"):
                self.words.append(word)
            else:
                # A variable outside quotes is split into words of its own.
                self.words += [Word(text=one, span=word.span) for one in word.text.split() or [""]]

    def ended(self, operator: str) -> Command | None:
        words, targets, before = self.words, self.targets, self.before
        self.words, self.targets, self.redirect, self.before = [], [], "", operator
        if not words and not targets:
            return None
        return Command(words=tuple(words), targets=tuple(targets), before=before, after=operator)

    def skip(self, start: int) -> None:
        """Passes over the heredocs that were opened: what they hold is no command."""
        for mark in self.open:
            found = re.compile(rf"^\t*{re.escape(mark)}$", re.MULTILINE).search(
                self.text.text, start
            )
            start = found.end() if found else len(self.text.text)
        self.open, self.skipped = [], start


_QUOTED = re.compile(r"'([^']*)'?|\"((?:\\.|[^\"\\])*)\"?|\\(.|\Z)", re.DOTALL)
_ESCAPED = re.compile(r"\\([\"$`\\\n])")


def plain(word: str) -> str:
    """*word* without quotes and escapes."""
    if not any(sign in word for sign in "'\"\\"):
        return word
    return _QUOTED.sub(_unquoted, word)


def _unquoted(found: re.Match[str]) -> str:
    single, double, escaped = found.groups()
    return _ESCAPED.sub(r"\1", double) if double is not None else single or escaped or ""


def filled(word: str, values: Mapping[str, str]) -> str:
    """*word* with the variables that *values* knows; the others stay as they are."""
    if "$" not in word:
        return word

    def value(found: re.Match[str]) -> str:
        known = values.get(found[1] or found[2])
        if known is None or len(known) > _LONG:
            return found[3] if found[3] is not None else found.group()
        return known or (found[3] or "")

    return _VARIABLE.sub(value, word)


def _peeled(
    command: Command, text: Text, values: Mapping[str, str], depth: int
) -> Iterator[Command]:
    """*command* without what calls it; of a shell's -c, the commands in it."""
    words = list(command.words)
    assigned: list[Word] = []
    tested = False
    while words:
        name = words[0].text.rpartition("/")[2]
        if _ASSIGNED.match(words[0].text):
            assigned.append(words.pop(0))
        elif name in _KEYWORDS:
            tested = tested or name in ("if", "elif", "while", "until", "!")
            words.pop(0)
        elif name in _CALLERS and len(words) > 1:
            words = _without_options(words[1:], _WITH_VALUE.get(name, ()))
        elif name == "timeout" and len(words) > 2:
            words = _without_options(words[1:], ("-k", "-s"))[1:]
        elif name in ("conda", "mamba", "micromamba", "poetry", "pipenv", "uv") and _runs(words):
            words = _without_options(words[2:], ("-n", "-p", "--name", "--prefix", "--with"))
        elif name in ("su", "runuser", "gosu", "su-exec", "chroot") and len(words) > 2:
            words = _as_another(words)
        else:
            break
    told = Command(
        words=tuple(words),
        assigned=tuple(assigned),
        targets=command.targets,
        before=command.before,
        after=command.after,
        tested=tested,
    )
    yield told
    script = _script(words) if depth < _DEPTH else None
    if script is not None:
        yield from _within(script, told, text, values, depth)


def _within(
    script: Word, outer: Command, text: Text, values: Mapping[str, str], depth: int
) -> Iterator[Command]:
    """The commands in a script that is one word of *text*."""
    span = script.span
    # Places inside are exact where nothing had to be taken out; else the word's.
    inside = joined([(script.text, span.line, span.column + 1)])
    exact = span.end_line == span.line and span.end_column - span.column == len(script.text) + 2
    for one in commands(inside, values, depth + 1):
        kept = one if exact else _moved(one, span.line, span.column)
        yield kept if kept.after else _followed(kept, outer.after)


def _moved(command: Command, line: int, column: int) -> Command:
    def at(words: Sequence[Word]) -> tuple[Word, ...]:
        place = joined([(" ", line, column)]).span(0, 1)
        return tuple(Word(text=word.text, span=place) for word in words)

    return Command(
        words=at(command.words),
        assigned=at(command.assigned),
        targets=at(command.targets),
        before=command.before,
        after=command.after,
        tested=command.tested,
    )


def _followed(command: Command, after: str) -> Command:
    return Command(
        words=command.words,
        assigned=command.assigned,
        targets=command.targets,
        before=command.before,
        after=after,
        tested=command.tested,
    )


def _without_options(words: Sequence[Word], with_value: Sequence[str]) -> list[Word]:
    left = list(words)
    while left and left[0].text.startswith("-"):
        option = left.pop(0).text
        if option == "--":
            break
        if option in with_value and left:
            left.pop(0)
    return left


def _runs(words: Sequence[Word]) -> bool:
    return len(words) > 2 and words[1].text == "run"


def _as_another(words: Sequence[Word]) -> list[Word]:
    texts = [word.text for word in words]
    for option in ("-c", "--command"):
        if option in texts[:-1]:
            place = texts.index(option)
            return [Word(text="sh", span=words[0].span), *words[place : place + 2]]
    return list(words[2:])


def _script(words: Sequence[Word]) -> Word | None:
    """What a shell is given as its script."""
    if not words:
        return None
    name = words[0].text.rpartition("/")[2]
    if name == "eval" and len(words) == 2:
        return words[1]
    if name not in _SHELLS:
        return None
    for number, word in enumerate(words[1:-1], 1):
        if word.text.startswith("-") and not word.text.startswith("--") and "c" in word.text:
            return words[number + 1]
    return None
