"""Connections that share one reading of the CA certificates.

requests reads the bundle anew for every connection: 60 ms each, and a look at an index has a
dozen. Here it is read once.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.util.ssl_ import create_urllib3_context

_BUNDLES = ("ca_certs", "ca_cert_dir")


def adapter(bundle: str | None, *, most: int) -> HTTPAdapter:
    """Connections that trust the CA certificates in *bundle*, a file or folder; None: certifi's.

    most: how many to one host are kept open. A bundle that cannot be read is left to requests,
    which says so where a connection is made.
    """
    try:
        context = create_urllib3_context()
        place = bundle or DEFAULT_CA_BUNDLE_PATH
        context.load_verify_locations(**{"capath" if Path(place).is_dir() else "cafile": place})
    except (OSError, ssl.SSLError):
        return HTTPAdapter(pool_connections=4, pool_maxsize=most)
    return _Sharing(context, most)


class _Sharing(HTTPAdapter):
    """As HTTPAdapter, but that every connection has the same *context*."""

    def __init__(self, context: ssl.SSLContext, most: int) -> None:
        self._context = context
        super().__init__(pool_connections=4, pool_maxsize=most)

    def init_poolmanager(self, *args: Any, **named: Any) -> None:
        super().init_poolmanager(*args, **named, ssl_context=self._context)

    def proxy_manager_for(self, proxy: str, **named: Any) -> Any:
        return super().proxy_manager_for(
            proxy, **named, ssl_context=self._context, proxy_ssl_context=self._context
        )

    def build_connection_pool_key_attributes(self, *args: Any, **named: Any) -> Any:
        host, pool = super().build_connection_pool_key_attributes(*args, **named)
        # A bundle that is named is read again, whatever the context holds already.
        return host, {name: value for name, value in pool.items() if name not in _BUNDLES}

    def cert_verify(self, conn: Any, *args: Any, **named: Any) -> None:
        super().cert_verify(conn, *args, **named)  # type: ignore[no-untyped-call]
        conn.ca_certs = conn.ca_cert_dir = None
