"""核验测速, one process: CPU of each file cold and warm, or how late a loop's ticker is beside the verifier.

A process for each file, so that cold is cold. Reads one JSON plan from stdin and prints one JSON result.
"""

import asyncio
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from gateway.clock import now
from gateway.trust.judging import Judging
from gateway.trust.policy import DEFAULT
from gateway.trust.snapshot import TrustSnapshot
from gateway.trust.verify import verify
from gateway.usecases.trust_folder import trust_folder
from gateway.usecases.verifier import Verifier, content_of

_TICK_S = 0.002


def cpu_ms(content: bytes, judging: Judging, rounds: int) -> dict[str, Any]:
    """CPU milliseconds of this thread: the first time, and the best of the others (the machine is shared)."""
    spent = []
    indication = ""
    for _ in range(rounds + 1):
        began = time.thread_time()
        indication = verify(content, judging).indication
        spent.append((time.thread_time() - began) * 1000)
    return {"cpu_ms_cold": round(spent[0], 3), "cpu_ms_warm": round(min(spent[1:]), 3), "indication": indication}


async def ticker(contents: list[bytes], snapshot: TrustSnapshot, seconds: float) -> dict[str, Any]:
    """How late a ticker of 2 ms is while files are verified without a pause, no verdict kept."""
    verifier, late, stop = Verifier(), [0.0], asyncio.Event()
    verifier.snapshot = snapshot
    verified = 0

    async def tick() -> None:
        while not stop.is_set():
            began = time.perf_counter()
            await asyncio.sleep(_TICK_S)
            late.append((time.perf_counter() - began - _TICK_S) * 1000)

    async def work(content: bytes) -> None:
        nonlocal verified
        while not stop.is_set():
            verifier.snapshot = replace(snapshot, generation=f"{verified}")  # a new name: nothing kept counts
            await verifier.verify(content_of(content), DEFAULT, now())
            verified += 1

    async with asyncio.TaskGroup() as group:
        group.create_task(tick())
        for content in contents:
            group.create_task(work(content))
        await asyncio.sleep(seconds)
        stop.set()
    verifier.close()
    ordered = sorted(late)
    return {
        "loop_delay_p99_ms": round(ordered[int(len(ordered) * 0.99)], 2),
        "loop_delay_max_ms": round(ordered[-1], 2),
        "verified": verified,
    }


def run(plan: dict[str, Any]) -> dict[str, Any]:
    """Carry out a plan."""
    snapshot = TrustSnapshot("empty") if plan["trust"] is None else trust_folder(Path(plan["trust"]))
    contents = [Path(path).read_bytes() for path in plan["files"]]
    if "seconds" in plan:
        return asyncio.run(ticker(contents, snapshot, plan["seconds"]))
    return cpu_ms(contents[0], Judging(snapshot, DEFAULT, now()), plan["rounds"])


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(json.load(sys.stdin))))
