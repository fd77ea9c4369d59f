"""The package index, asked directly: one page a package (PEP 503, PEP 691)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from kernelspec_lib.errors import IndexUnreachable
from kernelspec_lib.packages import reply as replies
from kernelspec_lib.packages import wire
from kernelspec_lib.packages.pagecache import PageCache
from kernelspec_lib.packages.pages import File, Page
from kernelspec_lib.packages.settings import CONNECTIONS, IndexConfig, configure

if TYPE_CHECKING:
    from kernelspec_lib.packages.reply import Part, Reply
    from kernelspec_lib.packages.transport import Patience, Transport

__all__ = [
    "Index",
    "IndexConfig",
    "answered",
    "asked",
    "configure",
    "every_page",
    "open_index",
    "pages_of",
    "signed_in",
]

_MAX_FILE = 512 * 1024**2
_ENOUGH = 3
"""Pages that failed, and none that did not."""
_WELL_KNOWN = "pip"
_LOGIN = "is this the URL of the index, and does it want a login?"


class Index(Protocol):
    """What the rest of the house knows of an index."""

    def __hash__(self) -> int:
        """It is itself, and no other is."""

    def page(self, name: str) -> Page | None:
        """The page of the package *name*, normalised; None: the index has no such package.

        Raises IndexUnreachable.
        """

    def recent(self) -> Index:
        """The same index, where a page of the last ten minutes will do. It may blame nobody."""

    def probe(self) -> None:
        """Raises IndexUnreachable where the URL is no index at all."""

    def digest(self, file: File) -> str:
        """The sha256 of *file*, 64 hexadecimal digits. Raises IndexUnreachable."""

    def beginning(self, url: str, limit: int) -> bytes | None:
        """At least *limit* bytes of the file at *url*, or all of it where it has fewer.

        None: there is no such file. Raises IndexUnreachable.
        """

    def part(self, url: str, start: int, length: int) -> Part | None:
        """*length* bytes from *start* on of the file at *url*; from a negative one, the last.

        None: there is no such file, or its server sends no parts. Raises IndexUnreachable.
        """


@contextmanager
def open_index(
    config: IndexConfig, patience: Patience | None = None, cache: PageCache | None = None
) -> Iterator[Index]:
    """The index that *config* describes, for as long as the block runs. cache: of its pages."""
    index = HttpIndex(config, patience, cache)
    try:
        yield index
    finally:
        index.close()


def signed_in(config: IndexConfig) -> IndexConfig:
    """*config* with the login that the keyring has for it, where the index wants one.

    Others than us will need it: pip in a container, uv. Where the index is out of reach from here,
    it may not be so from there, and they will say so themselves.
    """
    if config.keyring is None or not config.keyring.is_there:
        return config
    with open_index(config) as index, suppress(IndexUnreachable):
        index.beginning(f"{config.url}/{_WELL_KNOWN}/", 1)
    return config


def pages_of(
    index: Index, names: Iterable[str]
) -> tuple[Mapping[str, Page | None], IndexUnreachable | None]:
    """The pages of *names*, asked for side by side, and the first failure if there was one.

    A name that could not be asked for is not in the mapping; the failure names it.
    """
    with ThreadPoolExecutor(max_workers=CONNECTIONS) as threads:
        return answered(asked(index, names, threads))


def asked(
    index: Index, names: Iterable[str], threads: Executor
) -> Mapping[str, Future[Page | None]]:
    """The pages of *names* to come; one that could not be had raises IndexUnreachable."""
    return {name: threads.submit(index.page, name) for name in dict.fromkeys(names)}


def answered(
    pages: Mapping[str, Future[Page | None]],
) -> tuple[Mapping[str, Page | None], IndexUnreachable | None]:
    """What came of *pages*, as pages_of has it."""
    found: dict[str, Page | None] = {}
    trouble = None
    unseen = []
    for name, page in pages.items():
        try:
            found[name] = page.result()
        except IndexUnreachable as error:
            trouble = trouble or error
            unseen.append(name)
    if trouble is not None and found:
        trouble = IndexUnreachable(trouble.url, trouble.reason, trouble.remedy, unseen)
    return found, trouble


def every_page(index: Index, names: Iterable[str]) -> Mapping[str, Page]:
    """The pages of *names*, empty for a package that is not there. Raises IndexUnreachable."""
    pages, trouble = pages_of(index, names)
    if trouble is not None:
        raise trouble
    return {name: page or Page(name=name) for name, page in pages.items()}


class HttpIndex:
    """An index behind a URL. Pages are asked for once."""

    def __init__(
        self, config: IndexConfig, patience: Patience | None, cache: PageCache | None
    ) -> None:
        self._config, self._patience, self._cache = config, patience, cache
        self._opened: Transport | None = None
        self._opening = Lock()
        self._busy = BoundedSemaphore(CONNECTIONS)
        self._recent = _Recent(self)
        self._pages: dict[str, Page | None] = {}
        self._asking: dict[str, Lock] = {}
        self._failed: dict[str, IndexUnreachable] = {}
        self._undivided: set[str] = set()

    @property
    def _transport(self) -> Transport:
        # requests takes long to load, and whoever opens an index has uv to start first.
        with self._opening:
            if self._opened is None:
                from kernelspec_lib.packages.transport import Patience, Transport

                self._opened = Transport(self._config, self._patience or Patience.of(self._config))
            return self._opened

    def close(self) -> None:
        """Ends the session."""
        if self._cache is not None:
            self._cache.prune()
        with self._opening:
            if self._opened is not None:
                self._opened.close()

    def page(self, name: str) -> Page | None:
        """As Index.page.

        One sick page does not hide the others. An index that is out of reach as a whole is not
        tried for each package, nor one that has had nothing but nonsense to say.
        """
        # Several kernels want the same page at once: the first one asks, the others wait for it.
        with self._asking.setdefault(name, Lock()):
            return self._page(name)

    def recent(self) -> Index:
        """As Index.recent."""
        return self._recent

    def has(self, name: str) -> bool:
        """Whether the page of *name* was asked for in this run."""
        return name in self._pages

    def young(self, name: str) -> Page | None:
        """The page of *name* if one of the last ten minutes lies here."""
        if self._cache is None:
            return None
        url = self._url(name)
        kept = self._cache.young(url)
        return kept.page(name, url) if kept else None

    def _page(self, name: str) -> Page | None:
        if name in self._pages:
            return self._pages[name]
        if name in self._failed or (len(self._failed) >= _ENOUGH and not self._pages):
            raise self._failed.get(name) or next(iter(self._failed.values()))
        try:
            page = self._read(name)
        except IndexUnreachable as error:
            self._failed[name] = error
            raise
        self._pages[name] = page
        return page

    def probe(self) -> None:
        """As Index.probe: a well-known package, or else the root, must be there."""
        if self.page(_WELL_KNOWN) is not None:
            return
        reply = self._transport.get(f"{self._config.url}/", 64 * 1024, whole=False)
        said = reply.body.lstrip()[:1024].lower()
        if not reply.found or not (said.startswith(b"{") or b"<a " in reply.body):
            raise self._unreachable(
                "it knows none of the libs, and its root is no index either",
                "check the path of the URL: it usually ends in /simple",
            )

    def digest(self, file: File) -> str:
        """As Index.digest: of the file itself, where its page does not tell it."""
        if file.sha256 is not None:
            return file.sha256
        reply = self._transport.get(file.url, _MAX_FILE)
        if not reply.found:
            raise self._unreachable(f"the file {file.filename} is on its page and not there")
        return hashlib.sha256(reply.body).hexdigest()

    def beginning(self, url: str, limit: int) -> bytes | None:
        """As Index.beginning."""
        reply = self._transport.get(url, limit, whole=False)
        return reply.body if reply.found else None

    def part(self, url: str, start: int, length: int) -> Part | None:
        """As Index.part. A host that sent none is not asked for one again."""
        host = urlsplit(url).netloc
        if host in self._undivided:
            return None
        asking = replies.asking(start, length)
        reply = self._transport.get(url, length, whole=False, conditions=asking)
        if not reply.found:
            return None
        part = replies.part(reply, start, length)
        if part is None:
            self._undivided.add(host)
        return part

    def _url(self, name: str) -> str:
        return f"{self._config.url}/{name}/"

    def _read(self, name: str) -> Page | None:
        url = self._url(name)
        kept = self._cache.get(url) if self._cache else None
        with self._busy:
            reply = self._transport.get(url, conditions=kept.conditions if kept else {})
        if not reply.found:
            return None
        if kept is not None and reply.unchanged:
            page, where = kept.page(name, url), kept.base or url
        else:
            page, where = self._parsed(name, reply), reply.url
        if self._cache is not None:
            etag = reply.etag or (kept.etag if kept and reply.unchanged else "")
            dated = reply.last_modified or (kept.last_modified if kept and reply.unchanged else "")
            self._cache.put(url, page, where, etag=etag, last_modified=dated)
        return page

    def _parsed(self, name: str, reply: Reply) -> Page:
        try:
            return self._parse(name, reply)
        except wire.NoPage as error:
            raise self._unreachable(self._described(reply, error), _LOGIN) from error

    @staticmethod
    def _parse(name: str, reply: Reply) -> Page:
        if reply.content_type.endswith("json"):
            return wire.from_json(name, reply.body, reply.url)
        if reply.content_type.endswith(("html", "xhtml+xml")):
            return wire.from_html(name, reply.body, reply.url)
        raise wire.NoPage("it is neither HTML nor JSON")

    def _described(self, reply: Reply, error: wire.NoPage) -> str:
        sent = ""
        host = urlsplit(reply.url).hostname
        if host != urlsplit(self._config.url).hostname:
            sent = f", sent on to {host},"
        return f"what it answers{sent} is no page of a package: {error}"

    def _unreachable(self, reason: str, remedy: str = "") -> IndexUnreachable:
        return IndexUnreachable(self._config.shown, reason, remedy)


class _Recent:
    """As *index*, but that it need not be asked for a page of the last ten minutes."""

    def __init__(self, index: HttpIndex) -> None:
        self._index = index
        self._pages: dict[str, Page] = {}

    def page(self, name: str) -> Page | None:
        """As Index.page."""
        if self._index.has(name):
            # One copy is enough, and this is the newer one.
            self._pages.pop(name, None)
            return self._index.page(name)
        if name not in self._pages:
            young = self._index.young(name)
            if young is None:
                return self._index.page(name)
            self._pages[name] = young
            return young
        return self._pages.get(name) or self._index.page(name)

    def recent(self) -> Index:
        """As Index.recent."""
        return self

    def probe(self) -> None:
        """As Index.probe."""
        self._index.probe()

    def digest(self, file: File) -> str:
        """As Index.digest."""
        return self._index.digest(file)

    def beginning(self, url: str, limit: int) -> bytes | None:
        """As Index.beginning."""
        return self._index.beginning(url, limit)

    def part(self, url: str, start: int, length: int) -> Part | None:
        """As Index.part."""
        return self._index.part(url, start, length)
