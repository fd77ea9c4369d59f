"""What may be pruned of a registry, and what stays whatever is asked."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from kernelspec_lib.delivery import prune
from kernelspec_lib.delivery.prune import Rules
from kernelspec_lib.delivery.shelf import Entry

NOBODY = Rules(installed=frozenset(), tags=("*",), last=1)


def entry(
    name: str,
    tags: Iterable[str] = (),
    *,
    pushed: str = "",
    owner: str = "ada",
    children: Iterable[str] = (),
    blobs: Iterable[str] = (),
    repository: str = "team/ada_churn",
) -> Entry:
    return Entry(
        repository=repository,
        digest=f"sha256:{name}",
        tags=frozenset(tags),
        pushed=pushed,
        owner=owner,
        children=tuple(f"sha256:{child}" for child in children),
        blobs=dict.fromkeys(blobs, 100),
    )


def doomed(plan: prune.Plan) -> list[str]:
    return [one.digest.removeprefix("sha256:") for one in plan.doomed]


def test_the_last_ones_stay() -> None:
    found = [entry(str(day), [f"build-2026010{day}T000000-x"], pushed=str(day)) for day in range(9)]
    rules = Rules(installed=frozenset(), last=3)
    plan = prune.plan(found, rules)
    assert doomed(plan) == ["0", "1", "2", "3", "4", "5"]
    assert plan.kept["team/ada_churn", "sha256:8"] == "among the last 3"


def test_none_of_the_last_ones_need_stay() -> None:
    rules = Rules(installed=frozenset(), last=0)
    assert doomed(prune.plan([entry("a"), entry("b")], rules)) == ["a", "b"]


def test_what_is_installed_stays() -> None:
    rules = Rules(installed=frozenset({"sha256:a"}), last=0)
    plan = prune.plan([entry("a"), entry("b")], rules)
    assert doomed(plan) == ["b"]
    assert plan.kept["team/ada_churn", "sha256:a"] == "installed"


def test_a_digest_with_one_tag_to_keep_stays_with_all_its_tags() -> None:
    found = [entry("a", ["build-1-x", "1.0", "old"]), entry("b", ["old-2"]), entry("c", pushed="9")]
    plan = prune.plan(found, Rules(installed=frozenset(), tags=("1.*",), last=1))
    assert doomed(plan) == ["b"]
    assert plan.kept["team/ada_churn", "sha256:a"] == "tag 1.0"


def test_the_tag_of_a_push_is_no_reason_to_stay() -> None:
    found = [entry("a", ["build-1-x"], pushed="1"), entry("b", ["latest"], pushed="2")]
    assert doomed(prune.plan(found, NOBODY)) == ["a"]


def test_an_image_without_our_labels_is_not_ours_to_remove() -> None:
    found = [entry("a", ["build-1-x"], owner=""), entry("b", pushed="2")]
    assert doomed(prune.plan(found, NOBODY)) == []


def test_the_images_of_an_index_that_stays_stay() -> None:
    found = [
        entry("index", ["latest"], owner="", children=["amd", "arm"], pushed="3"),
        entry("amd", ["build-1-x"], pushed="1"),
        entry("arm"),
        entry("old", ["build-2-x"], pushed="2"),
    ]
    plan = prune.plan(found, NOBODY)
    assert doomed(plan) == ["old"]
    assert plan.kept["team/ada_churn", "sha256:arm"] == "a part of an index that stays"


def test_an_index_goes_before_its_images() -> None:
    found = [
        entry("amd", pushed="1"),
        entry("index", owner="", children=["amd"], pushed="2"),
        entry("new", ["latest"], pushed="3"),
    ]
    assert doomed(prune.plan(found, NOBODY)) == ["index", "amd"]


def test_each_kernel_has_its_own_last_ones() -> None:
    found = [entry("a"), entry("b", repository="team/grace_churn")]
    assert doomed(prune.plan(found, NOBODY)) == []


def test_only_layers_that_nothing_kept_needs_are_freed() -> None:
    found = [
        entry("a", ["build-1-x"], pushed="1", blobs=["base", "old"]),
        entry("b", ["latest"], pushed="2", blobs=["base", "new"]),
    ]
    assert prune.plan(found, NOBODY).freed == 100


def test_pinned_references_tell_digests() -> None:
    references = ["registry.example/a@sha256:1", "sha256:22", "ada_churn:latest"]
    assert prune.digests_of(references) == {"sha256:1"}


_NAMES = st.sampled_from("abcdefgh")


@given(
    st.lists(
        st.builds(
            entry,
            _NAMES,
            st.lists(st.sampled_from(["latest", "1.0", "build-1-x", "build-2-x"]), max_size=3),
            pushed=st.sampled_from(["", "1", "2"]),
            owner=st.sampled_from(["", "ada"]),
            children=st.lists(_NAMES, max_size=2),
            repository=st.sampled_from(["r/one", "r/two"]),
        ),
        max_size=8,
        unique_by=lambda one: (one.repository, one.digest),
    ),
    st.frozensets(_NAMES.map(lambda name: f"sha256:{name}")),
    st.integers(0, 3),
)
def test_whatever_lies_there_nothing_needed_goes(
    found: list[Entry], installed: frozenset[str], last: int
) -> None:
    plan = prune.plan(found, Rules(installed=installed, tags=("1.0", "latest"), last=last))
    going = {(one.repository, one.digest) for one in plan.doomed}
    assert {(one.repository, one.digest) for one in found} <= going | set(plan.kept)
    assert not going & set(plan.kept)
    for one in found:
        if (one.repository, one.digest) in going:
            assert one.digest not in installed
            assert not one.tags & {"latest", "1.0"}
        else:
            # What stays, stays whole.
            assert not {(one.repository, child) for child in one.children} & going
