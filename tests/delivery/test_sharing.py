"""Who sees a kernel: its owner, the members of groups that it is shared with, and nobody else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kernelspec_lib.delivery import hub
from kernelspec_lib.policy import Group, Policy
from tests.delivery import parts
from tests.delivery.kernels import Site, seen

pytestmark = pytest.mark.docker


def words_of(kernels: Path) -> list[str]:
    words: list[str] = json.loads((kernels / "churn" / "kernel.json").read_text())["argv"]
    return words


def test_a_member_runs_the_owners_kernel_as_themselves(
    site: Site, owner: parts.Account, deployer: parts.Account
) -> None:
    member = deployer
    own, theirs = (one.home / ".local/share/jupyter/kernels" for one in (owner, member))
    members = [member.login, owner.login, "no.such.user"]
    group = {"members": members, "kernels": [f"{owner.login}/ch*"]}
    site.set_policy(groups={"risk": group})
    first = site.published("g1")
    done = site.install()
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{own}/churn\n{theirs}/churn\n"
    assert "does not know no.such.user, who shares this kernel" in done.stderr
    assert f"--user={owner.uid}:{owner.gid}" in words_of(own)
    words = words_of(theirs)
    assert {f"--user={member.uid}:{member.gid}", f"--env=USER={member.login}", first} <= set(words)
    work = f"{member.home}/work"
    assert f"--mount=type=bind,source={work},target={work}" in words
    assert Path(work).stat().st_uid == member.uid
    made = seen(theirs)["churn"]
    assert (made["owner"], made["user"]) == (owner.login, member.login)
    assert (theirs / "churn" / "kernel.json").stat().st_uid == member.uid

    # What is shared is the owner's to change, and goes one way with the owner's own.
    refused = site.run("uninstall", "churn", f"--login={member.login}")
    assert refused.returncode == 2
    assert f"the kernel churn that {member.login} sees is {owner.login}'s" in refused.stderr
    second = site.published("g2")
    assert site.install().returncode == 0
    assert {seen(one)["churn"]["image"] for one in (own, theirs)} == {second}
    assert site.run("rollback", "churn").returncode == 0
    assert {seen(one)["churn"]["image"] for one in (own, theirs)} == {first}

    # Who is no member any more loses it; who never was, never had it.
    site.set_policy(groups={"risk": {**group, "members": []}})
    done = site.install()
    assert done.returncode == 0, done.stderr
    assert f"{theirs}/churn: removed" in done.stderr
    assert (set(seen(own)), set(seen(theirs))) == ({"churn"}, set())
    assert site.run("uninstall", "churn").returncode == 0
    assert seen(own) == {}


def test_a_kernel_of_the_members_own_is_left_alone_and_the_others_get_theirs(
    site: Site, owner: parts.Account, deployer: parts.Account
) -> None:
    theirs = deployer.home / ".local/share/jupyter/kernels"
    (theirs / "churn").mkdir(parents=True)
    (theirs / "churn" / "kernel.json").write_text('{"argv": ["mine"], "display_name": "mine"}')
    group = {"members": [deployer.login], "kernels": [f"{owner.login}/churn"]}
    site.set_policy(groups={"risk": group})
    site.published("g1")
    try:
        done = site.install()
        assert done.returncode == 2
        assert f"{theirs}/churn exists, and is not the kernel churn of {owner.login}" in done.stderr
        assert words_of(theirs) == ["mine"]
        assert set(seen(owner.home / ".local/share/jupyter/kernels")) == {"churn"}
    finally:
        (theirs / "churn" / "kernel.json").unlink()
        (theirs / "churn").rmdir()
    assert site.run("uninstall", "churn").returncode == 0


def test_one_folder_for_all_cannot_hold_a_kernel_for_each(
    site: Site, owner: parts.Account, deployer: parts.Account, tmp_path: Path
) -> None:
    group = {"members": [deployer.login], "kernels": ["*/*"]}
    site.set_policy(groups={"risk": group}, hub={"kernels": str(tmp_path)})
    done = site.install()
    assert done.returncode == 2
    assert "write {login} into it" in done.stderr


@pytest.mark.parametrize("launcher", ["supervised", "sudo"])
def test_the_launchers_own_kernel_specs_are_installed_alike(
    site: Site, launcher: str, tmp_path: Path
) -> None:
    """They name no user: whoever starts the kernel is looked at then."""
    kernels = tmp_path / "kernels"
    site.set_policy(launcher=launcher, hub={"kernels": f"{kernels}/{{login}}"})
    pinned = site.published("g1")
    done = site.install()
    assert done.returncode == 0, done.stderr
    words = words_of(kernels / site.login)
    assert "kernelspec-launch" in " ".join(words)
    assert not [word for word in words if word.startswith("--user")]
    assert seen(kernels / site.login)["churn"]["image"] == pinned


def test_what_starts_as_root_is_in_no_folder_of_a_users(
    site: Site, owner: parts.Account, ssh_hub: parts.SshHub, tmp_path: Path
) -> None:
    site.set_policy(launcher="sudo")
    site.published("g1")
    done = site.install()
    assert done.returncode == 2
    assert "into a folder that users cannot write" in done.stderr
    site.set_policy(hub={"kernels": f"{tmp_path}/{{login}}"})
    # Who logs in there is not root.
    done = site.install(*ssh_hub.words)
    assert done.returncode == 2
    assert "hub.test: " in done.stderr
    assert "install as root" in done.stderr
    assert seen(owner.home / ".local/share/jupyter/kernels") == {}


@pytest.mark.parametrize(
    ("patterns", "members"),
    [
        (["ada/churn"], ("bob", "grace")),
        (["ada/*"], ("bob", "grace")),
        (["*/churn"], ("bob", "grace")),
        (["ad?/ch*"], ("bob", "grace")),
        (["ada/churn2", "grace/*", "ada"], ()),
        ([], ()),
    ],
)
def test_patterns_say_what_is_shared(patterns: list[str], members: tuple[str, ...]) -> None:
    groups = (
        Group(name="a", members=frozenset({"ada", "grace"}), kernels=tuple(patterns)),
        Group(name="b", members=frozenset({"bob"}), kernels=tuple(patterns)),
        Group(name="c", members=frozenset({"bob"})),
    )
    assert hub.shared_with(Policy(groups=groups), "ada", "churn") == members
