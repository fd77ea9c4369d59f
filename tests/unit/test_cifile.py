"""The CI file: whether the lint still stands in front of the build."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelspec_lib import template, yamltext
from kernelspec_lib.checks.cifile import check
from kernelspec_lib.cifile import MAX_JOBS
from kernelspec_lib.project import Unusable
from tests.template import support

LINT = "lint:\n  stage: build\n  script: [kernelspec lint .]\n"
BUILD = "build:\n  stage: test\n  script: [kernelspec build .]\n"


def found(
    text: str, *included: str, local: dict[str, str] | None = None
) -> list[tuple[str, int, int]]:
    files = local or {}
    findings = list(check(text, ".gitlab-ci.yml", included, files.get))
    lines = text.split("\n")
    for one in findings:
        assert 1 <= one.span.line <= len(lines)
        assert 1 <= one.span.column <= len(lines[one.span.line - 1]) + 1
    return [(one.code, one.span.line, one.span.column) for one in findings]


def linted(*lines: str, more: str = "") -> list[tuple[str, int, int]]:
    """What is found where the lint's script is *lines*; *more*: fields of the lint job."""
    script = "".join(f"    - {line}\n" for line in lines)
    return found(f"lint:\n  stage: build\n  script:\n{script}{more}{BUILD}")


@pytest.mark.parametrize("source", ["runner", "registry.example/ci/kernelspec:1", "group/ci:k.yml"])
def test_the_generated_file_passes(source: str, tmp_path: Path) -> None:
    folder = template.generate({**support.GOOD, "pipeline": source}, tmp_path)
    assert found((folder / ".gitlab-ci.yml").read_text(encoding="utf-8")) == []


def test_a_folder_without_a_ci_file_has_none_in_a_repository_of_many() -> None:
    assert list(check(None, ".gitlab-ci.yml", (), lambda name: None)) == []


@pytest.mark.parametrize(
    "line",
    [
        "kernelspec lint",
        "kernelspec lint .",
        "kernelspec lint --recursive kernels",
        "kernelspec lint --policy /etc/kernelspec/policy.json --ignore KS305",
        "kernelspec lint . -o gitlab --output-file report.json",
        "python -m kernelspec_lib lint .",
        "uvx kernelspec lint .",
        "docker run --rm site/kernelspec kernelspec lint .",
        "kernelspec lint . | tee lint.log",
        "kernelspec lint . && echo well",
        "set -e; kernelspec lint .; echo done",
        "kernelspec lint . || exit 1",
        "kernelspec lint . || { echo no; exit 3; }",
        "cd kernels/a && kernelspec lint ../a",
        "'[ -f x ] || true; kernelspec lint .'",
        "kernelspec pipeline",
    ],
)
def test_a_lint_however_it_is_called(line: str) -> None:
    assert linted(line) == []


def test_validate_and_resolve_are_a_lint_as_well() -> None:
    assert linted("kernelspec validate .", "kernelspec resolve .") == []
    assert linted("kernelspec validate .")[0] == ("KS422", 5, 1)


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("kernelspec lint . || true", 7),
        ("kernelspec lint . || echo no", 7),
        ("kernelspec lint . &", 7),
        ("'! kernelspec lint .'", 10),
        ("if kernelspec lint .; then echo; fi", 10),
        ("kernelspec lint . && echo a; echo b", 7),
        ("set +e; kernelspec lint .", 7),
        ("bash -c 'kernelspec lint . || :'", 16),
        ("kernelspec lint --select KS1", 23),
        ("kernelspec lint . --ignore=KS4", 25),
        ("kernelspec lint --policy own.json", 23),
        ("kernelspec lint requirements.json", 23),
        ("kernelspec lint decoy/", 23),
    ],
)
def test_a_lint_that_stops_nothing(line: str, column: int) -> None:
    assert linted(line) == [("KS423", 4, column)]


def test_a_chain_that_is_not_the_last_line_is_no_gate() -> None:
    assert linted("kernelspec lint . && echo well", "echo more") == [("KS423", 4, 7)]


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ("  allow_failure: true\n", (5, 18)),
        ("  allow_failure:\n    exit_codes: [1]\n", (6, 5)),
        ("  when: manual\n", (5, 9)),
        ("  when: never\n", (5, 9)),
        ("  rules:\n    - when: never\n", (6, 5)),
        ("  rules: []\n", (5, 10)),
        ("  rules:\n    - if: $X\n      when: manual\n", (6, 5)),
        ("  rules:\n    - allow_failure: true\n", (6, 22)),
        ("  rules:\n    - if: $CI_COMMIT_TAG\n", (6, 5)),
        ("  only: [main]\n", (5, 9)),
        ("  variables:\n    KERNELSPEC_POLICY: mine.json\n", (6, 24)),
    ],
)
def test_a_job_that_is_no_gate(more: str, place: tuple[int, int]) -> None:
    assert linted("kernelspec lint .", more=more) == [("KS423", *place)]


@pytest.mark.parametrize(
    "more",
    [
        "  allow_failure: false\n",
        "  when: on_success\n",
        "  rules:\n    - if: $X\n      variables: {A: b}\n    - when: on_success\n",
        "  rules:\n    - {}\n",
        "  variables:\n    KERNELSPEC_POLICY: /srv/policy.json\n",
        "  retry: 2\n  tags: [docker]\n  image: python:3.11\n",
        "  interruptible: true\n  artifacts: {reports: {codequality: a.json}}\n",
    ],
)
def test_a_job_that_is_one(more: str) -> None:
    assert linted("kernelspec lint .", more=more) == []


def test_equal_conditions_of_lint_and_build_are_fine() -> None:
    rules = "  rules: &r\n    - changes: [kernels/a/**]\n"
    assert found(f"{LINT}{rules}{BUILD}  rules: *r\n") == []
    assert found(f"{LINT}{rules}{BUILD}") == [("KS423", 4, 10)]


def test_a_lint_that_no_rule_lets_run_is_told_so() -> None:
    """Not that its conditions differ from the build's, which is as true and less to the point."""
    text = f"{LINT}  rules: [{{if: $X, when: never}}]\n{BUILD}"
    (one,) = check(text, ".gitlab-ci.yml", (), lambda name: None)
    assert (one.code, one.message) == ("KS423", "no rule lets this lint run by itself")


@pytest.mark.parametrize(
    ("text", "places"),
    [
        (BUILD, [("KS422", 1, 1)]),
        (f".lint:\n  script: [kernelspec lint .]\n{BUILD}", [("KS422", 3, 1)]),
        (f"lint:\n  script: [echo kernelspec lint]\n{BUILD}", [("KS422", 3, 1)]),
        (f"lint:\n  script: [x]\n  after_script: [kernelspec lint .]\n{BUILD}", [("KS422", 4, 1)]),
        ("pages:\n  script: [make]\n", [("KS422", 1, 1)]),
        ("", [("KS422", 1, 1)]),
        ("# nothing\n", [("KS422", 1, 1)]),
        ("- a\n", [("KS422", 1, 1)]),
        ("stages: [a]\n", [("KS422", 1, 1)]),
    ],
)
def test_a_lint_that_is_gone(text: str, places: list[tuple[str, int, int]]) -> None:
    assert found(text) == places


@pytest.mark.parametrize(
    "text",
    [
        f"{LINT}{BUILD}",
        "lint:\n  stage: .pre\n  script: [kernelspec lint .]\nb:\n  script: [docker push x]\n",
        f"stages: [build, test]\n{LINT}{BUILD}",
        f"{LINT}build:\n  stage: build\n  needs: [lint]\n  script: [kernelspec build .]\n",
        f"{LINT}a:\n  needs: [lint]\n  script: [x]\nb:\n  needs: [a]\n  script: [docker build .]\n",
        f"{LINT}a:\n  script: [x]\nb:\n  needs: [{{job: a}}]\n  script: [docker build .]\n",
        "all:\n  script:\n    - kernelspec lint .\n    - kernelspec build .\n",
        "all:\n  script: ['kernelspec lint . && kernelspec build .']\n",
        f"default:\n  before_script: [kernelspec lint .]\n{BUILD}",
        f".l: &l\n  script: [kernelspec lint .]\nlint:\n  <<: *l\n  stage: .pre\n{BUILD}",
        f".s: {{l: [kernelspec lint]}}\nx:\n  stage: .pre\n  script: [!reference [.s, l]]\n{BUILD}",
        ".a:\n  script: [kernelspec lint]\n.b: {extends: [.a]}\nx: {extends: .b, stage: .pre}\n",
        f"spec:\n  inputs: {{}}\n---\n{LINT}{BUILD}",
        f"variables:\n  L: kernelspec lint .\nlint:\n  stage: .pre\n  script: [$L]\n{BUILD}",
        f"{LINT}{BUILD}again:\n  script: ['kernelspec lint . || true']\n",
        LINT,
    ],
)
def test_a_lint_in_front_of_the_build(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("build", "place"),
    [
        ("build:\n  stage: build\n  script: [kernelspec build .]\n", (5, 10)),
        ("build:\n  needs: []\n  script: [docker build .]\n", (5, 10)),
        ("build:\n  needs: [other]\n  script: [podman push x]\n", (5, 10)),
        ("b:\n  needs:\n    - {job: lint, optional: true}\n  script: [docker build]\n", (6, 5)),
        ("build:\n  stage: deploy\n  when: always\n  script: [kernelspec build .]\n", (6, 9)),
        ("build:\n  rules:\n    - when: always\n  script: [docker build .]\n", (6, 13)),
        ("b:\n  stage: .pre\n  script: [/kaniko/executor]\n", (5, 10)),
        ("b:\n  script:\n    - kernelspec build .\n    - kernelspec lint .\n", (4, 1)),
    ],
)  # fmt: skip
def test_a_build_that_does_not_wait(build: str, place: tuple[int, int]) -> None:
    assert found(LINT + build) == [("KS424", *place)]


def test_what_the_sites_file_brings_counts() -> None:
    include = "include:\n  - project: site/ci\n    ref: v1\n    file: [/a.yml, /kernel.yml]\n"
    assert found(include + BUILD) == []
    assert found(include + BUILD, "site/ci:/kernel.yml") == []
    assert found(include + BUILD, "other/ci:*") == [("KS422", 5, 1)]
    assert found("include: https://ci.example/k.yml\n", "https://ci.example/*") == []
    assert found("include: https://elsewhere.example/k.yml\n", "https://ci.example/*") == [
        ("KS422", 1, 1)
    ]
    weakened = f"{include}kernel-lint:\n  allow_failure: true\n{BUILD}"
    assert found(weakened, "site/ci:*") == [("KS423", 6, 18)]


def test_a_file_of_the_same_repository_is_looked_into() -> None:
    text = f"include:\n  - local: /ci/lint.yml\n{BUILD}"
    assert found(text, local={"/ci/lint.yml": LINT}) == []
    assert found(text, local={"/ci/lint.yml": "x: {script: [y]}\n"}) == [("KS422", 3, 1)]
    bad = LINT.replace("lint .", "lint . || true")
    assert found(text, local={"/ci/lint.yml": bad}) == [("KS423", 2, 12)]
    own = f"{text}lint:\n  stage: .pre\n  script: [kernelspec lint .]\n"
    assert found(own, local={"/ci/lint.yml": bad}) == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: [\n", (2, 1)),
        ("a: b\n\tc: d\n", (2, 1)),
        ("lint: {}\nlint: {}\n", (2, 1)),
        ("a: *gone\n", (1, 4)),
        ("a: '\x01'\n", (1, 5)),
        ("a: " + "[" * 100 + "]" * 100, (1, 44)),
        ("".join(f"j{n}: {{script: [make]}}\n" for n in range(MAX_JOBS + 1)), (1, 1)),
    ],
)
def test_what_cannot_be_relied_on_has_its_place(text: str, place: tuple[int, int]) -> None:
    assert found(text) == [("KS421", *place)]


def test_a_file_that_is_not_read_is_told() -> None:
    (one,) = check(Unusable("it is no file"), ".gitlab-ci.yml", (), lambda name: None)
    assert (one.code, one.message) == ("KS421", "it is no file")


BOMB = "a0: &a0 [x]\n" + "".join(f"a{n + 1}: &a{n + 1} [{f'*a{n}, ' * 9}]\n" for n in range(30))
HOSTILE = {
    "aliases": BOMB + "lint:\n  script: *a30\n",
    "merged": "b: &b0 {x: 1}\n" + "".join(
        f"b{n + 1}: &b{n + 1}\n  <<: [{', '.join([f'*b{n}'] * 9)}]\n" for n in range(30)
    ) + "lint:\n  <<: *b30\n",
    "itself": "a: &a\n  <<: *a\n  extends: a\n  script: &s [*s, kernelspec lint]\n",
    "extends": "".join(f"j{n}:\n  extends: [{f'j{n + 1}, ' * 9}]\n" for n in range(40)),
    "reference": "a:\n  script:\n    - !reference [a, script]\n    - !reference [a, script]\n",
    "brackets": "[" * 100_000,
    "braces": "{" * 100_000,
    "keys": "".join(f"k{n}: 1\n" for n in range(15_000)),
    "jobs": "".join(f"k{n}: {{script: [kernelspec build, kernelspec lint]}}\n" for n in range(290)),
    "needs": LINT + "".join(
        f"k{n}: {{needs: [k{n + 1}, k{n + 2}], script: [docker build .]}}\n" for n in range(290)
    ),
    "quotes": "a: '" + "''" * 100_000,
    "questions": "? " * 50_000,
    "dashes": "- " * 50_000,
    "script": "lint:\n  script: ['" + "$(a; " * 30_000 + "']\n",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_takes_no_long_time(name: str) -> None:
    start = time.process_time()
    list(check(HOSTILE[name], ".gitlab-ci.yml", (), lambda name: None))
    # A bound for what would take hours, and no benchmark.
    assert time.process_time() - start < 30


PIECES = [
    "lint", "build", ":", ": ", "\n", "\n  ", "- ", "[", "]", "{", "}", "&a ", "*a", "<<: ", "'",
    '"', "|", ">", "#", "!reference ", "script", "kernelspec lint .", "extends", "needs", "---\n",
    "rules", "include", "when: never", "\t", "? ", "%", "\x00", "é",
]  # fmt: skip


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=30).map("".join))
def test_any_text_gives_findings(text: str) -> None:
    list(check(text, ".gitlab-ci.yml", (), lambda name: None))


@settings(max_examples=200)
@given(
    st.recursive(
        st.text("ab #:'\"", max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner)
        ),
        max_leaves=8,
    )
)
def test_nodes_are_what_yaml_itself_reads(value: object) -> None:
    import yaml

    text = yaml.safe_dump(value)
    (node,) = yamltext.read(text)  # type: ignore[misc]
    assert plain(node) == value


def plain(node: yamltext.Node) -> object:
    if isinstance(node, yamltext.Scalar):
        return node.text
    if isinstance(node, yamltext.Listed):
        return [plain(item) for item in node.items]
    return {key.text: plain(value) for key, value in node.named()}
