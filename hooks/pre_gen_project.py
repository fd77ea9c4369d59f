"""Refuses answers that no kernel can have. Standard library only: cookiecutter runs it as it is.

Cookiecutter has made the project's folder before this runs, and removes it where this fails. A name
such as `a/b` would leave `a` behind, and `.` would be refused with no reason; so cookiecutter.json
puts a stand-in for such a name, and keeps what was answered as `__asked_name`.

`kernelspec new` takes `refusal` from this very file, so that both refuse the same. The patterns are
those of schema/requirements.schema.json.
"""

import json
import re
import sys

STAND_IN = "refused_"

PATTERNS = {
    "kernel_name": r"^[a-z0-9]+([.-][a-z0-9]+)*(?![\s\S])",
    "display_name": r"\S",
    "python_version": r"^3\.(0|[1-9][0-9]?)(?![\s\S])",
    # By its bare name the library is never installed: a stranger could publish that name.
    "pipeline": r"^(runner"
    r"|(https://[A-Za-z0-9._:-]+(/[A-Za-z0-9._+-]+)+\.whl\#sha256=[0-9a-f]{64})"
    r"|[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?(/[a-zA-Z0-9_]([a-zA-Z0-9._-]*[a-zA-Z0-9_])?)+"
    r":/?[A-Za-z0-9._/-]+\.ya?ml"
    r"|[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(/[a-z0-9]([a-z0-9._-]*[a-z0-9])?)+"
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?"
    r")(?![\s\S])",
}
MAX_LENGTHS = {"kernel_name": 64, "display_name": 100, "python_version": 4, "pipeline": 500}
ACCEPTED = {
    "kernel_name": "lower-case letters and digits, with single dots or hyphens between them, "
    'at most 64 characters, such as "churn-model"',
    "display_name": "1 to 100 printable characters, not only spaces",
    "python_version": 'major and minor version, such as "3.11"',
    "pipeline": '"runner"; an image with its registry; a wheel as https://...whl#sha256=...; '
    'or a file of another project, such as "group/ci:kernels.yml"',
}

_TAG = re.compile(r"<[A-Za-z/!?][^<>]*>")
MAX_LIBS = 1000
MAX_LIB = 1000
# PEP 508 without spaces and URLs: a name, extras, versions, and one condition.
_NAME = r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"
_RELEASE = r"v?[0-9]+(\.[0-9]+)*((a|b|rc)[0-9]+)?(\.post[0-9]+)?(\.dev[0-9]+)?"
_LOCAL = r"(\+[a-z0-9]+(\.[a-z0-9]+)*)?"
_VERSION = (
    r"((==|!=)" + _RELEASE + r"(\.\*|" + _LOCAL + r")"
    r"|(<=|>=|<|>)" + _RELEASE + r"|~=[0-9]+(\.[0-9]+)+)"
)
_MARKER = (
    r"(python_version|python_full_version|sys_platform|platform_machine|platform_system|os_name)"
    r"(==|!=|<=|>=|<|>)(\"[A-Za-z0-9._-]+\"|'[A-Za-z0-9._-]+')"
)
LIB = re.compile(
    _NAME + r"(\[" + _NAME + r"(," + _NAME + r")*\])?"
    r"(" + _VERSION + r"(," + _VERSION + r")*)?"
    r"(;" + _MARKER + r")?"
)


def refusal(question, answer):
    """Why *answer* to *question* cannot be taken, in a sentence; None where it can."""
    if question == "libs":
        return _refusal_of_libs(answer)
    pattern, longest = PATTERNS[question], MAX_LENGTHS[question]
    fits = len(answer) <= longest and re.search(pattern, answer) and answer.isprintable()
    if fits and not (question == "display_name" and _TAG.search(answer)):
        return None
    return "{} is not accepted as {}; accepted: {}".format(
        shown(answer), question, ACCEPTED[question]
    )


def split(libs):
    """The single libraries of one line, as the template's requirements.json splits them too."""
    stripped = (lib.strip(",") for lib in libs.split())
    return [lib for lib in stripped if lib]


def _refusal_of_libs(line):
    libs = split(line)
    if len(libs) > MAX_LIBS:
        return "{} libraries are too many; accepted: at most {}".format(len(libs), MAX_LIBS)
    seen = {}
    for lib in libs:
        if len(lib) > MAX_LIB or not LIB.fullmatch(lib):
            return (
                "{} is not accepted as a library; accepted: names with versions, separated by "
                "spaces and with no space inside, such as: pandas>=2,<3 scikit-learn==1.5.2"
            ).format(shown(lib))
        name = re.sub(r"[-_.]+", "-", re.match(_NAME, lib).group()).lower()
        if name in seen:
            return "{} names a library that {} named already; accepted: one of the two".format(
                shown(lib), shown(seen[name])
            )
        seen[name] = lib
    return None


def shown(text):
    """*text* in double quotes, clipped: nothing in it commands a terminal or tells a password."""
    masked = re.sub(r"(?<=://)[^/@\s]+(?=@)", "***", text)
    clipped = masked if len(masked) <= 60 else masked[:59] + "…"
    return json.dumps(clipped, ensure_ascii=not clipped.isprintable())


def main(answers):
    """The exit code of the hook: 1 where an answer is refused."""
    if answers["kernel_name"].startswith(STAND_IN):
        answers["kernel_name"] = answers["__asked_name"]
    questions = [*PATTERNS, "libs"]
    refusals = [told for one in questions if (told := refusal(one, str(answers[one])))]
    for told in refusals:
        print(told, file=sys.stderr)
    return 1 if refusals else 0


if __name__ == "__main__":
    # Twice: the inner JSON holds the answers, the outer one is a Python string that no quote,
    # backslash or newline of theirs can leave.
    sys.exit(main(json.loads({{ cookiecutter | jsonify | jsonify }})))
