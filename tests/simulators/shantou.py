"""汕头 440500: SOAP 1.1 and 1.2 with an XML text in one parameter, polled (docs/wire-formats.md §4)."""

import base64
import binascii
import re
import secrets
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from aiohttp import web

from tests.simulators import clock, soap
from tests.simulators.books import Booking, Books, Upload, digest
from tests.simulators.process import arguments, run
from tests.simulators.progress import Moment, result_file, result_pdf, shown_digest, walk
from tests.simulators.shantou_words import PLANS, REASONS, WITHDRAWN
from tests.simulators.soap_city import Record, Refused, SoapCity
from tests.simulators.under_way import UnderWay

ROWS_AT_MOST = 1000
# `BLSJ` has whole seconds: shuffled steps must lie this far apart for it to tell their order.
SHUFFLED_APART_S = 1.0


class Shantou(SoapCity):
    def __init__(self, books: Books, sid: str, appsecret: str, *, idempotent: bool) -> None:
        super().__init__(books, sid, appsecret)
        self._idempotent = idempotent
        self._by_reference: dict[str, list[Booking]] = defaultdict(list)
        self._cases: set[str] = set()
        self._serials: dict[str, int] = {}
        for booking in books.bookings():
            self._remember(booking)
        self._under_way = UnderWay(books)
        self._states = _states(books)
        self._seq = books.feed_end()
        self._unpolled = {row[0] for row in books.undelivered()}
        self._operations: Mapping[str, Callable[[Record], Record]] = {
            "uploadFile": self._take_file,
            "queryApply": self._query,
            "queryProgress": self._progress_rows,
            "queryDaily": self._daily_rows,
            "downloadFile": self._give_file,
            "ping": lambda _record: {},
        }

    def operation(self, name: str) -> Callable[[Record], Record]:
        found = self._operations.get(name)
        if found is None:
            raise soap.BadRequest("没有该操作")
        return found

    def accept(self, asked: soap.Asked, record: Record, sha256: str) -> web.Response:
        if asked.operation != "apply":
            return self._follow_up(asked, record)
        our_ref = record["YWLSH"]
        known = self._by_reference.get(our_ref)
        if known and self._idempotent:
            return self.answer(asked, "1", "重复申报", {"RECORD": {"SLBH": known[0].case_number}})
        files = [file for one in record.get("CLXX", []) for file in self._material_file(our_ref, one)]
        at = clock.now()
        number = self._next_number(at + self.settings.skew_s)
        booking = Booking(our_ref, number, at, sha256, record["TBMS"], record["SXBM"])
        self.books.book(booking, files)
        self._remember(booking)
        if not self.settings.silent:
            outcome = self.settings.outcome_of(booking.task_code)
            self._under_way.begin(our_ref, self.tasks, self._progress(booking, outcome))
        return self.answer(asked, "0", "成功", {"RECORD": {"SLBH": number, "SLSJ": self.told(at)}})

    def _follow_up(self, asked: soap.Asked, record: Record) -> web.Response:
        """A supplement or a withdrawal; the same number twice is one."""
        withdrawal = asked.operation == "withdraw"
        our_ref, message_id = record["YWLSH"], record["CHLSH" if withdrawal else "BZLSH"]
        if not (known := self._by_reference.get(our_ref)):
            raise Refused("-4", "未查询到办件")
        receipt: Record = {"RECORD": {"SLBH": known[0].case_number}}
        if self.books.has_follow_up(message_id):
            return self.answer(asked, "1", "重复报文", receipt)
        if self._under_way.has_ended(our_ref):
            raise Refused("-50", "办件已办结")
        files = [file for one in record.get("CLXX", []) for file in self._material_file(our_ref, one)]
        kind, reason = ("WITHDRAW", record["CHLY"]) if withdrawal else ("SUPPLEMENT", record.get("BZSM", ""))
        self.books.follow_up(message_id, our_ref, kind, reason, files)
        if withdrawal:
            self._enter(known[0], self._under_way.withdraw(our_ref, WITHDRAWN))
        else:
            self._under_way.supplement(our_ref)
        return self.answer(asked, "0", "成功", receipt)

    def _material_file(self, our_ref: str, material: dict[str, Any]) -> list[Upload]:
        if "WJNR" in material:
            if self.settings.take("lose_uploads"):
                raise Refused("-50", "材料文件缺失")
            content = self._decoded(material["WJNR"], material.get("SHA256", ""))
            return [Upload(our_ref, material.get("WJM", ""), len(content), digest(content))]
        if "WJBH" not in material:
            return []
        file = self.books.upload(material["WJBH"])
        if file is None or file.our_ref != our_ref or file.sha256 != material.get("SHA256"):
            raise Refused("-50", "材料文件不存在或摘要不符")
        return [file]

    def _decoded(self, text: str, sha256: str) -> bytes:
        try:
            content = base64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise soap.BadRequest("文件内容不是base64") from error
        if digest(content) != sha256:
            raise Refused("-50", "材料文件摘要不符")
        return content

    def _next_number(self, at: float) -> str:
        day = clock.day(at)
        self._serials[day] = self._serials.get(day, 0) + 1
        return f"ST{day}{self._serials[day]:06d}"

    def _remember(self, booking: Booking) -> None:
        self._by_reference[booking.our_ref].append(booking)
        self._cases.add(booking.case_number)
        day, serial = booking.case_number[2:10], booking.case_number[10:]
        self._serials[day] = max(self._serials.get(day, 0), int(serial))

    async def _progress(self, booking: Booking, outcome: str) -> None:
        async def enter(moment: Moment) -> None:
            self._enter(booking, moment)

        answered = partial(self._under_way.answered, booking.our_ref) if outcome == "asks" else None
        await walk(PLANS[outcome], self.settings, enter, apart_s=SHUFFLED_APART_S, answered=answered)

    def _enter(self, booking: Booking, moment: Moment) -> None:
        step_id = self.books.step(booking.our_ref, moment.step)
        self._unpolled.add(step_id)
        record = self._row(booking, moment)
        self._states[booking.our_ref] = max((moment.number, moment.code), self._states.get(booking.our_ref, (0, "")))
        row = soap.element("RECORD", record)
        for _ in range(1 + self.settings.repeat):
            self._seq += 1
            self.books.feed(self._seq, row, step_id)

    def _row(self, booking: Booking, moment: Moment) -> Record:
        row: dict[str, Any] = {
            "YWLSH": booking.our_ref,
            "SLBH": booking.case_number,
            "BLZT": moment.code,
            "BLSJ": self.told(moment.at),
            "BLYJ": REASONS.get(moment.code),
        }
        if moment.code == "40":
            file = result_file(booking.our_ref, booking.case_number)
            self.books.file_out(file)
            shown = shown_digest(file, self.settings)
            row["FJXX"] = {"WJBH": f"R{booking.case_number}", "WJM": file.name, "WJDX": file.size, "SHA256": shown}
        return row

    def _take_file(self, record: Record) -> Record:
        our_ref, name = record.get("YWLSH"), record.get("WJM")
        if not our_ref or not name:
            raise soap.BadRequest("缺少YWLSH或WJM")
        content = self._decoded(record.get("WJNR", ""), record.get("SHA256", ""))
        file_id, file = secrets.token_hex(16), Upload(our_ref, name, len(content), digest(content))
        self.books.keep_upload(file_id, file)
        return {"RECORD": {"WJBH": file_id, "WJDX": file.size, "SHA256": file.sha256}}

    def _give_file(self, record: Record) -> Record:
        case_number = record.get("WJBH", "").removeprefix("R")
        if self.settings.lose_files or case_number not in self._cases:
            raise Refused("-4", "文件不存在")
        content = result_pdf(case_number)
        start, length = int(record.get("PY") or 0), int(record.get("CD") or len(content))
        part = base64.encodebytes(content[start : start + length]).decode()
        return {"RECORD": {"WJBH": record["WJBH"], "WJDX": len(content), "WJNR": part}}

    def _query(self, record: Record) -> Record:
        known = self._by_reference.get(record.get("YWLSH", ""), [])
        if not known:
            raise Refused("-4", "未查询到办件")
        return {"RECORD": [{"SLBH": one.case_number, "SLSJ": self.told(one.booked_at)} for one in known]}

    def _progress_rows(self, record: Record) -> Record:
        since, limit = record.get("YB", "").removeprefix("YB"), record.get("TS", "100")
        if not (since.isdecimal() and limit.isdecimal()):
            raise soap.BadRequest("YB或TS不正确")
        found = self.books.feed_after(int(since), min(int(limit), ROWS_AT_MOST))
        fresh = self._unpolled.intersection(step_id for _, _, step_id in found)
        if fresh:
            self.books.steps_delivered(sorted(fresh))
            self._unpolled -= fresh
        end = found[-1][0] if found else int(since)
        return {"YB": f"YB{end}", "": soap.Written("".join(row for _, row, _ in found))}

    def _daily_rows(self, record: Record) -> Record:
        """The day's cases by number, and how far each is."""
        day, since, limit = record.get("RQ", ""), record.get("YB", "0"), record.get("TS", "100")
        if not (len(day) == 8 and day.isdecimal() and since.isdecimal() and limit.isdecimal()):
            raise soap.BadRequest("RQ、YB或TS不正确")
        cases = [one for known in self._by_reference.values() for one in known if one.case_number[2:10] == day]
        cases.sort(key=lambda one: one.case_number)
        start, end = int(since), int(since) + min(int(limit), ROWS_AT_MOST)
        rows = [
            {"YWLSH": one.our_ref, "SLBH": one.case_number, "BLZT": self._states.get(one.our_ref, (0, "10"))[1]}
            for one in cases[start:end]
        ]
        return {"YB": str(start + len(rows)), "RECORD": rows}


def _states(books: Books) -> dict[str, tuple[int, str]]:
    """How far each case was when the simulator was stopped."""
    states: dict[str, tuple[int, str]] = {}
    for number, (_, row, _) in enumerate(books.feed_after(0, -1)):
        our_ref, code = (re.search(rf"<{name}>([^<]*)<", row) for name in ("YWLSH", "BLZT"))
        if our_ref and code:
            states[our_ref[1]] = (number, code[1])
    return states


def main() -> None:
    parser = arguments("汕头 simulator")
    parser.add_argument("--sid", required=True)
    parser.add_argument("--appsecret", required=True)
    parser.add_argument("--idempotent", action="store_true", help="book a repeated message once")
    options = parser.parse_args()
    city = Shantou(Books(options.books), options.sid, options.appsecret, idempotent=options.idempotent)
    run(city, options)


if __name__ == "__main__":
    main()
