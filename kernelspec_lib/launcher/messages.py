"""Jupyter's messages: signed, in frames.

Source: "Messaging in Jupyter" in the documentation of jupyter_client, version 5.3.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_DELIMITER = b"<IDS|MSG>"


class Session:
    """Makes messages that carry the connection file's key."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        self._id = os.urandom(16).hex()

    def message(self, kind: str, content: Any, parent: Any) -> list[bytes]:
        """The frames of a message of *kind* that answers the header *parent*."""
        header = {
            "msg_id": os.urandom(16).hex(),
            "session": self._id,
            "username": "kernelspec",
            "date": time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime()),
            "msg_type": kind,
            "version": "5.3",
        }
        parts = [json.dumps(one).encode() for one in (header, parent, {}, content)]
        return [_DELIMITER, self._signature(parts), *parts]

    def read(self, frames: list[bytes]) -> tuple[str, Any, Any] | None:
        """Kind, header and content of a message; None for one that nobody with the key sent."""
        try:
            at = frames.index(_DELIMITER)
            signature, *parts = frames[at + 1 : at + 6]
            if not hmac.compare_digest(signature, self._signature(parts)):
                return None
            header, content = json.loads(parts[0]), json.loads(parts[3])
            return str(header["msg_type"]), header, content
        except (ValueError, LookupError, TypeError, RecursionError):
            return None

    def _signature(self, parts: list[bytes]) -> bytes:
        if not self._key:
            return b""
        return hmac.new(self._key, b"".join(parts), hashlib.sha256).hexdigest().encode()
