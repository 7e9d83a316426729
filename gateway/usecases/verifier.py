"""核验器: verification off the event loop, admitted by bytes, each verdict made once for all who ask at a time.

A PDF is judged in a process of its own; everything else in a few threads of this one.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.licence_facts import LicenceFacts, licence_facts
from gateway.trust.judged import Judged
from gateway.trust.judging import Judging
from gateway.trust.pdf import judge_pdf
from gateway.trust.policy import Policy
from gateway.trust.snapshot import TrustSnapshot
from gateway.trust.verify import judge, report, sniff
from gateway.usecases.pdf_process import PdfProcesses
from gateway.usecases.trust_store import EMPTY
from schemas.verification import LicenceFormat, Report

_WORKERS = 2
_ADMITTED_BYTES = 64 * 1024**2
_KEPT = 2048
_SHORT_BYTES, _FEW_LISTS, _SHORT_LISTS_BYTES = 16 * 1024, 16, 32 * 1024
_BUCKET_S = 10
"""Verdicts asked for within so many seconds are one."""
Key = tuple[str, str, str, int]
"""Digest, policy, generation and time bucket."""


@dataclass(frozen=True, slots=True)
class Content:
    """待核验内容: its digest and size, and how to read it; reading happens in a thread, once there is room."""

    sha256: str
    size_bytes: int
    read: Callable[[], bytes]
    is_token: bool = False
    """A token in hand: a short one is verified at once, in less time than a thread would take to hear of it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """核验结论: the report, and what the licence says of itself."""

    report: Report
    facts: LicenceFacts


def content_of(content: bytes, *, is_token: bool = False) -> Content:
    """Bytes in hand."""
    return Content(hashlib.sha256(content).hexdigest(), len(content), lambda: content, is_token)


def _is_quick(content: Content, snapshot: TrustSnapshot) -> bool:
    """Whether it takes a fraction of a millisecond: a short token, and no status list that is long to inflate."""
    lists = snapshot.status_lists.values()
    return (
        content.is_token
        and content.size_bytes <= _SHORT_BYTES
        and len(lists) <= _FEW_LISTS
        and sum(len(one.token) for one in lists) <= _SHORT_LISTS_BYTES
    )


class Verifier:
    """核验器. `snapshot` is taken anew for each question: a new generation counts from the next one on."""

    def __init__(self, pdf: PdfProcesses | None = None, *, admitted_bytes: int = _ADMITTED_BYTES) -> None:
        self.snapshot: TrustSnapshot = EMPTY
        self.number = 0
        """Of the generation in force."""
        self._pdf = pdf
        self._threads = ThreadPoolExecutor(_WORKERS, thread_name_prefix="verify")
        # threads of their own: a PDF may take half a minute, and a token must not wait behind it
        self._pdf_threads = ThreadPoolExecutor(_WORKERS, thread_name_prefix="verify-pdf")
        self._limit_bytes, self._admitted_bytes = admitted_bytes, 0
        self._waiting: list[asyncio.Event] = []
        self._kept: OrderedDict[Key, Verdict] = OrderedDict()
        self._under_way: dict[Key, asyncio.Future[Verdict | None]] = {}

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._pdf_threads.shutdown(wait=True, cancel_futures=True)
        if self._pdf is not None:
            self._pdf.close()

    async def verify(self, content: Content, policy: Policy, now: datetime) -> Verdict:
        """The verdict for this moment. What is in the content never raises; OSError where it cannot be read."""
        snapshot = self.snapshot
        key = (content.sha256, policy.name, snapshot.generation, int(now.timestamp() // _BUCKET_S))
        known = self._kept.get(key)
        if known is not None:
            self._kept.move_to_end(key)
            return known
        while (waiting := self._under_way.get(key)) is not None:
            verdict = await asyncio.shield(waiting)
            if verdict is not None:
                return verdict
        return await self._first(key, content, Judging(snapshot, policy, now))

    async def _first(self, key: Key, content: Content, judging: Judging) -> Verdict:
        """Verify for everybody who asks meanwhile; None tells them that it came to nothing and is theirs to do."""
        waiting: asyncio.Future[Verdict | None] = asyncio.get_running_loop().create_future()
        self._under_way[key] = waiting
        verdict = None
        try:
            verdict = await self._verify(content, judging)
        finally:
            del self._under_way[key]
            waiting.set_result(verdict)
        self._kept[key] = verdict
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return verdict

    async def _verify(self, content: Content, judging: Judging) -> Verdict:
        if _is_quick(content, judging.snapshot):
            raw = content.read()
            return _verdict(raw, judge(raw, judging), judging)
        size = min(content.size_bytes, self._limit_bytes)
        if self._admitted_bytes + size > self._limit_bytes:
            await self._wait_for_room(size)
        self._admitted_bytes += size  # nothing else runs between the last look and this
        try:
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(self._threads, _judge, content, judging, self._pdf is not None)
            if isinstance(found, Verdict):
                return found
            assert self._pdf is not None  # noqa: S101 - else the thread had judged it
            return await loop.run_in_executor(self._pdf_threads, _judge_pdf, found, judging, self._pdf)
        finally:
            self._admitted_bytes -= size
            for waiting in self._waiting:
                waiting.set()

    async def _wait_for_room(self, size: int) -> None:
        freed = asyncio.Event()
        self._waiting.append(freed)
        try:
            while self._admitted_bytes + size > self._limit_bytes:
                freed.clear()
                await freed.wait()
        finally:
            self._waiting.remove(freed)


def _judge(content: Content, judging: Judging, pdf_elsewhere: bool) -> Verdict | bytes:
    """In a thread: the verdict, or the bytes of what is to be judged elsewhere."""
    raw = content.read()
    if pdf_elsewhere and sniff(raw) is LicenceFormat.PDF and len(raw) <= judging.policy.max_bytes:
        return raw
    return _verdict(raw, judge(raw, judging), judging)


def _judge_pdf(raw: bytes, judging: Judging, processes: PdfProcesses) -> Verdict:
    """In a thread: waits for a process that reads the file."""
    return _verdict(raw, judge_pdf(raw, processes.read(raw, judging.policy), judging), judging)


def _verdict(raw: bytes, judged: Judged, judging: Judging) -> Verdict:
    return Verdict(report(raw, judged, judging), licence_facts(judged.facts))
