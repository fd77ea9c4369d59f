"""The site policy: where it is found, what it says, and that a mistake in it stops everything."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from kernelspec_lib import policy
from kernelspec_lib.errors import FileUnusable, PolicyInvalid, UsageError
from kernelspec_lib.policy import Mount, OwnImage, Policy


def written(folder: Path, value: object) -> Path:
    path = folder / "policy.json"
    path.write_text(json.dumps(value, indent=2))
    return path


def test_the_option_comes_before_the_environment(tmp_path: Path) -> None:
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    first.touch()
    second.touch()
    variables = {"KERNELSPEC_POLICY": str(second)}
    assert policy.find(str(first), variables) == first
    assert policy.find(None, variables) == second


@pytest.mark.parametrize("by", ["option", "environment"])
def test_a_named_policy_that_is_not_there_is_never_no_policy(tmp_path: Path, by: str) -> None:
    gone = str(tmp_path / "gone.json")
    with pytest.raises(UsageError, match="does not exist"):
        policy.find(gone if by == "option" else None, {"KERNELSPEC_POLICY": gone})


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the system's policy would be."""
    path = tmp_path / "kernelspec" / "policy.json"
    monkeypatch.setattr(policy, "SYSTEM_POLICY", path)
    return path


def test_the_policy_of_the_system_is_found_and_one_that_leads_nowhere_is_not_no_policy(
    system: Path,
) -> None:
    assert policy.find(None, {}) is None
    system.parent.write_text("")
    assert policy.find(None, {}) is None
    system.parent.unlink()
    system.parent.mkdir()
    system.symlink_to("gone.json")
    assert policy.find(None, {"KERNELSPEC_POLICY": ""}) == system
    with pytest.raises(FileUnusable, match="cannot read the site policy"):
        policy.load(policy.find(None, {}))


def test_a_folder_that_is_closed_is_not_no_policy(
    system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(self: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "lstat", closed)
    with pytest.raises(FileUnusable, match="Permission denied"):
        policy.find(None, {})


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder; name a JSON file"):
        policy.load(policy.find(str(tmp_path), {}))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="is no file"):
        policy.load(policy.find(str(tmp_path / "pipe"), {}))


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"", ":1:1: KS003 the file is empty"),
        (b"\xef\xbb\xbf{}", ":1:1: KS002"),
        (b"\xff\xfe{\0}\0", ":1:1: KS001"),
        (b'{"registry": "a.example",\n "registry": "b.example"}', ":2:2: KS004"),
        (b'{\n// ours\n"network": "host"}', ":2:1: KS003"),
        (b"null", ":1:1: KS103"),
        (b"[" * 300_000, ":1:1: KS008"),
    ],
)
def test_a_file_that_is_no_policy_is_never_no_policy(tmp_path: Path, raw: bytes, told: str) -> None:
    path = tmp_path / "policy.json"
    path.write_bytes(raw)
    with pytest.raises(PolicyInvalid) as caught:
        policy.load(path)
    assert told in str(caught.value)


def test_all_mistakes_are_told_at_once_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    path.write_text(
        '{\n"registri": "x",\n"enforced": ["KS999", 5],\n"mounts": {},\n'
        '"libs": {\n"denied": [7, {"requirement": "a=="}, {}],\n"requird": []},\n'
        '"network": "hots"\n}\n'
    )
    with pytest.raises(PolicyInvalid) as caught:
        policy.load(path)
    places = [one.removeprefix(f"{path}:").split(" ")[:2] for one in caught.value.mistakes]
    assert places == [
        ["2:1:", "KS102"],
        ["3:14:", "KS112"],
        ["3:23:", "KS103"],
        ["4:11:", "KS103"],
        ["6:12:", "KS104"],
        ["6:31:", "KS106"],
        ["6:39:", "KS104"],
        ["7:1:", "KS102"],
        ["8:12:", "KS105"],
    ]
    assert 'did you mean "registry"?' in str(caught.value)
    assert 'did you mean "required"?' in str(caught.value)


def test_without_a_file_the_built_in_policy_is_in_force() -> None:
    default = policy.load(None)
    assert default == Policy()
    assert default.network == "host"
    assert default.work_dir.source == default.work_dir.target == "/home/{login}/work"


def test_what_it_names_is_read(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {
            "registry": "registry.example/docker/registry",
            "index_url": "https://index.example/simple",
            "other_indexes": True,
            "work_dir": {"source": "/home/{login}/work", "target": "/root/work"},
            "mounts": [{"source": "/srv/shared"}],
            "resources": {"default": {"memory": "4g"}},
        },
    )
    read = policy.load(path)
    assert (read.index_url, read.other_indexes) == ("https://index.example/simple", True)
    assert read.work_dir == Mount(source="/home/{login}/work", target="/root/work", read_only=False)
    assert read.mounts == (Mount(source="/srv/shared", target="/srv/shared", read_only=True),)
    assert read.default_resources == {"memory": "4g"}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"registri": "x"}, ':2:3: KS102 the key "registri" is not known here'),
        ({"image": "{registry}/{image_name}"}, ":2:12: KS104"),
        ({"image": "{registry}/{login}_{image_name}:{tag}"}, ":2:12: KS104"),
        ({"index_url": "https://ada:secret@index.example/simple"}, ":2:16: KS104"),
        ({"other_indexes": "yes"}, ":2:20: KS103"),
        ({"work_dir": "work"}, ":2:15: KS104"),
        ({"work_dir": "/home/{login}/../other"}, ":2:15: KS104"),
        ({"mounts": [{"source": "/a,readonly"}]}, ":4:17: KS104"),
        ([], ":1:1: KS103"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, value: object, told: str) -> None:
    with pytest.raises(PolicyInvalid) as caught:
        policy.load(written(tmp_path, value))
    assert told in str(caught.value)
    assert caught.value.exit_code == 2
    assert "secret" not in str(caught.value)


def test_images_of_the_site_and_sources_are_read(tmp_path: Path) -> None:
    image = {"pattern": "registry.example/base*", "glibc": "2.31", "python": "3.11.9"}
    read = policy.load(written(tmp_path, {"source_only": False, "images": [image]}))
    assert read.source_only is False
    assert read.images == (
        OwnImage(pattern="registry.example/base*", glibc=(2, 31), python="3.11.9"),
    )


@pytest.mark.parametrize(
    ("key", "value"), [("glibc", "2"), ("glibc", "3.1"), ("python", "3.11"), ("machine", "sparc")]
)
def test_what_an_image_cannot_hold_is_refused(tmp_path: Path, key: str, value: str) -> None:
    path = written(tmp_path, {"images": [{"pattern": "*", key: value}]})
    with pytest.raises(PolicyInvalid, match=r"policy\.json:5:"):
        policy.load(path)


def test_every_key_is_read(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {
            "base_images": ["python:3.1?-slim"],
            "libs": {"denied": [{"requirement": "torch<2.6", "reason": "unsafe"}, "nose"]},
            "system_packages": ["lib*"],
            "resources": {"maximum": {"memory": "8g", "pids": 512, "gpus": 0}},
            "groups": {
                "deep": {
                    "members": ["ada"],
                    "resources": {"maximum": {"gpus": 2}},
                    "kernels": ["grace/churn", "bob/*"],
                }
            },
            "environment": {"denied": ["LD_*"]},
            "production": {"logins": ["ada"]},
            "enforced": ["KS305"],
            "root_user": False,
            "per_user": {"memory": "16g", "kernels": 3},
            "hub": {"kernels": "/srv/kernels", "ssh": "deploy@hub.example"},
            "maintainers": ["ada"],
        },
    )
    read = policy.load(path)
    assert read.base_images == ("python:3.1?-slim",)
    assert [str(one.requirement) for one in read.denied_libs] == ["torch<2.6", "nose"]
    assert read.denied_libs[0].reason == "unsafe"
    assert (read.system_packages, read.denied_environment) == (("lib*",), ("LD_*",))
    assert [group.name for group in read.groups_of("ada")] == ["deep"]
    assert read.groups[0].kernels == ("grace/churn", "bob/*")
    assert read.groups_of("bob") == read.groups_of(None) == ()
    assert (read.production_logins, read.enforced) == (frozenset({"ada"}), frozenset({"KS305"}))
    assert (read.per_user.memory, read.per_user.kernels) == ("16g", 3)
    assert (read.hub.ssh, read.root_user, read.maintainers) == (
        "deploy@hub.example",
        False,
        ("ada",),
    )


def test_a_maximum_bounds_the_kernel_that_names_no_limit(tmp_path: Path) -> None:
    maximum = {"memory": "8g", "cpus": 4, "pids": 512, "gpus": 1}
    read = policy.load(written(tmp_path, {"resources": {"maximum": maximum}}))
    assert read.default_resources == {"memory": "8g", "cpus": 4, "pids": 512}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"libs": {"denied": ["torch<<2"]}}, ":4:7: KS106"),
        ({"libs": {"denied": [{"requirement": "torch=="}]}}, ":5:24: KS106"),
        ({"enforced": ["KS9"]}, ":3:5: KS112"),
        ({"enforced": ["KS999"]}, ":3:5: KS112"),
        ({"base_images": []}, ":2:18: KS104"),
        ({"system_packages": "no"}, ":2:22: KS104"),
        ({"groups": {"a": {"members": ["Ada"]}}}, ":5:9: KS104"),
        ({"groups": {"a": {"members": [], "kernels": ["churn"]}}}, ":6:9: KS104"),
    ],
)
def test_a_rule_that_says_nothing_is_a_mistake(tmp_path: Path, value: object, told: str) -> None:
    with pytest.raises(PolicyInvalid) as caught:
        policy.load(written(tmp_path, value))
    assert told in str(caught.value)


def test_what_cannot_be_started_is_refused(tmp_path: Path) -> None:
    read = policy.load(written(tmp_path, {"network": "bridge"}))
    with pytest.raises(UsageError, match=r"network .bridge"):
        policy.runnable(read)


@pytest.mark.parametrize("launcher", ["direct", "supervised", "sudo"])
def test_podman_starts_kernels_in_every_way(tmp_path: Path, launcher: str) -> None:
    read = policy.load(written(tmp_path, {"engine": "podman", "launcher": launcher}))
    assert policy.runnable(read) is read


@pytest.mark.parametrize("launcher", ["supervised", "sudo"])
@pytest.mark.parametrize("network", ["host", "bridge", "none"])
def test_a_launcher_starts_kernels_in_every_network(
    tmp_path: Path, launcher: str, network: str
) -> None:
    read = policy.load(written(tmp_path, {"launcher": launcher, "network": network}))
    assert policy.runnable(read) is read
