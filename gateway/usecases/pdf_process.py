"""PDF解析进程: the library that reads PDFs runs in processes of its own, with limits, and never in the gateway's.

A process that takes too long, too much memory or dies is replaced; what it was given counts as malformed. Only the
structure is read there: trust, keys and verdicts stay here. Calls block: an event loop makes them in a thread.
"""

import contextlib
import logging
import multiprocessing
import queue
import resource
import signal
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Self

from pydantic import TypeAdapter, ValidationError

from gateway.trust.judging import Judging
from gateway.trust.pdf import judge_pdf, read_pdf
from gateway.trust.pdf_parts import PdfDocument
from gateway.trust.policy import Policy
from gateway.trust.verify import report, sniff, verify
from schemas.verification import LicenceFormat, Report

_DOCUMENT = TypeAdapter(PdfDocument)


@dataclass(frozen=True, slots=True)
class PdfLimits:
    """限额 of one process."""

    wall_s: float = 20
    """For one file, whatever the process does meanwhile."""
    start_s: float = 20
    """More for the first file of a process, which must load the library."""
    cpu_s: int = 15
    memory_bytes: int = 1024**3
    files: int = 100
    """After so many it is replaced, so that nothing it leaks adds up."""


class PdfProcesses:
    """PDF解析进程池: at most `count` processes, each started when it is first needed."""

    def __init__(self, limits: PdfLimits | None = None, *, count: int = 2) -> None:
        self._limits = limits or PdfLimits()
        self._count = count
        self._idle: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        for _ in range(count):
            self._idle.put(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read(self, content: bytes, policy: Policy) -> PdfDocument:
        """What is in a PDF; a fault where it cannot be read within the limits. Waits while every process is busy."""
        child = self._idle.get()
        try:
            child = child or _Child(self._limits)
            found = child.read(content, policy)
            if child.is_spent:
                child.end()
                child = None
        except BaseException:
            if child is not None:
                child.end()
            child = None
            raise
        finally:
            self._idle.put(child)
        return found

    def close(self) -> None:
        """End every process, those at work after their file."""
        ended = [self._idle.get() for _ in range(self._count)]
        for child in ended:
            if child is not None:
                child.end()
            self._idle.put(None)


class _Child:
    """One process and the line to it."""

    def __init__(self, limits: PdfLimits) -> None:
        context = multiprocessing.get_context("spawn")
        self._line, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(target=_serve, args=(theirs, limits), daemon=True, name="pdf")
        self._process.start()
        theirs.close()
        self._limits = limits
        self._done = 0
        self._is_broken = False

    @property
    def is_spent(self) -> bool:
        """Whether it is to be replaced."""
        return self._is_broken or self._done >= self._limits.files

    def read(self, content: bytes, policy: Policy) -> PdfDocument:
        """What the process says of a file."""
        wall = self._limits.wall_s + (0 if self._done else self._limits.start_s)
        # killing it ends every wait below, also that for a process which does not take what is sent to it
        timer = threading.Timer(wall, self._process.kill)
        timer.daemon = True
        timer.start()
        try:
            self._line.send((content, policy))
            found = _DOCUMENT.validate_json(self._line.recv_bytes())
        except (OSError, EOFError, ValidationError) as error:
            self._is_broken = True
            return PdfDocument(fault="exhausted", reason=type(error).__name__)
        finally:
            timer.cancel()
        self._done += 1
        return found

    def end(self) -> None:
        """Kill it and wait until it is gone."""
        self._process.kill()
        self._process.join()
        self._process.close()
        self._line.close()


def _serve(line: Connection, limits: PdfLimits) -> None:
    """The process: files in, what is in them out, until the line is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # the library logs objects of the file, and with them what is written in a licence
    logging.disable(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    # dying says enough; a traceback could show what is in a file
    with contextlib.suppress(EOFError, OSError, MemoryError):
        while True:
            content, policy = line.recv()
            _allow_cpu(limits.cpu_s)
            line.send_bytes(_DOCUMENT.dump_json(read_pdf(content, policy)))


def _allow_cpu(seconds: int) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (until, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def verify_file(content: bytes, judging: Judging, processes: PdfProcesses) -> Report:
    """The report on a file or token; the structure of a PDF is read in a process of the pool."""
    if sniff(content) is not LicenceFormat.PDF or len(content) > judging.policy.max_bytes:
        return verify(content, judging)
    document = processes.read(content, judging.policy)
    return report(content, judge_pdf(content, document, judging), judging)
