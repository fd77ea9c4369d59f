"""The JUnit report, which GitLab shows as tests: a case for every file."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from kernelspec_lib.findings import Finding
from kernelspec_lib.reports.judgement import Judgement, Look

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def report(judgement: Judgement, look: Look) -> str:
    """A test suite in which a file fails once for each of its errors; warnings are its output."""
    paths = list(dict.fromkeys((*judgement.checked, *(one.path for one in judgement.findings))))
    suite = ElementTree.Element(
        "testsuite",
        name="kernelspec",
        tests=str(len(paths)),
        failures=str(judgement.errors),
    )
    for path in paths:
        case = ElementTree.SubElement(suite, "testcase", classname="kernelspec", name=_clean(path))
        mine = [one for one in judgement.findings if one.path == path]
        for finding in mine:
            if finding.is_error:
                failure = ElementTree.SubElement(case, "failure", message=_clean(finding.message))
                failure.set("type", finding.code)
                failure.text = _told(finding)
        if warnings := [_told(one) for one in mine if not one.is_error]:
            ElementTree.SubElement(case, "system-out").text = "\n".join(warnings)
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)


def _told(finding: Finding) -> str:
    place = f"{finding.path}:{finding.span.line}:{finding.span.column}"
    hint = f" ({finding.hint})" if finding.hint else ""
    return _clean(f"{place}: {finding.code} {finding.message}{hint}")


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
