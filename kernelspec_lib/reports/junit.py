"""The JUnit report, which GitLab shows as tests: a suite for every file, a case for every rule."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from xml.etree import ElementTree

from kernelspec_lib.findings import RULES, Finding
from kernelspec_lib.reports.judgement import Judgement, Look
from kernelspec_lib.wording import LINES, printable

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def report(judgement: Judgement, look: Look) -> str:
    """A suite for every file that was judged, with a case for each rule it was held against.

    A broken rule is one failure, however often it is broken: viewers know a case by its name, and
    so tell what is new. Warnings are output of a case that passed. What could not be checked is a
    case with an error.
    """
    root = ElementTree.Element("testsuites", name="kernelspec")
    paths = (*judgement.checked, *(one.path for one in judgement.unchecked))
    for path in dict.fromkeys(paths):
        suite = ElementTree.SubElement(root, "testsuite", name=_clean(path), file=_clean(path))
        # The files beside requirements.json are judged with it, as one kernel.
        mine = [one for one in judgement.findings if _folder(one.path) == _folder(path)]
        codes = sorted({*judgement.rules.get(path, ()), *(one.code for one in mine)})
        for code in codes:
            _case(suite, path, code, [one for one in mine if one.code == code])
        reasons = [one.reason for one in judgement.unchecked if one.path == path]
        if reasons or not codes:
            _checked(suite, path, reasons)
    for element in (*root, root):
        for name, kind in (("tests", "testcase"), ("failures", "failure"), ("errors", "error")):
            element.set(name, str(len(list(element.iter(kind)))))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True)


def _case(suite: ElementTree.Element, path: str, code: str, found: Sequence[Finding]) -> None:
    name = f"{code} {RULES[code].name}"
    case = ElementTree.SubElement(suite, "testcase", classname=_clean(path), name=name)
    if not found:
        return
    told = "\n".join(map(_told, found))
    if any(one.is_error for one in found):
        failure = ElementTree.SubElement(case, "failure", message=_clean(found[0].message))
        failure.set("type", code)
        failure.text = told
    else:
        ElementTree.SubElement(case, "system-out").text = told


def _checked(suite: ElementTree.Element, path: str, reasons: Iterable[str]) -> None:
    case = ElementTree.SubElement(suite, "testcase", classname=_clean(path), name="checked")
    for reason in reasons:
        error = ElementTree.SubElement(case, "error", message=_clean(reason.splitlines()[0]))
        error.text = _clean(reason)


def _folder(path: str) -> PurePath:
    return PurePath(path).parent


def _told(finding: Finding) -> str:
    place = f"{finding.path}:{finding.span.line}:{finding.span.column}"
    hint = f" ({finding.hint})" if finding.hint else ""
    return _clean(f"{place}: {finding.code} {finding.message}{hint}")


def _clean(text: str) -> str:
    # XML takes the C1 controls, and so does a terminal that this report is printed on.
    return printable(_NOT_XML.sub("\ufffd", text), LINES)
