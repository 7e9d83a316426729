"""The course of one SOAP call through 汕头: signature, head, faults, and the answer's envelope."""

import asyncio
import base64
import hashlib
import hmac
import re
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from aiohttp import web

from tests.simulators import clock, shapes, soap
from tests.simulators.books import Books, digest
from tests.simulators.control import REST, Control, Fault
from tests.simulators.process import Simulator, cut
from tests.simulators.shantou_words import MISSING, NAMESPACE, OPERATIONS, PLANS, SHAPES

TOLERANCE_S = 300
Record = dict[str, Any]


class Refused(Exception):
    """A business answer: code and the city's words."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class SoapCity(Simulator):
    def __init__(self, books: Books, sid: str, appsecret: str) -> None:
        super().__init__(books, Control(REST, PLANS))
        self._sid, self._appsecret = sid, appsecret.encode()

    @abstractmethod
    def operation(self, name: str) -> Callable[[Record], Record]:
        """What answers it: RECORD in, DATA out. Raises BadRequest for one there is not."""

    @abstractmethod
    def accept(self, asked: soap.Asked, record: Record, sha256: str) -> web.Response:
        """Books an application, a supplement or a withdrawal, and answers. Raises Refused."""

    def pages(self) -> list[web.RouteDef]:
        return [web.post("/services/kctb", self._call), web.get("/services/kctb", self._wsdl)]

    async def _wsdl(self, request: web.Request) -> web.Response:
        text = soap.wsdl(NAMESPACE, OPERATIONS, str(request.url.with_query(None)))
        return web.Response(body=text, content_type="text/xml", charset="utf-8")

    async def _call(self, request: web.Request) -> web.Response:
        body = await request.read()
        version = "1.2" if request.content_type == soap.CONTENT_TYPES["1.2"] else "1.1"
        try:
            asked = soap.read(body, request.content_type, request.charset, _action(request), NAMESPACE)
            if objection := self._objection({**asked.header, **request.headers}):
                return web.Response(text=objection, status=401)
            return await self._answered(request, asked, body)
        except soap.BadRequest as error:
            fault = soap.fault(version, caller=True, text=str(error))
            return reply(version, fault, status=500 if version == "1.1" else 400)

    async def _answered(self, request: web.Request, asked: soap.Asked, body: bytes) -> web.Response:
        try:
            record = record_in(soap.package(asked.xml, ("CLXX",)))
            if asked.operation in SHAPES:
                return await self._take(request, asked, record, body)
            return self.answer(asked, "0", "成功", self.operation(asked.operation)(record))
        except Refused as refused:
            return self.answer(asked, refused.code, str(refused))

    def _objection(self, headers: dict[str, str]) -> str | None:
        names = ("rid", "sid", "rtime", "sign")
        rid, sid, rtime, sign = (headers.get(f"gjgxjhpt_{name}", "") for name in names)
        now = clock.now() + self.settings.skew_s
        if not rid or sid != self._sid:
            return "rid 或 sid 无效"
        if not (rtime.isdecimal() and rtime.isascii()) or abs(int(rtime) / 1000 - now) > TOLERANCE_S:
            return "rtime 超出允许范围"
        mac = hmac.digest(self._appsecret, f"{sid}{rid}{rtime}".encode(), hashlib.sha256)
        return None if hmac.compare_digest(base64.b64encode(mac), sign.encode()) else "签名错误"

    async def _take(self, request: web.Request, asked: soap.Asked, record: dict[str, Any], body: bytes) -> web.Response:
        sha256 = digest(body)
        if asked.operation == "apply":
            self._look_at(record, sha256)
        if found := shapes.wrong(SHAPES[asked.operation], record):
            raise soap.BadRequest(f"报文格式不正确: {found}")
        if fault := self.control.fault_before_booking(record.values()):
            return self._answer_fault(request, asked, fault)
        settings = self.settings
        if settings.slow_before_s:
            await asyncio.sleep(settings.slow_before_s)
        answer = self.accept(asked, record, sha256)
        if settings.slow_after_s:
            await asyncio.sleep(settings.slow_after_s)
        later = self.control.fault_after_booking()
        return self._answer_fault(request, asked, later) if later else answer

    def _look_at(self, record: Record, sha256: str) -> None:
        self.books.deliver(str(record.get("YWLSH", "")), sha256)
        for name, code in MISSING.items():
            if not record.get(name):
                raise Refused(code, f"{name}为空")

    def _answer_fault(self, request: web.Request, asked: soap.Asked, fault: Fault) -> web.Response:
        headers = self.settings.retry_after()
        if fault is Fault.CUT:
            return cut(request)
        if fault is Fault.FAIL and self.settings.fail_status == 500:
            return reply(asked.version, soap.fault(asked.version, caller=False, text="系统错误"), status=500)
        if fault is Fault.FAIL:
            return web.Response(text="系统错误", status=self.settings.fail_status, headers=headers)
        if fault is Fault.LATER:
            return self.answer(asked, "-98", "请稍后再试", headers=headers)
        return self.answer(asked, "-50", "不符合申报条件")

    def answer(
        self,
        asked: soap.Asked,
        code: str,
        text: str,
        data: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> web.Response:
        head = {"BBH": "1.0", "YWXTBH": "KCTB", "FSSJ": self.told(clock.now()), "CWDM": code, "CWMS": text}
        xml = soap.element("PACKAGE", {"PACKAGEHEAD": head, "DATA": data or {}})
        body = soap.answer(asked, NAMESPACE, f'<?xml version="1.0" encoding="GB18030"?>\n{xml}')
        return reply(asked.version, body, charset=asked.charset, headers=headers)

    def told(self, at: float) -> str:
        """A true time as this city's clock shows it."""
        return clock.text(at + self.settings.skew_s)


def _action(request: web.Request) -> str | None:
    """The action: a header in SOAP 1.1, a parameter of the content type in 1.2."""
    found = re.search(r'action="([^"]*)"', request.headers.get("Content-Type", ""))
    return found[1] if found else request.headers.get("SOAPAction")


def record_in(given: Any) -> Record:
    if not isinstance(given, dict) or not isinstance(head := given.get("PACKAGEHEAD"), dict):
        raise soap.BadRequest("缺少PACKAGEHEAD")
    if not head.get("YWXTBH"):
        raise Refused("-901", "业务系统编号为空")
    if not shapes.TIME.fullmatch(head.get("FSSJ", "")) or not head.get("FSDW_SJGSDWDM"):
        raise soap.BadRequest("报文头不完整")
    data = given.get("DATA") or {}
    return data.get("RECORD") or {}


def reply(
    version: str,
    body: bytes,
    *,
    status: int = 200,
    charset: str = "utf-8",
    headers: dict[str, str] | None = None,
) -> web.Response:
    kind = {"Content-Type": f"{soap.CONTENT_TYPES[version]}; charset={charset}", **(headers or {})}
    return web.Response(body=body, status=status, headers=kind)
