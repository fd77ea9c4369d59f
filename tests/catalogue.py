"""The hand-made packages of the loopback index: each shows one thing that a package can do."""

from __future__ import annotations

from tests.package_index import PackageFile, sdist, wheel

CATALOGUE: tuple[PackageFile, ...] = (
    # The kernel's own library, so that a requirements.json of the tests is a whole one.
    wheel("ipykernel", "7.4.0", requires=["traitlets"], requires_python=">=3.9"),
    wheel("traitlets", "5.16.1"),
    # Several releases, one of them a pre-release.
    wheel("alpha", "1.0"),
    wheel("alpha", "1.1", extras={"fast": ["common"]}),
    wheel("alpha", "2.0", requires=["common>=1"]),
    wheel("alpha", "2.1rc1"),
    # Two that cannot stand together, through a third.
    wheel("left", "1.0", requires=["common<2"]),
    wheel("right", "1.0", requires=["common>=2"]),
    wheel("common", "1.0"),
    wheel("common", "2.0"),
    # Releases for some Pythons only; uv does not look at the upper bound.
    wheel("modern", "1.0", requires_python=">=3.8"),
    wheel("modern", "2.0", requires_python=">=3.13"),
    wheel("bounded", "1.0", requires_python=">=3.8,<3.12"),
    wheel("needs-bounded", "1.0", requires=["bounded"]),
    wheel("patch-level", "1.0", requires_python=">=3.8.1"),
    # Wheels for other machines.
    wheel("windows-only", "1.0", tag="py3-none-win_amd64"),
    wheel("too-new-glibc", "1.0", tag="cp311-cp311-manylinux_2_39_x86_64"),
    wheel("compiled", "1.0", tag="cp311-cp311-manylinux_2_17_x86_64"),
    # Source only, and a package that needs it.
    sdist("source-only", "1.0", requires=["common"]),
    wheel("needs-source", "1.0", requires=["source-only"]),
    # Withdrawn by its authors; and never released for good.
    wheel("withdrawn", "1.0"),
    wheel("withdrawn", "1.1", yanked="it deletes your files"),
    wheel("preview", "1.0rc1"),
    # Needs that uv mends in silence, and that pip refuses.
    wheel("malformed", "1.0", requires=["common (>dev)"]),
    wheel("malformed", "1.1", requires=["common (>=1.0)"]),
    # The names behind well-known imports.
    wheel("scikit-learn", "1.7.0"),
    wheel("numpy", "2.3.1", requires_python=">=3.11"),
    wheel("numpy", "2.2.6", requires_python=">=3.10"),
)
