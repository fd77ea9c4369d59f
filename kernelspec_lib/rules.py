"""The one table of rules. Codes are permanent: one that falls out of use is never given again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Severity(StrEnum):
    """How bad a finding is: an error fails the run, a warning does not."""

    ERROR = "error"
    WARNING = "warning"

    @property
    def fails(self) -> bool:
        """Whether a finding of this severity fails the run."""
        return self is Severity.ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing that can be wrong in a kernel's files."""

    code: str
    name: str
    """A word for people: kebab-case, unique."""
    severity: Severity
    why: str
    """What goes wrong for whom where the rule is broken."""
    bad: str
    """An example that breaks the rule."""
    good: str
    """The same example, mended."""


def _error(code: str, name: str, why: str, bad: str, good: str) -> Rule:
    return Rule(code=code, name=name, severity=Severity.ERROR, why=why, bad=bad, good=good)


def _warning(code: str, name: str, why: str, bad: str, good: str) -> Rule:
    return Rule(code=code, name=name, severity=Severity.WARNING, why=why, bad=bad, good=good)


_TABLE = (
    _error(
        "KS001",
        "not-utf-8",
        "The file is read on many machines; only UTF-8 means the same on all of them.",
        "a file saved as UTF-16 or Latin-1",
        "the same file saved as UTF-8",
    ),
    _error(
        "KS002",
        "byte-order-mark",
        "Most JSON readers refuse a file that begins with a byte order mark.",
        "a file saved as “UTF-8 with BOM”",
        "the same file saved as “UTF-8”",
    ),
    _error(
        "KS003",
        "syntax",
        "The file must be JSON: no comments, no trailing commas, double quotes only.",
        '{"libs": ["ipykernel",]}',
        '{"libs": ["ipykernel"]}',
    ),
    _error(
        "KS004",
        "duplicate-key",
        "JSON readers keep the last of two equal keys in silence, so the first would be lost.",
        '{"stage": "production", "stage": "development"}',
        '{"stage": "production"}',
    ),
    _error(
        "KS005",
        "not-a-number",
        "NaN, Infinity and numbers beyond all measure are not JSON, and cannot be limits.",
        '{"resources": {"cpus": Infinity}}',
        '{"resources": {"cpus": 4}}',
    ),
    _error(
        "KS006",
        "hidden-character",
        "A character that nobody sees makes a text read otherwise than it is: control characters, "
        "characters without width, changes of the writing direction, halves of surrogate pairs.",
        '{"display_name": "report\\u202egnp"}',
        '{"display_name": "report png"}',
    ),
    _error(
        "KS007",
        "too-deep",
        "A file nested without end only serves to exhaust whoever reads it.",
        "[[[[[[…]]]]]]",
        '{"libs": ["ipykernel"]}',
    ),
    _error(
        "KS008",
        "too-large",
        "A kernel's description is a few kilobytes; a giant file is a mistake or an attack.",
        "a requirements.json of 100 MB",
        "a requirements.json of 1 KB",
    ),
    _error(
        "KS101",
        "missing-key",
        "Without a name, a Python and a list of libraries there is nothing to build.",
        '{"kernel_name": "churn", "libs": ["ipykernel"]}',
        '{"kernel_name": "churn", "python_version": "3.11", "libs": ["ipykernel"]}',
    ),
    _error(
        "KS102",
        "unknown-key",
        "A misspelt key would be ignored in silence, and its wish with it.",
        '{"sytem_packages": ["libgomp1"]}',
        '{"system_packages": ["libgomp1"]}',
    ),
    _error(
        "KS103",
        "wrong-type",
        "A value of another type cannot be used; a version written as a number loses its zeros.",
        '{"python_version": 3.10}',
        '{"python_version": "3.10"}',
    ),
    _error(
        "KS104",
        "wrong-shape",
        "Names become folders, images and arguments of commands: only what is safe there passes.",
        '{"kernel_name": "My Kernel"}',
        '{"kernel_name": "my-kernel"}',
    ),
    _error(
        "KS105",
        "not-listed",
        "Only the listed values mean something.",
        '{"stage": "prod"}',
        '{"stage": "production"}',
    ),
    _error(
        "KS106",
        "bad-requirement",
        "A library is asked for as PEP 508 says; anything else would fail amid a build.",
        '{"libs": ["pandas=2.2"]}',
        '{"libs": ["pandas==2.2.3"]}',
    ),
    _error(
        "KS107",
        "foreign-source",
        "Options, paths, URLs and version control links go around the index of the site.",
        '{"libs": ["--extra-index-url https://packages.example", "git+https://git.example/x.git"]}',
        '{"libs": ["x==1.0"]}',
    ),
    _error(
        "KS108",
        "duplicate-lib",
        "Two lines for one library contradict each other sooner or later. Names are compared as "
        "PEP 503 says: case, dots, hyphens and underscores do not tell them apart.",
        '{"libs": ["scikit-learn", "Scikit_Learn==1.5"]}',
        '{"libs": ["scikit-learn==1.5"]}',
    ),
    _error(
        "KS109",
        "no-ipykernel",
        "Without ipykernel the image has no kernel. A base image of the site's own may bring it.",
        '{"libs": ["pandas"]}',
        '{"libs": ["ipykernel", "pandas"]}',
    ),
    _error(
        "KS110",
        "unpinned-production",
        "A production kernel must be the same at its next build: every library with one version.",
        '{"stage": "production", "libs": ["pandas>=2"]}',
        '{"stage": "production", "libs": ["pandas==2.2.3"]}',
    ),
    _error(
        "KS111",
        "latest-production",
        "Only an image with a version of its own is kept, and can be gone back to.",
        '{"stage": "production", "image_version": "latest"}',
        '{"stage": "production", "image_version": "1.4.0"}',
    ),
    _error(
        "KS112",
        "bad-ignore",
        "An ignore that names no warning silences nothing; errors cannot be silenced.",
        '{"ignore": {"KS302": "we know"}}',
        '{"ignore": {"KS305": "built and tried on our base image"}}',
    ),
    _error(
        "KS301",
        "no-such-version",
        "No release of the library has this version, so no build can install it.",
        '{"libs": ["numpy==9.9"]}',
        '{"libs": ["numpy==2.3.1"]}',
    ),
    _error(
        "KS302",
        "unknown-lib",
        "The index has no library of this name: a typing error, or the name of the import.",
        '{"libs": ["sklearn-learn"]}',
        '{"libs": ["scikit-learn"]}',
    ),
    _error(
        "KS303",
        "other-python",
        "The release does not admit the Python of this kernel.",
        '{"python_version": "3.9", "libs": ["numpy==2.3.1"]}',
        '{"python_version": "3.11", "libs": ["numpy==2.3.1"]}',
    ),
    _error(
        "KS304",
        "no-wheel",
        "The release has files, but none that installs on the image's Python and platform.",
        '{"libs": ["pywin32"]}',
        '{"libs": ["pywin32; sys_platform == \\"win32\\""]}',
    ),
    _warning(
        "KS305",
        "source-only",
        "The release has no wheel for the image: its own code runs at docker build, needs "
        "compilers, and can fail there.",
        '{"libs": ["sasl==0.3.1"], "system_packages": []}',
        '{"libs": ["pure-sasl==0.6.2"]}',
    ),
    _warning(
        "KS306",
        "yanked",
        "The release was withdrawn by its authors, usually because it is broken.",
        '{"libs": ["urllib3==2.0.0"]}',
        '{"libs": ["urllib3==2.0.7"]}',
    ),
    _warning(
        "KS307",
        "unknown-extra",
        "The release has no extra of this name: it installs, without what the extra should bring.",
        '{"libs": ["dask[dataframes]"]}',
        '{"libs": ["dask[dataframe]"]}',
    ),
    _warning(
        "KS308",
        "only-prereleases",
        "The library has no final release, so a pre-release is installed, perhaps unawares.",
        '{"libs": ["preview"]}',
        '{"libs": ["preview>=1.0rc1"]}',
    ),
    _error(
        "KS309",
        "conflict",
        "Each of these lines can be met, and not all of them together.",
        '{"libs": ["pandas==2.2.3", "numpy==1.21.0"]}',
        '{"libs": ["pandas==2.2.3", "numpy"]}',
    ),
    _error(
        "KS310",
        "stale-lock",
        "The lock was made for another requirements.json, or the index no longer offers what it "
        "holds: the image would not be as asked for.",
        "requirements.json changed after the last kernelspec resolve",
        "kernelspec resolve, then commit both files",
    ),
    _error(
        "KS311",
        "source-refused",
        "The release would have to be built from its sources, and the site policy allows no such "
        "builds.",
        '{"libs": ["sasl==0.3.1"]}',
        '{"libs": ["pure-sasl==0.6.2"]}',
    ),
    _error(
        "KS401",
        "no-dockerfile",
        "Without a Dockerfile that says something there is nothing to build.",
        "a kernel folder without a Dockerfile, or with an empty one",
        "the Dockerfile that the template generates",
    ),
)

RULES: Mapping[str, Rule] = MappingProxyType({rule.code: rule for rule in _TABLE})
"""Every rule by its code. Reports, `kernelspec explain` and the docs all read this."""
