"""KS3xx: the pins, against the index."""

from __future__ import annotations

from kernelspec_lib.rules.rule import Rule, error, warning

RULES: tuple[Rule, ...] = (
    error(
        "KS301",
        "no-such-version",
        "No release of the library has this version, so no build can install it.",
        '{"libs": ["numpy==9.9"]}',
        '{"libs": ["numpy==2.3.1"]}',
    ),
    error(
        "KS302",
        "unknown-lib",
        "The index has no library of this name: a typing error, or the name of the import.",
        '{"libs": ["sklearn-learn"]}',
        '{"libs": ["scikit-learn"]}',
    ),
    error(
        "KS303",
        "other-python",
        "The release does not admit the Python of this kernel.",
        '{"python_version": "3.9", "libs": ["numpy==2.3.1"]}',
        '{"python_version": "3.11", "libs": ["numpy==2.3.1"]}',
    ),
    error(
        "KS304",
        "no-wheel",
        "The release has files, but none that installs on the image's Python and platform.",
        '{"libs": ["pywin32"]}',
        '{"libs": ["pywin32; sys_platform == \\"win32\\""]}',
    ),
    warning(
        "KS305",
        "source-only",
        "The release has no wheel for the image: its own code runs at docker build, needs "
        "compilers, and can fail there.",
        '{"libs": ["sasl==0.3.1"], "system_packages": []}',
        '{"libs": ["pure-sasl==0.6.2"]}',
    ),
    warning(
        "KS306",
        "yanked",
        "The release was withdrawn by its authors, usually because it is broken.",
        '{"libs": ["urllib3==2.0.0"]}',
        '{"libs": ["urllib3==2.0.7"]}',
    ),
    warning(
        "KS307",
        "unknown-extra",
        "The release has no extra of this name: it installs, without what the extra should bring.",
        '{"libs": ["dask[dataframes]"]}',
        '{"libs": ["dask[dataframe]"]}',
    ),
    warning(
        "KS308",
        "only-prereleases",
        "The library has no final release, so a pre-release is installed, perhaps unawares.",
        '{"libs": ["preview"]}',
        '{"libs": ["preview>=1.0rc1"]}',
    ),
    error(
        "KS309",
        "conflict",
        "Each of these lines can be met, and not all of them together.",
        '{"libs": ["pandas==2.2.3", "numpy==1.21.0"]}',
        '{"libs": ["pandas==2.2.3", "numpy"]}',
    ),
    error(
        "KS310",
        "stale-lock",
        "The lock was made for another requirements.json, or the index no longer offers what it "
        "holds: the image would not be as asked for.",
        "requirements.json changed after the last kernelspec resolve",
        "kernelspec resolve, then commit both files",
    ),
    error(
        "KS311",
        "source-refused",
        "The release would have to be built from its sources, and the site policy allows no such "
        "builds.",
        '{"libs": ["sasl==0.3.1"]}',
        '{"libs": ["pure-sasl==0.6.2"]}',
    ),
    error(
        "KS312",
        "malformed-metadata",
        "A requirement that the release's own wheel names cannot be read, and so pip, from 24.1 "
        "on, does not install it.",
        '{"libs": ["celery==5.1.2"]}',
        '{"libs": ["celery==5.2.0"]}',
    ),
)
