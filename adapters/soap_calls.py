"""编译后的SOAP操作: what a SOAP profile says, with every expression compiled."""

from collections.abc import Mapping
from typing import Any

from adapters.calls import compiled_answers
from adapters.dialect import Compiler, Place
from adapters.expression_functions import Unmappable
from adapters.expressions import Evaluate
from adapters.soap_operations import SoapCall, SoapOperations
from adapters.xml_writing import check_package, written


class SoapRequest:
    """SOAP请求: an operation and what it is given. Raises DialectError."""

    def __init__(self, soap: SoapOperations, call: SoapCall, compiler: Compiler, place: Place) -> None:
        check_package(call.package, (*place, "package"), soap.xml.declared)
        self.operation, self.place = call.operation, place
        self.package = compiler.tree(call.package, (*place, "package"))
        self._arguments = compiler.expressions(call.arguments, (*place, "arguments"))
        self._parameter, self._declared = soap.parameter, soap.xml.declared

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


class SoapCalls:
    """SOAP操作. Raises DialectError."""

    def __init__(self, soap: SoapOperations, compiler: Compiler) -> None:
        self.answers = compiled_answers(soap.answers, compiler, ("soap", "answers"))

        def request(name: str) -> SoapRequest | None:
            call: SoapCall | None = getattr(soap, name)
            return None if call is None else SoapRequest(soap, call, compiler, ("soap", name))

        def part(name: str, field: str) -> Evaluate:
            return compiler.optional(getattr(getattr(soap, name), field, None), ("soap", name, field))

        self.submit = SoapRequest(soap, soap.submit, compiler, ("soap", "submit"))
        self.case_number, self.partner_reference = part("submit", "case_number"), part("submit", "partner_reference")
        self.upload = request("upload")
        self.upload_reference, self.upload_sha256 = part("upload", "reference"), part("upload", "sha256")
        self.query, self.query_case_number = request("query"), part("query", "case_number")
        self.progress = request("progress")
        self.progress_rows, self.progress_next = part("progress", "rows"), part("progress", "next")
        self.download, self.content = request("download"), part("download", "content")
        self.ping = request("ping")

    def requests(self) -> list[SoapRequest]:
        """Every operation the profile uses."""
        all_of_them = (self.submit, self.upload, self.query, self.progress, self.download, self.ping)
        return [one for one in all_of_them if one is not None]
