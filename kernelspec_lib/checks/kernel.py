"""One kernel, judged with everything that needs no network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kernelspec_lib import project as projects
from kernelspec_lib.checks import site
from kernelspec_lib.checks.opened import Opened
from kernelspec_lib.document import Document, PlainText
from kernelspec_lib.findings import Finding, in_order
from kernelspec_lib.policy import Policy
from kernelspec_lib.project import KernelProject, Place, Unusable

if TYPE_CHECKING:
    from kernelspec_lib.checks import cifile


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A kernel that was looked at."""

    place: Place
    document: Document
    findings: tuple[Finding, ...]
    texts: Mapping[str, PlainText]
    """What was read beside it, by path."""
    included: tuple[str, ...]
    """Further files that its CI file names, whether they are there or not."""
    project: KernelProject | None
    """None where requirements.json has errors."""


def examine(opened: Opened, policy: Policy, login: str | None = None) -> Examined:
    """The kernel whose requirements.json is *opened*, on a site with *policy*.

    login: whose kernel it is, in lower case, if that is known.

    Reads the Dockerfile beside it if the folder was named. Raises FileUnusable.
    """
    place, project = opened.place, opened.project
    of_site = in_order(site.check(project, policy, login)) if project else []
    files = _files(place) if place.whole else {}
    included: list[str] = []
    beside = in_order(_beside(place, files, policy, login, project, included))
    texts = {path: PlainText(text=one) for path, one in files.items() if isinstance(one, str)}
    kept = tuple(not_ignored([*in_order([*opened.findings, *of_site]), *beside], project, policy))
    return Examined(
        place=place,
        document=opened.document,
        findings=kept,
        project=project,
        texts=texts,
        included=tuple(included),
    )


def _files(place: Place) -> dict[str, str | Unusable]:
    """The files beside requirements.json that are judged with it, those that there are."""
    from kernelspec_lib.checks import cifile, dockerfile

    named = (
        (projects.DOCKERFILE, dockerfile.MAX_BYTES),
        (projects.CI_FILE, cifile.MAX_BYTES),
    )
    found = {}
    for name, limit in named:
        path = place.folder / name
        text = projects.beside(path, limit)
        if text is not None:
            found[str(path)] = text
    return found


def _beside(
    place: Place,
    files: Mapping[str, str | Unusable],
    policy: Policy,
    login: str | None,
    project: KernelProject | None,
    included: list[str],
) -> Iterator[Finding]:
    if not place.whole:
        return
    # What reads them takes longer to load than requirements.json takes to judge.
    from kernelspec_lib.checks import cifile, dockerfile

    for name in (projects.DOCKERFILE, projects.CI_FILE):
        path = place.folder / name
        text = files.get(str(path))
        local = _local(place, included)
        if projects.leads_out(path):
            yield Finding.of("KS009", projects.OUTSIDE, projects.INSIDE, path=str(path))
        elif name == projects.CI_FILE:
            yield from cifile.check(text, str(path), policy.pipeline_includes, local)
        else:
            yield from dockerfile.check(
                text,
                str(path),
                site.images(policy, login),
                base_image=project.base_image if project else dockerfile.UNKNOWN,
                root_user=policy.root_user,
            )


def _local(place: Place, included: list[str]) -> cifile.Reader:
    """Reads a file below the kernel's folder, for what its CI file includes, and notes it."""
    from kernelspec_lib.checks import cifile

    def read(name: str) -> str | Unusable | None:
        path = place.folder / name
        included.append(str(path))
        if not path.resolve().is_relative_to(place.folder.resolve()):
            return Unusable(projects.OUTSIDE)
        return projects.beside(path, cifile.MAX_BYTES)

    return cifile.local_reader(read)


def not_ignored(
    findings: Iterable[Finding], project: KernelProject | None, policy: Policy
) -> Iterator[Finding]:
    """*findings* without the warnings that *project* ignores, and that *policy* lets it ignore."""
    ignored = {code for code in project.ignore if not policy.enforces(code)} if project else set()
    return (one for one in findings if one.is_error or one.code not in ignored)
