"""KS4xx: the Dockerfile."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase

from kernelspec_lib import dockerfile
from kernelspec_lib.dockerfile import Instruction, Word
from kernelspec_lib.document import START, Span
from kernelspec_lib.findings import Finding
from kernelspec_lib.wording import shown

_WORD = re.compile(r"\S+")
_SHELL = re.compile(r"[;&|]+|[^\s,\[\]\"'`(){};&|]+")
"""Words of a command, whether in the shell's form or as JSON, and what stands between commands."""
_INSTALLER = re.compile(r"(.*/)?(pip[0-9.]*|pipx|uv|uvx)")
_OPTION = re.compile(
    r"--(index-url|extra-index-url|trusted-host|find-links|no-index|default-index|index|"
    r"allow-insecure-host)(=.*)?"
)
_SHORT = re.compile(r"-[if]((https?:|file:|/|=).*)?")
_VARIABLE = re.compile(
    r"(PIP|UV)_(INDEX_URL|EXTRA_INDEX_URL|TRUSTED_HOST|FIND_LINKS|NO_INDEX|CONFIG_FILE|INDEX|"
    r"EXTRA_INDEX|DEFAULT_INDEX|INSECURE_HOST|PROXY|CERT)(=(?!/run/secrets/).*)?"
)
_SETTINGS = re.compile(r"(?!target=|dst=)(.*/)?(pip\.conf|pip\.ini|uv\.toml)")
_REMOTE = re.compile(r"(https?|ftp|git|ssh)://.*|git@.*", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET = re.compile(
    r"(.*_)?(PASSWORD|PASSWD|SECRET|TOKEN|APIKEY|CREDENTIALS?|(API|ACCESS|PRIVATE|SECRET)_KEY)"
    r"(_ID)?"
)
_LOGIN = re.compile(r"[a-z][a-z0-9+.-]{0,20}://[^/\s:@$]{1,200}:[^/\s@$]{1,200}@", re.IGNORECASE)
_FILLED_IN = re.compile(r"\$(BASE_IMAGE|\{BASE_IMAGE\})")
_ARGUMENT = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::?-([^}]*))?\})")


def check(
    text: str | None, path: str, base_images: Sequence[str] | None = None
) -> Iterator[Finding]:
    """What is wrong with the Dockerfile *text* at *path*; None: there is no such file.

    base_images: patterns of what an image may begin from; None: anything.
    """
    if text is None:
        message, hint = "this kernel has no Dockerfile", "copy the one of a new kernel"
        yield Finding.of("KS401", message, f"{hint}: kernelspec new", path=path)
        return
    instructions = tuple(dockerfile.read(text))
    if not instructions:
        message, hint = "this Dockerfile says nothing", "copy the one of a new kernel"
        yield Finding.of("KS401", message, f"{hint}: kernelspec new", path=path)
        return
    found = [*_grammar(instructions), *_images(instructions, base_images)]
    for one in instructions:
        found += [*_index(one), *_secrets(one), *_remote(one)]
    for code, span, message, hint in found:
        yield Finding.of(code, message, hint, path=path, span=span)


_Told = tuple[str, Span, str, str]


def _grammar(instructions: Sequence[Instruction]) -> Iterator[_Told]:
    begun = False
    for one in instructions:
        word, name = one.keyword, one.name
        if name not in dockerfile.INSTRUCTIONS:
            message = f"{shown(word.text, 40)} is no instruction of a Dockerfile"
            hint = "a line goes on in the next one only behind a backslash at its very end"
            yield "KS402", word.span, message, hint
        elif not begun and name not in ("FROM", "ARG"):
            yield "KS402", word.span, f"{name} stands before FROM", "begin with FROM"
            begun = True
        elif name == "FROM" and not any(one.words(_WORD)):
            yield "KS402", word.span, "FROM names no image", "FROM ${BASE_IMAGE}"
        begun = begun or name == "FROM"
        if one.open_heredoc is not None:
            span, mark = one.open_heredoc.span, one.open_heredoc.text
            yield "KS402", span, f"{shown(mark, 40)} never ends", "close it with its name alone"
    if not begun:
        yield "KS402", START, "there is no FROM", "begin with FROM ${BASE_IMAGE}"


def _images(instructions: Sequence[Instruction], allowed: Sequence[str] | None) -> Iterator[_Told]:
    """Every image that a stage begins from or copies from."""
    if allowed is None:
        return
    arguments: dict[str, str] = {}
    stages: set[str] = set()
    for one in instructions:
        words = list(one.words(_WORD))
        if one.name == "ARG" and not stages:
            pairs = (word.text.partition("=") for word in words)
            arguments.update({name: value.strip("\"'") for name, _, value in pairs})
        elif one.name == "FROM":
            named = [word for word in words if not word.text.startswith("--")]
            if named and not _allowed(named[0].text, allowed, arguments, stages):
                yield _foreign(named[0], allowed)
            alias = named[2].text if len(named) > 2 and named[1].text.lower() == "as" else ""
            stages |= {str(len(stages)), alias.lower()}
        else:
            for word in one.words(_SHELL):
                source = _copied_from(one, word)
                if source and not _allowed(source, allowed, arguments, stages):
                    yield _foreign(word, allowed)


def _copied_from(one: Instruction, word: Word) -> str:
    prefix = {"COPY": "--from=", "ADD": "--from=", "RUN": "from="}.get(one.name)
    text = word.text.removeprefix("--mount=")
    return text.removeprefix(prefix) if prefix and text.startswith(prefix) else ""


def _allowed(
    text: str, patterns: Sequence[str], arguments: dict[str, str], stages: Iterable[str]
) -> bool:
    # What stands for BASE_IMAGE comes from requirements.json, and was judged there.
    if text.lower() in stages or text.isdigit() or _FILLED_IN.fullmatch(text):
        return True
    image = _ARGUMENT.sub(
        lambda found: arguments.get(found[1] or found[2]) or found[3] or "$", text
    )
    return any(fnmatchcase(image, pattern) for pattern in patterns)


def _foreign(word: Word, allowed: Sequence[str]) -> _Told:
    message = f"this site allows no image to begin from {shown(word.text)}"
    hint = f"begin from ${{BASE_IMAGE}}, or from: {', '.join(allowed) or 'none besides'}"
    return "KS403", word.span, message, hint


def _index(one: Instruction) -> Iterator[_Told]:
    """What sends an installer to another index than the site's."""
    hint = "take it out: which index is asked, the site says and the build passes on"
    before: list[str] = []
    installer = False
    for word in one.words(_SHELL):
        text = word.text
        if text[0] in ";&|":
            before, installer = [], False
            continue
        option = one.name == "RUN" and installer and _OPTION.fullmatch(text)
        short = installer and "install" in before and _SHORT.fullmatch(text)
        variable = one.name in ("ENV", "ARG", "RUN") and _VARIABLE.fullmatch(text)
        settings = one.name in ("RUN", "COPY", "ADD") and _SETTINGS.fullmatch(text)
        configured = installer and before[-1:] == ["config"] and text == "set"
        if option or short or variable or settings or configured:
            told = shown(text.partition("=")[0], 60)
            yield "KS404", word.span, f"{told} goes around the index of the site", hint
        installer = installer or bool(_INSTALLER.fullmatch(text))
        before.append(text)


def _secrets(one: Instruction) -> Iterator[_Told]:
    """Passwords that would stay in the image's history, where everybody can read them."""
    hint = "hand it over with RUN --mount=type=secret, or to the kernel when it starts"
    if one.name in ("ARG", "ENV"):
        words = list(one.words(_WORD))
        old_form = one.name == "ENV" and bool(words) and "=" not in words[0].text
        for word in words[:1] if old_form else words:
            name, _, value = word.text.partition("=")
            harmless = value.strip("\"'").isdigit() or (value[:1] == "$" and one.name == "ENV")
            if _NAME.fullmatch(name) and _SECRET.fullmatch(name.upper()) and not harmless:
                yield "KS405", word.span, f"{shown(name, 60)} would stay in the image", hint
    for word in one.words(_LOGIN):
        scheme = word.text.partition("://")[0]
        message = f"the login behind {shown(scheme, 20)}:// would stay in the image"
        yield "KS405", word.span, message, hint


def _remote(one: Instruction) -> Iterator[_Told]:
    if one.name == "ADD":
        for word in one.words(re.compile(r"[^\s,\[\]\"']+")):
            if _REMOTE.fullmatch(word.text):
                message = "ADD fetches from the network, unchecked and past the proxy's rules"
                hint = "put the file beside the Dockerfile and COPY it"
                yield "KS406", word.span, message, hint
