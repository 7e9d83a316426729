"""编译后的SOAP操作: what a SOAP profile says, with every expression compiled."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.calls import AnswerParts
from adapters.dialect import Compiler, Place
from adapters.expression_functions import Unmappable
from adapters.expressions import Evaluate
from adapters.judging import compiled_judge
from adapters.listing import Listing
from adapters.operations import ReportMap
from adapters.soap_operations import SoapCall, SoapOperations, SoapSubmit
from adapters.xml_writing import check_package, written


class SoapRequest:
    """SOAP请求: an operation and what it is given. Raises DialectError."""

    def __init__(self, soap: SoapOperations, call: SoapCall, compiler: Compiler, place: Place) -> None:
        check_package(call.package, (*place, "package"), soap.xml.declared)
        self.operation, self.place = call.operation, place
        self.package = compiler.tree(call.package, (*place, "package"))
        self._arguments = compiler.expressions(call.arguments, (*place, "arguments"))
        self._parameter, self._declared = soap.parameter, soap.xml.declared
        self.judge = compiled_judge(call.answers or soap.answers, None, compiler, place if call.answers else ("soap",))

    def arguments(self, words: Mapping[str, Any]) -> dict[str, str]:
        """Parameter → text, the XML text among them. Raises Unmappable."""
        given = {name: _text(value(words)) for name, value in self._arguments.items()}
        return {**given, self._parameter: written(self.package(words), self._declared)}

    def parameters(self) -> list[str]:
        """The names of the parameters it gives."""
        return [*self._arguments, self._parameter]


def _text(value: Any) -> str:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise Unmappable("a parameter of the operation is not a text", "操作的参数不是文本")
    return str(value)


@dataclass(frozen=True, slots=True)
class SoapFollowUp:
    """后续操作: a supplement or a withdrawal, and where its answer says what."""

    request: SoapRequest
    case_number: Evaluate
    partner_reference: Evaluate


class SoapCalls(AnswerParts):
    """SOAP操作; `reports` are the profile's, whose codes a listing may share. Raises DialectError."""

    def __init__(self, soap: SoapOperations, compiler: Compiler, reports: Mapping[str, ReportMap]) -> None:
        super().__init__(soap, compiler, "soap")
        self._soap, self._compiler = soap, compiler

        def request(name: str) -> SoapRequest | None:
            call: SoapCall | None = getattr(soap, name)
            return None if call is None else SoapRequest(soap, call, compiler, ("soap", name))

        self.submit = SoapRequest(soap, soap.submit, compiler, ("soap", "submit"))
        self.upload, self.query, self.progress = request("upload"), request("query"), request("progress")
        self.download = request("download")
        self.content = compiler.optional(getattr(soap.download, "content", None), ("soap", "download", "content"))
        self.ping = request("ping")
        self.supplement, self.withdraw = self._follow_up("supplement"), self._follow_up("withdraw")
        self.listing = request("listing")
        self.listing_rows = compiler.optional(getattr(soap.listing, "rows", None), ("soap", "listing", "rows"))
        self.listing_next = compiler.optional(getattr(soap.listing, "next", None), ("soap", "listing", "next"))
        self.listed = (
            None if soap.listing is None else Listing(soap.listing.case, reports, compiler, ("soap", "listing", "case"))
        )

    def requests(self) -> list[SoapRequest]:
        """Every operation the profile uses."""
        all_of_them = (self.submit, self.upload, self.query, self.progress, self.download, self.ping, self.listing)
        followed = [one.request for one in (self.supplement, self.withdraw) if one is not None]
        return [*(one for one in all_of_them if one is not None), *followed]

    def _follow_up(self, name: str) -> SoapFollowUp | None:
        call: SoapSubmit | None = getattr(self._soap, name)
        if call is None:
            return None
        place: Place = ("soap", name)
        return SoapFollowUp(
            SoapRequest(self._soap, call, self._compiler, place),
            self._compiler.optional(call.case_number, (*place, "case_number")),
            self._compiler.optional(call.partner_reference, (*place, "partner_reference")),
        )
