"""赣州 360700: a city with no system. A robot clerk stands between its office and our gateway, as a person would.

It polls the worklist, takes each packet, books the case in the city's books from the papers in it, and registers what
the office did. All it has of the gateway is its address and a clerk's token.
"""

import asyncio
import hashlib
import io
import logging
import zipfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any

import aiohttp
import orjson
from openpyxl import load_workbook

from tests.simulators import clock
from tests.simulators.books import Booking, Books, Upload, digest
from tests.simulators.control import Control
from tests.simulators.process import Simulator, arguments, run
from tests.simulators.progress import Moment, Plans, result_file, result_pdf, walk

log = logging.getLogger(__name__)

PLANS: Plans = {
    "granted": (("ARRIVED", ""), ("ACCEPTED", ""), ("DECIDED", "GRANTED")),
    "refused": (("ARRIVED", ""), ("ACCEPTED", ""), ("DECIDED", "REFUSED")),
    "returned": (("ARRIVED", ""), ("ACCEPTED", ""), ("RETURNED", "")),
    "rejected": (("ARRIVED", ""), ("REJECTED", "")),
    "supplement": (
        *(("ARRIVED", ""), ("SUPPLEMENT_ASKED", ""), ("SUPPLEMENT_GIVEN", "")),
        *(("ACCEPTED", ""), ("DECIDED", "GRANTED")),
    ),
    "asks": (("ARRIVED", ""), ("SUPPLEMENT_ASKED", ""), ("ACCEPTED", ""), ("DECIDED", "GRANTED")),
    "forwarded": (("ARRIVED", ""), ("FORWARDED", ""), ("ARRIVED", ""), ("ACCEPTED", ""), ("DECIDED", "GRANTED")),
}
REASONS = {
    "REJECTED": "不属于本机关职权范围",
    "SUPPLEMENT_ASKED": "请补交身份证复印件（加盖公章）",
    "REFUSED": "不符合条件，不予批准",
    "RETURNED": "材料不全，退回",
    "FORWARDED": "应由赣州市章贡区住房公积金管理部（演示）办理",
}
FAULTS = frozenset({"pace_s", "silent", "outcome", "refuse_count", "repeat", "late_s", "down"})
MODES = {"全程网办": "0", "异地代收": "1", "授权办理": "2", "多地联办": "3"}
"""The words on the sheet, as the books of all simulated cities number them."""


class Spoilt(Exception):
    """A packet whose papers are not what its list says."""


class Ganzhou(Simulator):
    def __init__(self, books: Books, gateway: str, token: str, poll_s: float) -> None:
        super().__init__(books, Control(FAULTS, PLANS))
        self._gateway, self._poll_s = gateway, poll_s
        self._headers = {"Authorization": f"Bearer {token}"}
        self._http: aiohttp.ClientSession
        self._seen = books.seen()
        self._bookings = {booking.our_ref: booking for booking in books.bookings()}
        self._supplied: dict[str, asyncio.Event] = {}
        self._walks: dict[str, asyncio.Task[None]] = {}

    async def open(self, stack: AsyncExitStack) -> None:
        self._http = await stack.enter_async_context(aiohttp.ClientSession(headers=self._headers))
        self.tasks.create_task(self._work_forever())

    async def _work_forever(self) -> None:
        while True:
            await asyncio.sleep(self._poll_s)
            if self.settings.down:
                continue
            try:
                await self._look()
            except (aiohttp.ClientError, OSError):
                log.info("the gateway does not answer")

    async def _look(self) -> None:
        """Every packet once; what was begun before a restart is not taken up again."""
        after: str | None = ""
        while after is not None:
            query = {"city": "360700", "state": "all", "after": after, "limit": "200"}
            async with self._http.get(f"{self._gateway}/v1/manual", params=query) as response:
                response.raise_for_status()
                page = await response.json()
            for listed in page["data"]:
                if listed["message_id"] not in self._seen:
                    await self._take(listed)
            after = page["next"]

    async def _take(self, listed: dict[str, Any]) -> None:
        message_id = listed["message_id"]
        async with self._http.get(f"{self._gateway}/v1/manual/{message_id}/packet") as response:
            response.raise_for_status()
            packet = await response.read()
        manifest, files = opened(packet)
        self.books.deliver(manifest["application_id"], digest(packet))
        if manifest["kind"] == "SUBMIT":
            await self._begin(message_id, manifest, packet, files)
        else:
            await self._go_on(message_id, manifest, files)
        self._seen.add(message_id)
        self.books.see(message_id)

    async def _begin(self, message_id: str, manifest: dict[str, Any], packet: bytes, files: list[Upload]) -> None:
        our_ref = manifest["application_id"]
        if our_ref in self._bookings:
            return
        if self.settings.take("refuse_count"):
            self.books.step(our_ref, "REJECTED")
            await self._register(message_id, {"step": "REJECTED", "reason": "不符合申报条件"}, clock.now())
            return
        at = clock.now()
        case_number = f"GZ{clock.day(at)}{len(self._bookings) + 1:06d}"
        booking = Booking(our_ref, case_number, at, digest(packet), mode_of(packet), manifest["task_code"])
        self.books.book(booking, files)
        self._bookings[our_ref] = booking
        self._supplied[our_ref] = asyncio.Event()
        plan = PLANS[self.settings.outcome]
        self._walks[our_ref] = self.tasks.create_task(self._walk(message_id, booking, plan))

    async def _go_on(self, message_id: str, manifest: dict[str, Any], files: list[Upload]) -> None:
        our_ref, kind = manifest["application_id"], manifest["kind"]
        if not self.books.has_follow_up(message_id):
            self.books.follow_up(message_id, our_ref, kind, "", files)
        if kind == "WITHDRAW":
            if our_ref in self._walks:
                self._walks[our_ref].cancel()
            step = "WITHDRAWN"
        else:
            step = "SUPPLEMENT_GIVEN"
        self.books.step(our_ref, step)
        await self._register(message_id, {"step": step}, clock.now())
        if our_ref in self._supplied:
            self._supplied[our_ref].set()

    async def _walk(self, message_id: str, booking: Booking, plan: Sequence[tuple[str, str]]) -> None:
        waits = self._supplied[booking.our_ref].wait if plan == PLANS["asks"] else None

        async def tell(moment: Moment) -> None:
            self.books.step(booking.our_ref, moment.step)
            said: dict[str, Any] = {"step": moment.step, "case_number": booking.case_number}
            said |= {"outcome": moment.code} if moment.code else {}
            reason = REASONS.get(moment.code) or REASONS.get(moment.step)
            said |= {"reason": reason} if reason else {}
            if moment.code == "GRANTED":
                said["files"] = [await self._bring(booking)]
            for _ in range(1 + self.settings.repeat):
                await self._register(message_id, said, moment.at)

        await walk(plan, self.settings, tell, apart_s=0.01, answered=waits)

    async def _bring(self, booking: Booking) -> str:
        file = result_file(booking.our_ref, booking.case_number)
        self.books.file_out(file)
        async with self._http.post(
            f"{self._gateway}/v1/files",
            params={"name": file.name},
            data=result_pdf(booking.case_number),
            headers={"Content-Type": "application/octet-stream"},
        ) as response:
            response.raise_for_status()
            return str((await response.json())["file_id"])

    async def _register(self, message_id: str, said: dict[str, Any], at: float) -> None:
        """Until the gateway has it: the key makes a repeat harmless. What it refuses is a fault of this clerk's."""
        whole = said | {"occurred_at": datetime.fromtimestamp(at, clock.CHINA).isoformat()}
        key = hashlib.sha256(orjson.dumps([message_id, whole])).hexdigest()
        while True:
            try:
                async with self._http.post(
                    f"{self._gateway}/v1/manual/{message_id}/steps", json=whole, headers={"Idempotency-Key": key}
                ) as response:
                    if response.status < 500:
                        response.raise_for_status()
                        return
            except aiohttp.ClientResponseError:
                raise
            except (aiohttp.ClientError, OSError):
                log.info("the gateway does not answer")
            await asyncio.sleep(0.2)


def opened(packet: bytes) -> tuple[dict[str, Any], list[Upload]]:
    """The list in a packet and its files; Spoilt where a digest is not that of what is there."""
    with zipfile.ZipFile(io.BytesIO(packet)) as archive:
        manifest: dict[str, Any] = orjson.loads(archive.read("manifest.json"))
        for document in manifest["documents"]:
            if digest(archive.read(document["name"])) != document["sha256"]:
                raise Spoilt(document["name"])
        files = []
        for file in manifest["files"]:
            content = archive.read(file["entry"])
            if digest(content) != file["sha256"] or len(content) != file["size_bytes"]:
                raise Spoilt(file["name"])
            files.append(Upload(manifest["application_id"], file["name"], len(content), file["sha256"]))
    return manifest, files


def mode_of(packet: bytes) -> str:
    """办理方式 as the sheet says it, numbered as in every simulated city's books."""
    with zipfile.ZipFile(io.BytesIO(packet)) as archive:
        head, row = load_workbook(io.BytesIO(archive.read("办件信息.xlsx")), read_only=True)["申请信息"].values
    return MODES[str(dict(zip(head, row, strict=True))["办理方式"])]


def main() -> None:
    parser = arguments("赣州 robot clerk")
    parser.add_argument("--gateway", required=True, help="the gateway's address")
    parser.add_argument("--token", required=True, help="a clerk's token")
    parser.add_argument("--poll", type=float, default=0.2, help="seconds between looks at the worklist")
    options = parser.parse_args()
    run(Ganzhou(Books(options.books), options.gateway, options.token, options.poll), options)


if __name__ == "__main__":
    main()
