"""Why a build failed: what pip, uv and the engine say, and what helps."""

from __future__ import annotations

import pytest

from kernelspec_lib.delivery import trouble

UV = {
    "no login": (
        "hint: An index URL (http://127.0.0.1:1/simple) could not be queried due to a lack of "
        "valid authentication credentials (401 Unauthorized)",
        "another user or password",
        3,
    ),
    "forbidden": (
        "hint: An index (http://127.0.0.1:1/simple) returned a 403 Forbidden error. Check that the "
        "index URL is correct and the credentials are valid.",
        "another user or password",
        3,
    ),
    "a file forbidden": (
        "cause: HTTP status client error (403 Forbidden) for url (http://127.0.0.1:1/a-1.whl)",
        "another user or password",
        3,
    ),
    "proxy wants a login": (
        "cause: tunnel error: proxy authorization required",
        "another user or password",
        3,
    ),
    "proxy wants a login, without TLS": (
        "cause: HTTP status client error (407 Proxy Authentication Required) for url (http://x/)",
        "another user or password",
        3,
    ),
    "proxy refuses": ("cause: tunnel error: unsuccessful", "have it allowed there", 3),
    "ill": (
        "cause: HTTP status server error (502 Bad Gateway) for url (http://127.0.0.1:1/simple/a/)",
        "try again later",
        3,
    ),
    "refused": ("cause: Connection refused (os error 111)", "the network", 3),
    "no such name": (
        "cause: failed to lookup address information: Name or service not known",
        "the network",
        3,
    ),
    "silent": ("cause: operation timed out", "the network", 3),
    "strange certificate": (
        "cause: invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))",
        "CA_BUNDLE",
        3,
    ),
    "broken file": ("cause: Failed to extract archive: alpha-1.1-py3-none-any.whl", "broken", 3),
    "another file": ("cause: Hash mismatch for `alpha==1.1`", "kernelspec resolve", 1),
    "gone": (
        "cause: Because alpha was not found in the package registry and you require alpha==1.1, we "
        "can conclude that your requirements are unsatisfiable.",
        "kernelspec resolve",
        3,
    ),
    "another Python": (
        "cause: Because alpha==1.1 has no wheels with a matching Python ABI tag (e.g., `cp311`) "
        "and you require alpha==1.1, we can conclude that your requirements are unsatisfiable.",
        "python_version and base_image",
        1,
    ),
    "full": ("cause: failed to write: No space left on device (os error 28)", "builder prune", 3),
}
"""What uv said for real, each under its first lines."""
BEFORE = {
    "gone": "error: No solution found when resolving dependencies",
    "another Python": "error: No solution found when resolving dependencies",
    "another file": "error: Failed to download `alpha==1.1`",
    "no login": "error: No solution found when resolving dependencies",
    "forbidden": "error: No solution found when resolving dependencies",
    "broken file": "error: Failed to download `alpha==1.1`",
}


@pytest.mark.parametrize("case", UV)
def test_uv_is_understood_as_pip_is(case: str) -> None:
    said, remedy, exit_code = UV[case]
    first = BEFORE.get(case, "error: Failed to fetch: http://127.0.0.1:1/simple/alpha/")
    failed = trouble.build_failed(1, [f"#9 1.0 {first}", f"#9 1.1   {said}"])
    assert remedy in failed.remedy
    assert failed.exit_code == exit_code
    assert said[: trouble.MAX_WIDTH] in failed.output


UNCOMPILED = [
    "#9 1.0 error: Failed to build `psycopg2==2.9.10`",
    "#9 1.0   cause: The build backend returned an error",
    "#9 1.1          Error: pg_config executable not found.",
    "#9 1.2          pg_config is required to build psycopg2 from source.",
    "#9 1.3 hint: Build failures usually indicate a problem with the package or the environment",
]


def test_a_failed_compile_names_the_library_and_the_package_that_it_wants() -> None:
    failed = trouble.build_failed(1, UNCOMPILED)
    assert 'psycopg2==2.9.10 is compiled here: add "libpq-dev" to system_packages' in failed.remedy
    assert 'usually needs "gcc", "libc6-dev" as well' in failed.remedy
    assert failed.exit_code == 1
    assert "Error: pg_config executable not found." in failed.output
    assert "error: Failed to build `psycopg2==2.9.10`" in failed.output


def test_what_is_asked_for_already_is_not_advised_again() -> None:
    lines = [UNCOMPILED[0], "x.h:5:6: fatal error: far/out.h: No such file or directory"]
    failed = trouble.build_failed(1, [*UNCOMPILED, lines[1]], ["gcc", "libc6-dev", "libpq-dev"])
    assert "libpq-dev" not in failed.remedy
    assert "wants far/out.h: add the Debian package that holds it" in failed.remedy


def test_pip_names_the_library_too() -> None:
    lines = [
        "#9 2.0       src/x.c:1:10: fatal error: ffi.h: No such file or directory",
        "#9 2.1 ERROR: Failed building wheel for cffi",
    ]
    assert 'cffi is compiled here: add "libffi-dev"' in trouble.build_failed(1, lines).remedy


def test_what_a_compile_could_not_load_is_the_network() -> None:
    lines = [
        "#9 1.0 error: Failed to build `alpha==1.1`",
        "#9 1.1   cause: Failed to resolve requirements from `build-system.requires`",
        "#9 1.2   cause: error sending request for url (http://127.0.0.1:9/simple/setuptools/)",
    ]
    assert trouble.build_failed(1, lines).exit_code == 3


ENGINE = {
    "another machine's": (
        "standard_init_linux.go:228: exec user process caused: exec format error",
        "made for other machines",
        1,
    ),
    "no memory": ("c++: fatal error: Killed signal terminated program cc1plus", "memory", 3),
}


@pytest.mark.parametrize("case", ENGINE)
def test_what_the_engine_says(case: str) -> None:
    said, remedy, exit_code = ENGINE[case]
    failed = trouble.build_failed(1, [f"#5 ERROR: {said}"])
    assert (remedy in failed.remedy, failed.exit_code) == (True, exit_code)


@pytest.mark.parametrize(
    ("said", "remedy", "exit_code"),
    [
        ("write /x: no space left on device", "docker builder prune", 3),
        ("E: Unable to locate package libnosuch", "system_packages", 1),
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
            "kernelspec resolve",
            1,
        ),
        ("ERROR: pull access denied for nosuch, repository does not exist", "base_image", 1),
        ("Temporary failure resolving 'deb.example'", "the network", 3),
        ("ERROR: No matching distribution found for alpha==1.0", "kernelspec resolve", 3),
        ("error: command 'x86_64-linux-gnu-gcc' failed: No such file", "build-essential", 1),
        ("SSLError: certificate verify failed: unable to get local issuer", "CA_BUNDLE", 3),
        ("dockerfile parse error line 3: unknown instruction: RUNN", "Dockerfile", 1),
        ("executor failed running [/bin/sh -c false]: exit code: 1", "Dockerfile", 1),
        ("something nobody has seen", "", 3),
    ],
)
def test_why_a_build_failed(said: str, remedy: str, exit_code: int) -> None:
    lines = ["#1 [internal] load", f"#8 1.234 {said}", "------", "#9 DONE 0.0s"]
    failed = trouble.build_failed(1, lines)
    assert said in failed.output
    assert remedy in failed.remedy
    assert failed.exit_code == exit_code


def test_what_broke_first_is_the_cause() -> None:
    lines = [
        "#8 1.0 W: Failed to fetch http://deb.example: Connection refused",
        "#8 1.1 E: Unable to locate package libgomp1",
        "executor failed running [/bin/sh -c apt-get]: exit code: 100",
    ]
    assert trouble.build_failed(1, lines).exit_code == 3


def test_only_the_lines_that_matter_are_told() -> None:
    noise = [f"#8 0.{number} Downloading wheel {number}" for number in range(500)]
    errors = [f"#8 1.{number} ERROR: {number}" for number in range(50)]
    failed = trouble.build_failed(1, [*noise, *errors])
    assert failed.output == tuple(f"ERROR: {number}" for number in range(42, 50))


def test_the_failed_steps_command_is_not_told_where_its_own_words_are() -> None:
    lines = [
        "#8 1.1 E: Unable to locate package libnosuch",
        "#8 ERROR: executor failed running [/bin/sh -c set -eu; apt-get install]: exit code: 100",
        "executor failed running [/bin/sh -c set -eu; apt-get install]: exit code: 100",
    ]
    assert trouble.build_failed(1, lines).output == ("E: Unable to locate package libnosuch",)
