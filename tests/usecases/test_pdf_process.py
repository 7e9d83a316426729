"""The processes that read PDFs: the same answer as here, and an answer whatever becomes of them."""

import asyncio
import os
import signal
import time
from dataclasses import replace
from itertools import pairwise
from multiprocessing import active_children

import pytest

pytest.importorskip("pyhanko", reason="NOT CHECKED: the extra pdf is not installed")

from gateway.trust.pdf import read_pdf
from gateway.trust.policy import DEFAULT
from gateway.trust.verify import verify
from gateway.usecases.pdf_process import PdfLimits, PdfProcesses, verify_file
from schemas.verification import Indication
from schemas.verification import SubIndication as Sub
from tests.trust.office.ofd import Sealing, packed, sealed
from tests.trust.office.pdf import page, signed
from tests.trust.test_pdf import SM2_OFFICE, judging

GOOD = signed(SM2_OFFICE)


def running() -> list[int]:
    return [child.pid or 0 for child in active_children() if child.name == "pdf"]


def test_the_report_is_that_of_reading_it_here() -> None:
    ofd = packed(sealed(SM2_OFFICE, Sealing()))
    with PdfProcesses(count=1) as processes:
        for content in (GOOD, page(), GOOD[:-100], b"%PDF-1.7", ofd, b""):
            assert verify_file(content, judging(), processes) == verify(content, judging())
        large = replace(judging(), policy=replace(DEFAULT, max_bytes=100))
        assert verify_file(GOOD, large, processes).sub_indication is Sub.FORMAT_FAILURE
    assert not running()


def test_a_process_is_kept_and_replaced_after_its_files() -> None:
    with PdfProcesses(PdfLimits(files=2), count=1) as processes:
        seen = []
        for _ in range(4):
            assert processes.read(GOOD, DEFAULT) == read_pdf(GOOD, DEFAULT)
            seen.append(running())
    assert [len(one) for one in seen] == [1, 0, 1, 0]
    assert seen[0] != seen[2]


def test_a_process_that_takes_too_long_is_killed_and_replaced() -> None:
    with PdfProcesses(PdfLimits(wall_s=30, start_s=0), count=1) as processes:
        processes.read(GOOD, DEFAULT)
        (number,) = running()
        os.kill(number, signal.SIGSTOP)
        (child,) = processes._idle.queue
        assert child is not None
        child._limits = PdfLimits(wall_s=0.3)
        begun = time.monotonic()
        report = verify_file(GOOD, judging(), processes)
        assert time.monotonic() - begun < 5
        assert (report.indication, report.sub_indication) == (Indication.TOTAL_FAILED, Sub.FORMAT_FAILURE)
        assert running() == []
        assert verify_file(GOOD, judging(), processes).indication is Indication.TOTAL_PASSED


def test_a_process_that_dies_is_replaced() -> None:
    with PdfProcesses(count=1) as processes:
        processes.read(GOOD, DEFAULT)
        os.kill(running()[0], signal.SIGKILL)
        assert processes.read(GOOD, DEFAULT).fault == "exhausted"
        assert processes.read(GOOD, DEFAULT).fault is None


@pytest.mark.parametrize("limits", [PdfLimits(memory_bytes=48 * 1024**2), PdfLimits(cpu_s=-1)], ids=["memory", "cpu"])
def test_a_process_over_its_limits_ends_with_an_answer(limits: PdfLimits) -> None:
    with PdfProcesses(limits, count=1) as processes:
        report = verify_file(GOOD, judging(), processes)
    assert (report.indication, report.sub_indication) == (Indication.TOTAL_FAILED, Sub.FORMAT_FAILURE)
    assert "不能解析完" in report.message_zh


async def test_the_event_loop_goes_on_meanwhile() -> None:
    ticks: list[float] = []
    with PdfProcesses(count=1) as processes:
        work = asyncio.get_running_loop().run_in_executor(None, verify_file, GOOD, judging(), processes)
        while not work.done():
            ticks.append(time.monotonic())
            await asyncio.sleep(0.005)
        assert (await work).indication is Indication.TOTAL_PASSED
    assert len(ticks) > 10
    assert max(later - sooner for sooner, later in pairwise(ticks)) < 0.5


async def test_more_files_than_processes_wait_their_turn() -> None:
    with PdfProcesses(count=2) as processes:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(asyncio.to_thread(processes.read, GOOD, DEFAULT)) for _ in range(6)]
        assert {task.result().fault for task in tasks} == {None}
        assert len(running()) <= 2
    assert not running()
