"""What BuildKit refuses in a Dockerfile before it runs anything.

Source: instructions/parse.go and dockerfile2llb/convert.go of BuildKit's Dockerfile frontend. The
tests build a corpus with an engine, and hold both judgements side by side.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kernelspec_lib.dockerfile.reader import Dockerfile, Instruction, Trouble
from kernelspec_lib.document import START
from kernelspec_lib.wording import shown

_FLAGS = {
    "ADD": ("chown", "chmod", "link", "keep-git-dir", "checksum", "unpack", "exclude"),
    "COPY": ("chown", "from", "chmod", "link", "exclude", "parents"),
    "FROM": ("platform",),
    "HEALTHCHECK": ("interval", "timeout", "start-period", "start-interval", "retries"),
    "RUN": ("mount", "network", "security", "device"),
}
INSTRUCTIONS = frozenset(
    (
        "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL",
        "MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
    )
)  # fmt: skip
_SWITCHES = frozenset(("link", "keep-git-dir", "unpack", "parents"))
_REPEATED = frozenset(("mount", "exclude", "device"))
_STAGE = re.compile(r"[a-z][a-z0-9\-_.]*\Z")
_MOUNTS = frozenset(("bind", "cache", "tmpfs", "secret", "ssh"))
_MOUNT_KEYS = frozenset(
    (
        "type", "from", "source", "src", "target", "dst", "destination", "readonly", "ro", "rw",
        "readwrite", "required", "size", "id", "sharing", "mode", "uid", "gid", "env",
    )
)  # fmt: skip
_NETWORKS = ("default", "none", "host")


def troubles(file: Dockerfile) -> Iterator[Trouble]:
    """All that is refused, in no order."""
    yield from file.troubles
    begun = False
    for one in file.instructions:
        yield from one.troubles
        if one.name not in INSTRUCTIONS:
            yield _unknown(one)
        elif not begun and one.name not in ("FROM", "ARG"):
            message = f"{one.name} stands before FROM"
            yield Trouble(span=one.keyword.span, message=message, hint="begin with FROM")
            begun = True
        elif not one.troubles:
            yield from _flags(one)
            yield from _arguments(one)
        begun = begun or one.name == "FROM"
    if not begun:
        yield Trouble(span=START, message="there is no FROM", hint="begin with FROM ${BASE_IMAGE}")


def _unknown(one: Instruction) -> Trouble:
    message = f"{shown(one.keyword.text, 40)} is no instruction of a Dockerfile"
    hint = "a line goes on in the next one only behind a backslash at its very end"
    return Trouble(span=one.keyword.span, message=message, hint=hint)


def _flags(one: Instruction) -> Iterator[Trouble]:
    if one.name in ("ARG", "STOPSIGNAL") or (one.name == "HEALTHCHECK" and _typed(one) == "NONE"):
        return
    known = _FLAGS.get(one.name, ())
    seen: set[str] = set()
    for flag in one.flags:
        name, equals, value = flag.text[2:].partition("=")
        message = hint = ""
        if name not in known:
            message = f"{one.name} has no option {shown('--' + name, 40)}"
            hint = f"it has: {', '.join(f'--{other}' for other in known)}" if known else ""
        elif name in seen and name not in _REPEATED:
            message = f"--{name} stands there twice"
        elif name in _SWITCHES:
            if value.lower() not in (("true", "false") if equals else ("",)):
                message, hint = f"--{name} is true or false", f"--{name}=true"
        elif not equals:
            message, hint = f"--{name} has no value", f"--{name}=…"
        elif name == "mount":
            message = _mount(value)
        elif name == "network" and value not in _NETWORKS:
            message, hint = f"{shown(value, 40)} is no network", ", ".join(_NETWORKS)
        seen.add(name)
        if message:
            yield Trouble(span=flag.span, message=message, hint=hint)


def _mount(value: str) -> str:
    """What is wrong with a mount, if BuildKit says so before any variable is known."""
    if value.count('"') % 2:
        return "a double quote of this mount is never closed"
    if '"' in value:
        return ""
    kind = "bind"
    for field in value.split(","):
        key, equals, text = field.partition("=")
        key = key.lower()
        if "$" in text and key != "from":
            continue
        if key not in _MOUNT_KEYS:
            return f"a mount has no field {shown(field, 40)}"
        if not equals:
            continue
        if key == "type":
            kind = text.lower()
            if kind not in _MOUNTS:
                return f"{shown(text, 40)} is no kind of mount"
        elif key == "from" and "$" in text[:-1]:
            return "from= takes no variable; name a stage instead"
    return ""


def _typed(one: Instruction) -> str:
    return one.arguments[0].text.upper() if one.arguments else ""


def _arguments(one: Instruction) -> Iterator[Trouble]:
    words = one.arguments
    message = hint = ""
    span = one.keyword.span
    match one.name:
        case "FROM":
            yield from _from(one)
        case "ENV" | "LABEL" | "ARG":
            yield from _names(one)
        case "ADD" | "COPY":
            if len(words) < 2:
                message, hint = f"{one.name} says not what, or not where to", f"{one.name} a /b"
            elif any(doc.mark.span == words[-1].span for doc in one.heredocs):
                span, message = words[-1].span, "a heredoc is no place to copy to"
        case "MAINTAINER" | "WORKDIR" | "USER" | "STOPSIGNAL" | "EXPOSE":
            if not words:
                message = f"{one.name} needs a word behind it"
        case "VOLUME":
            blank = [word for word in words if not word.text.strip()]
            if blank or not words:
                message = "VOLUME names no folder"
        case "SHELL":
            if not one.is_json or not words:
                message, hint = "SHELL takes a JSON list", 'SHELL ["/bin/bash", "-c"]'
        case "HEALTHCHECK":
            message, hint = _healthcheck(one)
        case "ONBUILD":
            message, hint = "ONBUILD holds no instruction", "ONBUILD RUN …"
    if one.waits and one.name in ("FROM", "MAINTAINER", "ONBUILD"):
        message, hint = f"ONBUILD cannot hold {one.name} back", ""
    if message:
        yield Trouble(span=span, message=message, hint=hint)


def _from(one: Instruction) -> Iterator[Trouble]:
    words = one.arguments
    if not words:
        yield Trouble(
            span=one.keyword.span, message="FROM names no image", hint="FROM ${BASE_IMAGE}"
        )
    elif len(words) not in (1, 3) or (len(words) == 3 and words[1].text.lower() != "as"):
        message = "FROM takes an image, and a stage's name behind AS"
        yield Trouble(span=words[1].span, message=message, hint="FROM ${BASE_IMAGE} AS name")
    elif len(words) == 3 and not _STAGE.match(words[2].text.lower()):
        message = f"{shown(words[2].text, 40)} is no name for a stage"
        hint = "a letter, then letters, digits and . _ -"
        yield Trouble(span=words[2].span, message=message, hint=hint)


def _names(one: Instruction) -> Iterator[Trouble]:
    words = one.arguments
    if not words:
        yield Trouble(span=one.keyword.span, message=f"{one.name} names nothing")
        return
    if one.name == "ARG":
        wrong = [word for word in words if word.text.startswith("=")]
    elif "=" not in words[0].text:
        # The old form: ENV name value.
        if len(words) < 2:
            hint = f"{one.name} {words[0].text[:20]}=…"
            message = f"{one.name} gives {shown(words[0].text, 40)} no value"
            yield Trouble(span=words[0].span, message=message, hint=hint)
        return
    else:
        wrong = [word for word in words if "=" not in word.text or word.text.startswith("=")]
    for word in wrong:
        hint = f"{one.name} name=value, with quotes around a value that holds spaces"
        message = f"{shown(word.text, 40)} is no name with its value"
        yield Trouble(span=word.span, message=message, hint=hint)


def _healthcheck(one: Instruction) -> tuple[str, str]:
    kind = _typed(one)
    if kind not in ("NONE", "CMD"):
        return "HEALTHCHECK is followed by CMD or NONE", "HEALTHCHECK NONE"
    if kind == "CMD" and len(one.arguments) < 2:
        return "HEALTHCHECK CMD names no command", "HEALTHCHECK CMD true"
    if kind == "NONE" and len(one.arguments) > 1:
        return "HEALTHCHECK NONE takes nothing more", "HEALTHCHECK NONE"
    return "", ""
