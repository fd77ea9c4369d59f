"""What we take for a Dockerfile is what an engine takes for one, construct by construct.

Each text gets a last stage that needs nothing, and only that is built: nothing runs, and no image
is asked for. Heredocs are left out, as the frontend inside Docker 20.10 does not know them:
tests/unit/test_dockerfile_reader.py holds those against BuildKit's parser itself.
"""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kernelspec_lib.delivery.engine import Engine
from kernelspec_lib.dockerfile import grammar, read, stages
from tests.docker.conftest import TEST_LABEL

pytestmark = pytest.mark.docker

LAST = f"\nFROM scratch AS the-last\nLABEL {TEST_LABEL}\n"

LINES = (
    # Keywords, spaces, continuation
    "run a", "RUN  a \\\n  b", "RUN a \\\n# c\n b", "RUN a \\\n\n b", "RUN a \\ \t\n b",
    "RUN a \\\\\nRUN b",
    "INSTALL x", "RUNx", "RUN\ta", "  RUN a", "# RUN", "\\\nRUN a", "RUN a \\\nUSER b",
    "RUN \\\n a",
    # ENV, LABEL, ARG
    "ENV A=1 B=2", "ENV A 1 2 3", "ENV A", "ENV", "ENV A=1 B", "ENV =1", "ENV A='x y' B=\"z\"",
    "ENV A=x\\ y",
    "LABEL a=b", "LABEL a", "LABEL a b c", "LABEL 'a b'=c", "LABEL", "ARG A", "ARG A=1", "ARG",
    "ARG =1",
    "ARG A='1 2'", "ENV A='a\nENV B=1", "ENV A= B=",
    # ADD, COPY
    "COPY a b", "COPY a", "COPY", "COPY a b c/", "COPY [\"a b\", \"c\"]", "COPY [\"a\"]",
    "COPY [1, 2]",
    "COPY --chown=a:b a b", "COPY --chmod=644 a b", "COPY --nope a b", "COPY --from=0 a b",
    "COPY --from=9 a b", "COPY --from=nobody/image a b", "COPY --from=first a b",
    "COPY --from a b",
    "COPY --from=a --from=b a b", "ADD a b", "ADD a", "ADD https://x.example/a /b",
    "ADD --chown=a a b",
    "ADD --from=a a b",
    # Commands
    "RUN [\"a\", \"b\"]", "RUN [\"a\", 1]", "RUN ['a']", "RUN [\"a\"", "RUN [ -f a ] && b", "CMD",
    "CMD a", "CMD [\"a\"]",
    "CMD []", "CMD [{}]", "ENTRYPOINT", "ENTRYPOINT [\"a\", \"b\"]", "ENTRYPOINT a b",
    "SHELL [\"a\"]", "SHELL a",
    "SHELL", "SHELL []", "CMD --a b", "ENTRYPOINT --a b", "RUN --mount=type=cache,target=/a b",
    "RUN --mount=type=nope,target=/a b", "RUN --mount=nope=1 b",
    "RUN --mount=type=bind,from=first,target=/a b",
    "RUN --nope a", "RUN --network=nope a", "RUN -- a",
    # The others
    "EXPOSE 80", "EXPOSE 80/tcp 90", "EXPOSE", "VOLUME /a", "VOLUME", "VOLUME [\"/a\", \"/b\"]",
    "VOLUME [\"\"]",
    "USER a", "USER", "USER a b", "WORKDIR /a", "WORKDIR", "WORKDIR a b", "STOPSIGNAL 9",
    "STOPSIGNAL",
    "MAINTAINER a b", "MAINTAINER", "HEALTHCHECK NONE", "HEALTHCHECK NONE a", "HEALTHCHECK CMD a",
    "HEALTHCHECK CMD", "HEALTHCHECK", "HEALTHCHECK a", "HEALTHCHECK --interval=5s CMD a",
    "HEALTHCHECK --nope=5s CMD a", "HEALTHCHECK --retries=3 CMD [\"a\"]",
    "ONBUILD RUN a", "ONBUILD", "ONBUILD ONBUILD RUN a", "ONBUILD FROM a", "ONBUILD MAINTAINER a",
    "ONBUILD COPY a b",
    # FROM
    "FROM a AS b", "FROM a as B", "FROM a AS 1b", "FROM a AS", "FROM a b", "FROM a AS b c",
    "FROM", "FROM a # b",
    "FROM --platform=linux/amd64 a", "FROM --nope=1 a", "FROM $NOTHING", "FROM ${A:-a}",
    "FROM ${A:+a}", "FROM ${A",
    "FROM ${A:?no}", "FROM $A$B", "FROM a${", "FROM first", "FROM 'a'", "FROM \"a",
)  # fmt: skip
WHOLE = (
    "", "# only a remark", "RUN a", "ARG A=x\nFROM $A", "ARG A\nFROM $A", "ARG A\nFROM ${A:-x}",
    "ENV A=x\nFROM $A",
    "ARG A='x'\nARG B=${A}y\nFROM $B", "# escape=`\nFROM a\nRUN b `\n c", "# escape=x\nFROM a",
    "# escape=`\n# escape=`\nFROM a", "\n# escape=`\nFROM a\nRUN b \\\n c", "\ufeffFROM a",
    "FROM a\r\nRUN b \\\r\n c\r\n",
    "# nope=1\n# escape=`\nFROM a\nRUN b \\\n c", "FROM a AS b\nFROM b AS c\nCOPY --from=c d e",
    "FROM a\nCOPY --from=$A b c",
    "FROM a AS x\nCOPY --from=y b c\nFROM a AS y", "ARG A=\nFROM $A",
    "FROM a\nONBUILD NOPE x",
)  # fmt: skip

OTHERWISE = {
    # Nobody means it, and a build of another image would fail: told at once.
    "FROM a\nONBUILD NOPE x": True,
    # Carried out only in a stage that is built; the engine then refuses it as well.
    "FROM a AS x\nCOPY --from=y b c\nFROM a AS y": True,
    "FROM a AS first\nENV A='a\nENV B=1": True,
}
"""Texts of which an engine may think otherwise than we do: whether we refuse them."""

CORPUS = Path(__file__).parent.parent / "dockerfiles"
REAL = tuple(path.read_bytes().decode() for path in sorted(CORPUS.glob("*.Dockerfile")))
TEXTS = (
    *(f"FROM a AS first\n{line}" for line in LINES),
    *WHOLE,
    # Those that name a frontend would have it fetched.
    *(text for text in REAL if "<<" not in text and "syntax=" not in text),
)


def we_refuse(text: str) -> bool:
    file = read(text)
    return any(True for _ in (*grammar.troubles(file), *stages.plan(file, {}).troubles))


def it_refuses(engine: Engine, folder: Path, text: str) -> str:
    """What the engine's builder says against *text*; empty where it builds the last stage."""
    (folder / "Dockerfile").write_bytes((text + LAST).encode())
    words = ("build", "--quiet", "--target=the-last", str(folder))
    environment = {**engine.environment, "DOCKER_BUILDKIT": "1"}
    done = subprocess.run(
        [engine.client, *words], env=environment, capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def test_each_construct_is_judged_as_the_engine_judges_it(
    clean_engine: Engine, tmp_path: Path
) -> None:
    def judged(number: int) -> tuple[bool, str]:
        folder = tmp_path / str(number)
        folder.mkdir()
        return we_refuse(TEXTS[number] + LAST), it_refuses(clean_engine, folder, TEXTS[number])

    with ThreadPoolExecutor(4) as pool:
        verdicts = list(pool.map(judged, range(len(TEXTS))))
    differ = {
        text: (ours, theirs)
        for text, (ours, theirs) in zip(TEXTS, verdicts, strict=True)
        if (OTHERWISE[text] != ours if text in OTHERWISE else ours != bool(theirs))
    }
    assert differ == {}
    assert sum(bool(theirs) for _, theirs in verdicts) > 50
