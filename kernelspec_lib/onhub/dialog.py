"""What is asked of a hub's machine, by name: called here, or over ssh as lines of JSON.

One line asks: {"do": NAME, …}. What is told meanwhile comes as {"told": TEXT}; the end is
{"done": VALUE} or {"refused": TEXT, "usage": BOOLEAN}.
"""

from __future__ import annotations

import base64
import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

from kernelspec_lib.onhub import images, kernels, people
from kernelspec_lib.onhub.files import Refused
from kernelspec_lib.onhub.images import Engine
from kernelspec_lib.onhub.kernels import Folder

_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,400}")
"""No option, and no template: whoever owns a folder has written what is asked for here."""
READY = "kernelspec: the hub listens"
"""What a login shell prints before this line is not meant for us."""


def who(ask: Mapping[str, Any], told: Callable[[str], None]) -> dict[str, Any]:
    """The accounts of ask["logins"], {login: names to try}; None for who has none."""
    return {login: people.account(names) for login, names in ask["logins"].items()}


def image(ask: Mapping[str, Any], told: Callable[[str], None]) -> dict[str, Any]:
    """The image ask["reference"], pulled if ask["pull"]: id, labels, created, and `pinned`.

    pinned: the reference by digest, or the image's id where it comes from no registry.
    """
    engine, reference = Engine(ask["engine"]), ask["reference"]
    name, at, digest = reference.partition("@")
    bare = name if ":" not in name.rsplit("/", 1)[-1] else name.rpartition(":")[0]
    pinned = f"{bare}@{digest}" if at else None
    found = engine.look([pinned]).get(pinned) if pinned else None
    if found is None and ask["pull"]:
        digest = engine.pull(pinned or reference, told) or ""
        pinned = pinned or (f"{bare}@{digest}" if digest else None)
    if found is None:
        found = engine.look([pinned or reference]).get(pinned or reference)
    if found is None:
        raise Refused(f"its {engine.name} has no image {reference}")
    if pinned is None and ask["pull"]:
        own = [one for one in found["digests"] if one.startswith(f"{bare}@")]
        pinned = own[0] if own else None
    return {**found, "pinned": pinned or found["id"]}


def put(ask: Mapping[str, Any], told: Callable[[str], None]) -> dict[str, Any]:
    """Install one kernel for one user, its image held; what is new, and whether it can work.

    Raises Refused; then the kernel that was there is there, whole.
    """
    engine, folder = Engine(ask["engine"]), _folder(ask)
    kernel, owner = ask["kernel"], ask["owner"]
    content = {name: base64.b64decode(text) for name, text in ask["files"].items()}
    account = ask["account"]
    if account is not None and not os.path.isdir(account["home"]) and _inside(folder, account):
        raise Refused(
            f"the home {account['home']} of {account['name']} is not there yet; usually it is made "
            "at the first login"
        )
    if ask["roots"] and not people.is_roots_place(folder.path, account):
        raise Refused(
            f"{folder.path} would not be root's alone, and the policy's launcher starts nothing "
            "else as root: install as root, into a folder that users cannot write",
            usage=True,
        )
    with folder.locked():
        found = engine.look([ask["pinned"]]).get(ask["pinned"])
        if found is None or found["id"] != ask["id"]:
            raise Refused(f"the image {ask['pinned']} is gone again")
        engine.hold(ask["id"], images.tag_of(owner, kernel, folder.path, ask["id"]))
        try:
            new = folder.put(kernel, content, owner)
        finally:
            _release(engine, folder, kernel, owner)
    ready = account is None or people.make_work_dir(ask["work_dir"], account)
    return {"new": new, "work_dir": ready}


def _inside(folder: Folder, account: Mapping[str, Any]) -> bool:
    return folder.path.startswith(account["home"].rstrip("/") + "/")


def roll_back(ask: Mapping[str, Any], told: Callable[[str], None]) -> dict[str, Any]:
    """Go back to the kernel before, and tell what it says of itself. Raises Refused."""
    engine, folder = Engine(ask["engine"]), _folder(ask)
    kernel, owner = ask["kernel"], ask["owner"]
    with folder.locked():
        before = folder.path_before(kernel)
        own = kernels.made(before) if before else None
        if own is not None:
            _bring_back(engine, str(own.get("image")), told)
        folder.roll_back(kernel, owner)
        _release(engine, folder, kernel, owner)
    return own or {}


def _bring_back(engine: Engine, pinned: str, told: Callable[[str], None]) -> None:
    """The image *pinned* is here, still or again. Raises Refused where it cannot be had."""
    # The folder is its user's, who may have written anything there.
    if not _REFERENCE.fullmatch(pinned):
        raise Refused("the kernel before names no image")
    if engine.look([pinned]):
        return
    if "@" not in pinned:
        raise Refused(f"the image {pinned} of the kernel before is gone, and no registry has it")
    engine.pull(pinned, told)


def remove(ask: Mapping[str, Any], told: Callable[[str], None]) -> None:
    """Remove a kernel, and let its images go. Raises Refused for somebody else's."""
    folder = _folder(ask)
    with folder.locked():
        folder.remove(ask["kernel"], ask["owner"])
        try:
            _release(Engine(ask["engine"]), folder, ask["kernel"], ask["owner"])
        except Refused as refusal:
            told(f"its images may stay: {refusal}")


def listed(ask: Mapping[str, Any], told: Callable[[str], None]) -> list[dict[str, Any]]:
    """Every kernel of this library's: in ask["folder"], or below what ask["pattern"] names.

    `image` is what the engine knows of its image, None where that is gone; the key is missing where
    nobody asked (ask["engine"] is None) or nobody could say.
    """
    if ask["folder"] is not None:
        places: list[tuple[str, dict[str, Any] | None]] = [(ask["folder"], None)]
    else:
        places = people.places(ask["pattern"])
    rows = [row for folder, account in places for row in _rows(folder, account)]
    if ask["engine"] is not None:
        try:
            _look_at_images(Engine(ask["engine"]), rows)
        except Refused as refusal:
            told(f"whether the images are there is not known: {refusal}")
    return rows


def _look_at_images(engine: Engine, rows: list[dict[str, Any]]) -> None:
    """Add what *engine* knows of each row's image, and the id that its reference has by now."""

    def said(row: dict[str, Any], key: str) -> str:
        value = row["made"].get(key)
        return value if isinstance(value, str) else ""

    names = {said(row, key) for row in rows for key in ("image", "reference")}
    here = engine.look(sorted(name for name in names if _REFERENCE.fullmatch(name)))
    for row in rows:
        row["image"] = here.get(said(row, "image"))
        row["newest_id"] = here.get(said(row, "reference"), {}).get("id")


def _rows(folder: str, account: dict[str, Any] | None) -> list[dict[str, Any]]:
    store = Folder(folder, lambda: people.acting_as(account, folder))
    rows = []
    for name in kernels.listed(folder):
        own = kernels.made(os.path.join(folder, name))
        if own is not None and own["kernel"] == name:
            before = store.path_before(name)
            previous = kernels.made(before) if before else None
            row = {"kernel": name, "folder": folder, "account": account, "made": own}
            rows.append({**row, "before": previous})
    return rows


def in_use(ask: Mapping[str, Any], told: Callable[[str], None]) -> list[str]:
    """The image ids and references that a kernel on this machine starts by or can go back to."""
    found = {image for _, image in Engine(ask["engine"]).held()}
    for row in listed({**ask, "engine": None}, told):
        for own in (row["made"], row["before"] or {}):
            found |= {own[key] for key in ("image", "image_id") if isinstance(own.get(key), str)}
    return sorted(found)


def unused(ask: Mapping[str, Any], told: Callable[[str], None]) -> list[dict[str, Any]]:
    """The images that came from a registry or lost their name, and that no kernel here needs.

    What carries a tag of this machine's own was built here, and is its builder's to remove.
    """
    engine, needed = Engine(ask["engine"]), set(in_use(ask, told))
    return [
        one
        for one in engine.of_kernels(ask["label"])
        if not needed.intersection((one["id"], *one["names"]))
        and all(_is_of_a_registry(name) for name in one["names"])
    ]


def _is_of_a_registry(name: str) -> bool:
    # Source: `splitDockerDomain` in Docker's package `reference`.
    host, slash, _ = name.partition("/")
    return "@" in name or bool(slash and host != "localhost" and ("." in host or ":" in host))


def drop(ask: Mapping[str, Any], told: Callable[[str], None]) -> list[str]:
    """Remove those of ask["ids"] that are unused still; the ids of what is gone."""
    wanted = set(ask["ids"])
    engine = Engine(ask["engine"])
    return [
        one["id"]
        for one in unused(ask, told)
        if one["id"] in wanted and engine.drop(one["id"], one["names"])
    ]


def _folder(ask: Mapping[str, Any]) -> Folder:
    path = ask["folder"]
    return Folder(path, lambda: people.acting_as(ask["account"], path))


def _release(engine: Engine, folder: Folder, kernel: str, owner: str) -> None:
    """Let go of the images that neither the kernel nor the one before needs."""
    before = folder.path_before(kernel)
    own = [
        kernels.made(os.path.join(folder.path, kernel)),
        kernels.made(before) if before else None,
    ]
    needed = [one["image_id"] for one in own if one and isinstance(one.get("image_id"), str)]
    engine.release(images.unneeded(engine, owner, kernel, folder.path, needed))


VERBS: Mapping[str, Callable[..., Any]] = {
    "who": who,
    "image": image,
    "put": put,
    "roll_back": roll_back,
    "remove": remove,
    "listed": listed,
    "in_use": in_use,
    "unused": unused,
    "drop": drop,
}


def serve() -> None:
    """Answer what comes on standard input, until it ends: whoever asks is gone then."""

    def say(value: Any) -> None:
        sys.stdout.write(json.dumps(value) + "\n")
        sys.stdout.flush()

    sys.stdout.write(READY + "\n")
    sys.stdout.flush()
    for line in sys.stdin.buffer:
        ask = json.loads(line)
        try:
            say({"done": VERBS[ask["do"]](ask, lambda text: say({"told": text}))})
        except Refused as refusal:
            say({"refused": refusal.text, "usage": refusal.usage})
