"""The Dockerfile: what is found, and where."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kernelspec_lib.checks.dockerfile import check

KEYWORDS = ["FROM x", "RUN", "ENV", "ADD", "ONBUILD", "pip install", "# escape=`", "USER", "COPY"]
PIECES = [
    *'\n \\`["\r\t}\0', *KEYWORDS, "<<END", "END", "A=", "-i", "${", "--from=", "https://", "&&",
    "$(", "sh -c '", "ENTRYPOINT", "=root", "-r", "requirements.lock", "\ufeff", "{{", ":-", "%%*",
]  # fmt: skip
LOCK = "COPY requirements.lock .\nRUN pip install --no-deps -r requirements.lock\n"


def told(text: str, base_images: tuple[str, ...] | None = None) -> list[tuple[str, int, int]]:
    findings = check(text, "Dockerfile", base_images)
    return [(one.code, one.span.line, one.span.column) for one in findings]


def found(text: str, base_images: tuple[str, ...] | None = None) -> list[tuple[str, int, int]]:
    """What is told of *text*, with a lock installed at its end."""
    return told(text + LOCK, base_images)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=40).map("".join))
@example("RUN <<A <<B\nx\nA\n")
@example("FROM x\nENV A=${A%*}")
def test_any_text_gives_findings_inside_the_file(text: str) -> None:
    lines = text.removeprefix("\ufeff").split("\n")
    for one in check(text, "Dockerfile", ("python:*",), root_user=False):
        assert 1 <= one.span.line <= one.span.end_line <= len(lines)
        assert 1 <= one.span.column <= len(lines[one.span.line - 1]) + 1
        assert 1 <= one.span.end_column <= len(lines[one.span.end_line - 1]) + 2


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_findings(content: bytes) -> None:
    list(check(content.decode("utf-8", errors="replace"), "Dockerfile", ()))


HOSTILE = {
    "words": "FROM x\nRUN " + "pip install " * 5_000,
    "commands": "FROM x\n" + "RUN a; pip install -r x && b | c\n" * 7_000,
    "heredocs": "FROM x\n" + "RUN <<A\n" * 30_000,
    "marks": "FROM x\nRUN " + "<<A " * 16_000,
    "name": "FROM x\nENV " + "A_" * 30_000 + "=1",
    "schemes": "FROM x\nRUN " + "a://" * 16_000,
    "logins": "FROM x\nRUN " + "a://b:" * 10_000,
    "braces": "FROM " + "${A" * 20_000,
    "brackets": "FROM x\nRUN " + "[" * 60_000,
    "calls": "FROM x\nRUN " + "$(" * 30_000,
    "called": "FROM x\nRUN " + "$( a " * 12_000,
    "ticks": "FROM x\nRUN " + "`a " * 20_000,
    "shells": "FROM x\nRUN " + "sh -c 'sh -c " * 4_000,
    "quotes": "FROM x\nRUN " + "\"'" * 30_000,
    "continued": "\\\n" * 130_000,
    "pieces": "FROM x\nRUN " + "a \\\n" * 60_000,
    "stages": "FROM x AS s\n" + "FROM s AS s\n" * 20_000,
    "doubled": "FROM x\nENV A0=ab\n" + "".join(f"ENV A{n + 1}=$A{n}$A{n}\n" for n in range(9_000)),
    "variables": "FROM x\n" + "".join(f"ENV A{n}=1\nRUN $A{n}\n" for n in range(9_000)),
    "patterns": "FROM x\nENV A=" + "a" * 250 + "\nENV B=${A%" + "*a" * 3 + "b}\n" * 500,
    "assigned": "FROM x\nRUN " + "a_" * 30_000,
    "dots": "FROM x\nRUN pip install " + "a." * 30_000 + "!",
    "equals": "FROM x\nRUN pip install a" + "=" * 60_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_takes_no_long_time(name: str) -> None:
    start = time.process_time()
    list(check(HOSTILE[name], "Dockerfile", ("python:*",), root_user=False))
    # A bound for what would take hours, and no benchmark.
    assert time.process_time() - start < 30


def test_comments_and_blank_lines_within_an_instruction_are_left_out() -> None:
    text = "FROM x\nRUN a \\\n  # b\n\n  && pip install --index-url=u y==1\n"
    assert found(text) == [("KS404", 5, 18)]


def test_what_stands_in_a_heredoc_is_no_instruction() -> None:
    text = "FROM x\nRUN <<-'one' <<two\nFROM y\n\tone\nENV Z\ntwo\nUSER me\n"
    assert found(text) == []


def test_an_onbuild_is_looked_into() -> None:
    assert found("FROM x\nONBUILD ADD https://x.example/a /a\n") == [("KS406", 2, 13)]
    assert found("FROM x\nONBUILD RUN pip install -i u y==1\n") == [("KS404", 2, 25)]
    assert found("FROM x\nONBUILD ENV PIP_INDEX_URL=u\n") == [("KS404", 2, 13)]
    assert found("FROM x\nONBUILD COPY --from=a/b / /\n", ("x",)) == [("KS403", 2, 14)]
    assert found("FROM x\nONBUILD ARG API_KEY=abcdef\n") == [("KS405", 2, 13)]


@pytest.mark.parametrize(
    "line",
    [
        "RUN apt-get update && apt-get install -y --no-install-recommends gcc -f",
        "RUN curl -i https://x.example && grep -if x",
        "RUN uv pip install -r requirements.lock --no-deps",
        "RUN conda install --index x=1.0",
        "ENV PIP_NO_CACHE_DIR=1 PIP_DEFAULT_TIMEOUT=100",
        "ENV SPARK_HOME=/opt/spark PATH=$PATH:/opt/spark/bin",
        "ENV HF_TOKEN=$HF_TOKEN",
        "ENV JUPYTER_TOKEN=''",
        "ADD https.tar.gz /opt/",
        "LABEL org.opencontainers.image.url=https://x.example",
        "RUN --mount=type=secret,id=t TOKEN=$(cat /run/secrets/t) ./load.sh",
        "RUN --mount=type=secret,id=t export API_KEY=`cat /run/secrets/t`; ./load.sh",
        "RUN python -m pip --version && pip list -i && pip check",
        "RUN echo pip install x",
        "RUN rm -f /etc/pip.conf && cat /etc/pip.conf",
        "RUN pip install a==1.0 'b[c,d]==2; python_version < \"3.12\"'",
        "ARG V=1.2\nRUN pip install a==$V",
        "ARG LIBS='a==1 b==2'\nRUN pip install $LIBS",
        "RUN pip install --no-deps ./wheels/own-1.0-py3-none-any.whl",
        "RUN python -m venv /opt/t && pipx install black && uv tool install ruff",
        "RUN pip install --require-hashes -r tools.txt",
        'ENTRYPOINT ["tini", "-g", "--"]',
        'ENTRYPOINT ["/bin/sh", "-c", "exec \\"$@\\"", "--"]',
        "ENTRYPOINT []",
        "RUN pip cache purge",
        "RUN python setup.py build_ext",
        'RUN ["pip", "install", "a==1"]',
        "RUN pip install a==1 2>&1 | tee /tmp/log",
        "RUN if pip show a; then true; fi # pip install x",
        "COPY <<EOF /etc/x.conf\npip install x\nEOF",
        "RUN cat <<EOF > /x.sh\npip install x\nEOF",
        "RUN python <<EOF\npip install x\nEOF",
        "RUN <<EOF\n#!/usr/bin/env python3\npip install = 1\nEOF",
    ],
)
def test_what_owners_usually_write_is_no_finding(line: str) -> None:
    assert found(f"FROM x\n{line}\n") == []


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("RUN pip install -fhttps://x.example y==1", 17),
        ("RUN pip3.11 install y==1 --trusted-host x.example", 26),
        ("RUN pip install --extra-index https://x.example y==1", 17),
        ("RUN uv pip install --default-index https://x.example y==1", 20),
        ('RUN sh -c "pip install -i https://x.example y==1"', 24),
        ("RUN set -e; (cd /x && pip install -i https://x.example y==1)", 35),
        ("RUN UV_DEFAULT_INDEX=https://x.example uv --version", 5),
        ("RUN export PIP_INDEX_URL=https://x.example; pip check", 12),
        ("RUN unset PIP_CONFIG_FILE; pip check", 11),
        ("RUN env PIP_CONFIG_FILE=/dev/null pip check", 9),
        ("ENV PIP_CONFIG_FILE=/etc/x", 5),
        ("ARG PIP_EXTRA_INDEX_URL", 5),
        ("COPY conf/pip.conf /etc/", 6),
        ("COPY <<EOF /root/.config/uv/uv.toml\nEOF", 12),
        ("RUN echo x > /etc/pip.conf", 14),
        ("RUN echo x | tee ~/.config/pip/pip.conf", 18),
        ("RUN pip config --global set global.index-url https://x.example", 25),
        ("RUN pip install git+https://x.example/y@v1", 17),
        ("RUN pip install 'y @ https://x.example/y.whl'", 17),
        ("RUN pip install --no-deps -r https://x.example/r.txt", 30),
        ("RUN pip --isolated install y==1", 9),
        ("RUN pip download --index-url u y", 18),
        ("RUN uv tool install --index u y", 21),
        ("RUN conda run -n base pip install -i u y==1", 35),
        ("RUN xargs pip install -i u < list", 23),
        ('RUN ["/opt/conda/bin/python", "-m", "pip", "install", "-i", "u", "y==1"]', 55),
        ("RUN bash <<EOF\npip config set a b\nEOF", 0),
    ],
)
def test_another_index_is_found_however_it_is_named(line: str, column: int) -> None:
    place = ("KS404", 2, column) if column else ("KS404", 3, 12)
    assert found(f"FROM x\n{line}\n") == [place]


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("RUN pip install scipy", 17),
        ("RUN pip install -U scipy", 20),
        ("RUN pip install 'scipy==1.*'", 17),
        ("RUN pip3 install scipy~=1.0", 18),
        ("RUN python3 -m pip install scipy", 28),
        ("RUN uv pip install --system scipy", 29),
        ("RUN a && (b; pip install scipy) || c", 26),
        ("RUN pip install -r more.txt", 20),
        ("RUN pip install -rmore.txt", 17),
        ("RUN pip install .", 17),
        ("RUN pip install -e .[dev]", 20),
        ("RUN pip install /wheels/own.whl", 17),
        ("RUN pip install $WHATEVER", 17),
        ("RUN conda install -c conda-forge scipy", 34),
        ("RUN mamba update --all", 11),
        ("RUN conda env update -f environment.yml", 15),
        ("RUN micromamba install -y -f environment.yml", 30),
        ("RUN easy_install scipy", 18),
        ("RUN python setup.py install", 12),
        ("RUN uv sync", 8),
        ("RUN poetry install", 12),
        ('RUN ["pip", "install", "scipy"]', 24),
        ("RUN <<EOF\npip install scipy\nEOF", 0),
        ("RUN bash -e <<EOF\npip install scipy\nEOF", 0),
        ("RUN sudo -H pip install scipy", 25),
        ("RUN if true; then pip install scipy; fi", 31),
        ("RUN echo $(pip install scipy)", 24),
    ],
)
def test_what_changes_the_lock_is_found(line: str, column: int) -> None:
    place = ("KS407", 2, column) if column else ("KS407", 3, 13)
    assert found(f"FROM x\n{line}\n") == [place]


def test_installers_may_be_renewed_only_before_the_lock() -> None:
    renew = "RUN pip install --upgrade pip setuptools\n"
    assert told(f"FROM x\n{renew}{LOCK}") == []
    assert told(f"FROM x\n{LOCK}{renew}") == [("KS407", 4, 27), ("KS407", 4, 31)]


@pytest.mark.parametrize(
    "lines",
    [
        "RUN --mount=type=bind,source=requirements.lock,target=/l pip install -r /l",
        "COPY requirements.lock /tmp/pins.txt\nRUN pip install --no-deps -r /tmp/pins.txt",
        "COPY . /src\nWORKDIR /src\nRUN pip install --requirement=requirements.lock",
        "ARG L=requirements.lock\nCOPY $L .\nRUN pip install -r $L",
        "RUN --mount=type=bind,target=. uv pip sync requirements.lock",
        'COPY requirements.lock /\nRUN ["pip3", "install", "-r", "/requirements.lock"]',
        "COPY requirements.lock /\nRUN <<EOF\nset -e\npip install -r /requirements.lock\nEOF",
        "FROM x AS b\nCOPY requirements.lock .\nRUN pip install -r requirements.lock\nFROM b",
        "FROM x AS b\nCOPY requirements.lock .\nRUN pip install --prefix /p -r requirements.lock\n"
        "FROM x\nCOPY --from=b /p /usr/local",
    ],
)  # fmt: skip
def test_the_lock_is_seen_however_it_is_installed(lines: str) -> None:
    assert told(lines if lines.startswith("FROM") else f"FROM x\n{lines}\n") == []


@pytest.mark.parametrize(
    "lines",
    [
        "COPY requirements.lock .",
        "COPY requirements.lock .\nONBUILD RUN pip install -r requirements.lock",
        "COPY requirements.lock .\nRUN pip install --dry-run -r requirements.lock",
        "COPY requirements.lock .\nRUN pip download -r requirements.lock",
        "COPY requirements.lock .\nRUN echo pip install -r requirements.lock",
        "COPY requirements.lock .\nRUN pip install -r requirements.lock\nFROM y",
    ],
)
def test_a_lock_that_is_left_out_is_found(lines: str) -> None:
    (code, line, _), *rest = told(f"FROM x\n{lines}\n")
    assert (code, rest) == ("KS408", [])
    assert line == (4 if lines.endswith("FROM y") else 1)


def test_only_what_the_site_admits_is_begun_from() -> None:
    text = "ARG TAG=3.11\nFROM python:${TAG}-slim AS one\nFROM one\nRUN --mount=from=tool:1 x\n"
    assert found(text, ("python:*-slim",)) == [("KS403", 4, 5)]
    assert found("FROM ${OTHER:-python:3-slim}\n", ("python:*-slim",)) == []
    assert found("FROM ${OTHER}\n", ("python:*-slim",)) == [("KS402", 1, 6)]


@pytest.mark.parametrize(
    ("text", "image"),
    [
        ('ARG I="a b"\nFROM ${I}\n', "a b"),
        ("ARG I='python:3'\nFROM $I\n", "python:3"),
        ("ARG A=x\nARG I=${A:+y}:1\nFROM $I\n", "y:1"),
        ("ARG A=\nARG I=${A:-z}\nFROM $I\n", "z"),
        ("ARG A=\nARG I=${A-z}w\nFROM $I\n", "w"),
        ("ARG I=a\nFROM scratch\nARG I=b\nFROM $I\n", "a"),
        ("FROM --platform=$BUILDPLATFORM a:$TARGETARCH\n", "a:amd64"),
        ("ARG BASE_IMAGE=foreign\nFROM ${BASE_IMAGE}\n", None),
        ("ARG I=v1.2.3\nFROM a:${I#v}\n", "a:1.2.3"),
        ("ARG I=1.2.3\nFROM a:${I%.*}\n", "a:1.2"),
        ("ARG I=1.2.3\nFROM a:${I%%.*}\n", "a:1"),
        ("FROM a\\:b\n", "a:b"),
    ],
)
def test_an_image_is_judged_with_the_value_that_the_build_hands_in(
    text: str, image: str | None
) -> None:
    findings = list(check(text + LOCK, "Dockerfile", (), base_image="python:3.11-slim"))
    named = [one.message for one in findings if one.code == "KS403"]
    assert named == (
        [f'this site allows no image to begin from "{image}"'] if image is not None else []
    )


def test_a_stage_that_ends_up_nowhere_is_let_be() -> None:
    unused = "FROM foreign AS tests\nRUN pip install -i u pytest\nADD https://x.example/a /\n"
    assert found(f"{unused}FROM python:3\n", ("python:*",)) == []
    used = f"{unused}FROM python:3\nCOPY --from=tests /a /a\n"
    codes = [code for code, _, _ in found(used, ("python:*",))]
    assert codes == ["KS403", "KS404", "KS406", "KS407"]
    mounted = f"{unused}FROM python:3\nRUN --mount=from=tests,target=/t cp /t/a /a\n"
    assert [code for code, _, _ in found(mounted, ("python:*",))] == codes
    assert found("FROM foreign AS a\nFROM a AS b\nFROM python:3\n", ("python:*",)) == []
    assert found("FROM foreign AS A\nFROM a\n", ("python:*",)) == [("KS403", 1, 6)]
    by_number = "FROM foreign\nFROM python:3\nCOPY --from=0 /a /a\n"
    assert found(by_number, ("python:*",)) == [("KS403", 1, 6)]


@pytest.mark.parametrize(
    ("first", "place"),
    [
        ("# syntax=docker/dockerfile:1.7", None),
        ("# syntax = docker.io/docker/dockerfile@sha256:abc", None),
        ("# syntax=evil/frontend:1", (1, 10)),
        ("#Syntax=evil/frontend other", (1, 9)),
        ("// syntax=evil/frontend", (1, 11)),
        ("#!/usr/bin/env x\n# syntax=evil/frontend", (2, 10)),
        ("# a remark\n# syntax=evil/frontend", None),
    ],
)
def test_a_program_that_reads_the_file_is_an_image_too(
    first: str, place: tuple[int, int] | None
) -> None:
    rows = [row for row in found(f"{first}\nFROM python:3\n", ("python:*",)) if row[0] == "KS403"]
    assert rows == ([("KS403", *place)] if place else [])
    assert not [row for row in found(f"{first}\nFROM python:3\n") if row[0] == "KS403"]


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("ENV A=1 DB_PASSWORD=hunter2", 9),
        ("LABEL api_token=abcdef", 7),
        ("RUN export GITHUB_TOKEN=abcdef && x", 12),
        ("RUN DB_PASSWORD='open sesame' ./x", 5),
        ("RUN curl -H 'Authorization: Bearer abcdefghijklmno' https://x.example", 14),
        ("RUN mysql --password=hunter22", 11),
        ("RUN x glpat-abcdefghijklmnopqrst", 7),
        ("COPY .netrc /root/.netrc", 6),
        ("COPY --chmod=0600 id_rsa /root/.ssh/", 19),
        ("RUN echo machine x > ~/.netrc", 22),
        ("ARG NPM_TOKEN=$X", 5),
    ],
)
def test_a_secret_is_found_wherever_it_stands(line: str, column: int) -> None:
    assert found(f"FROM x\n{line}\n") == [("KS405", 2, column)]


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("ADD git://x.example/y.git /a", 5),
        ("ADD github.com/x/y.git /a", 5),
        ("ADD --checksum=sha256:00 HTTPS://x.example/a /a", 26),
        ("ENV U=https://x.example\nADD $U/a /a", 0),
        ("ADD a https://x.example/b /c/", 7),
    ],
)
def test_add_fetches_nothing(line: str, column: int) -> None:
    place = ("KS406", 2, column) if column else ("KS406", 3, 5)
    assert found(f"FROM x\n{line}\n") == [place]


@pytest.mark.parametrize(
    ("end", "place"),
    [
        ("USER root", (2, 6)),
        ("USER 0", (2, 6)),
        ("USER 1000\nUSER root:root", (3, 6)),
        ("ARG U=root\nUSER $U", (3, 6)),
        ("USER $NOBODY", (2, 6)),
        ("ONBUILD USER 1000", (1, 6)),
        ("USER 1000", None),
        ("USER root\nUSER jovyan", None),
        ("USER root\nRUN x\nUSER ${NB_UID:-1000}", None),
    ],
)
def test_where_the_site_says_so_no_image_ends_as_root(
    end: str, place: tuple[int, int] | None
) -> None:
    text = f"FROM x\n{end}\n{LOCK}"
    findings = check(text, "Dockerfile", root_user=False)
    places = [(one.code, one.span.line, one.span.column) for one in findings]
    assert places == ([("KS409", *place)] if place else [])
    assert told(text) == []


def test_the_user_of_an_earlier_stage_counts_where_the_last_one_begins_from_it() -> None:
    text = f"FROM x AS a\nUSER root\nFROM a\n{LOCK}"
    findings = check(text, "Dockerfile", root_user=False)
    assert [(one.code, one.span.line) for one in findings] == [("KS409", 2)]


@pytest.mark.parametrize(
    "line",
    [
        "ENTRYPOINT jupyter lab",
        'ENTRYPOINT ["python3", "app.py"]',
        'ENTRYPOINT ["/bin/bash"]',
        'ENTRYPOINT ["sh", "-c", "exec jupyter"]',
        'ENTRYPOINT ["start.sh"]\nENTRYPOINT ["jupyter", "lab"]',
    ],
)
def test_an_entrypoint_hands_the_kernels_command_on(line: str) -> None:
    row = 2 + line.count("\n")
    assert found(f"FROM x\n{line}\n") == [("KS410", row, 1)]
    assert found(f"FROM x AS a\n{line}\nFROM a\n") == [("KS410", row, 1)]
    assert found(f"FROM x\n{line}\nENTRYPOINT []\n") == []


def test_bytes_that_are_no_text_are_told_once() -> None:
    assert told("FROM x\n\x7fELF\0\0\n" * 50) == [("KS402", 2, 5)]


def test_of_a_file_that_is_something_else_the_first_lines_are_told() -> None:
    assert len(told("import this\n" * 5_000)) == 20


@pytest.mark.parametrize(
    ("line", "column"), [("ENV A=${B", 5), ('WORKDIR "a', 9), ("COPY ${B /x", 6)]
)
def test_a_word_that_cannot_be_filled_in_has_its_place(line: str, column: int) -> None:
    assert ("KS402", 2, column) in found(f"FROM a\n{line}\nUSER 1\n")
