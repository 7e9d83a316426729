"""编译后的REST操作: every call of a REST section with its expressions compiled and its steps in their order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.calls import AnswerParts, Target
from adapters.contract import FileSource
from adapters.dialect import Compiler, Place
from adapters.expression_functions import Unmappable
from adapters.expressions import is_false
from adapters.judging import Judge, compiled_judge
from adapters.kept import StepOrder
from adapters.listing import Listing
from adapters.operations import ReportMap
from adapters.paging import Pager
from adapters.request_body import Attached, Content, Request
from adapters.rest_operations import Call, ListingCall, Operation, RestOperations, Step, UploadCall


class RestCall:
    """一次调用, compiled. Raises DialectError."""

    def __init__(self, rest: RestOperations, call: Call, compiler: Compiler, place: Place, judge: Judge) -> None:
        self._target = Target(rest.url, call, compiler, place)
        self._method = call.method or ("POST" if call.carries_a_body() else "GET")
        self._headers = compiler.expressions(call.headers, (*place, "headers"))
        self.content = Content(call, compiler, place, rest.charset)
        own = call.answers is not None or call.outcomes is not None
        self.judge = compiled_judge(call.answers, call.outcomes, compiler, place) if own else judge
        self.case_number = compiler.optional(getattr(call, "case_number", None), (*place, "case_number"))
        self.partner_reference = compiler.optional(
            getattr(call, "partner_reference", None), (*place, "partner_reference")
        )

    def request(self, words: Mapping[str, Any], attached: Attached = (), files: FileSource | None = None) -> Request:
        """Raises Unmappable where a part of it is missing or cannot be written."""
        headers, body = self.content.of(words, attached, files)
        for name, part in self._headers.items():
            if (value := part(words)) is not None:
                headers = {other: text for other, text in headers.items() if other.lower() != name.lower()}
                headers[name] = _header(value)
        return Request(self._method, self._target.url(words), headers, body)


def _header(value: Any) -> str:
    text = str(value)
    if not (text.isascii() and text.isprintable()):
        raise Unmappable("a header is not plain ASCII", "请求头含有非ASCII字符")
    return text


class RestStep(RestCall):
    """前置步骤 or 上传, compiled: `keeps` are name, Expression and whether it may be missing. Raises DialectError."""

    def __init__(
        self, rest: RestOperations, step: Step | UploadCall, compiler: Compiler, place: Place, judge: Judge
    ) -> None:
        super().__init__(rest, step, compiler, place, judge)
        self._when = None if step.when is None else compiler.expression(step.when, (*place, "when"))
        self.each = step.each if isinstance(step, Step) else "files"
        self.keeps = [
            (name.removesuffix("?"), compiler.expression(text, (*place, "keeps", name)), name.endswith("?"))
            for name, text in (step.keeps if isinstance(step, Step) else {}).items()
        ]

    def applies(self, words: Mapping[str, Any]) -> bool:
        """Whether it is made at all, for one file or material where it is made for each."""
        return self._when is None or not is_false(self._when(words))


@dataclass(frozen=True, slots=True)
class RestOperation:
    """操作, compiled: a call and the steps made before it."""

    call: RestCall
    first: tuple[RestStep, ...]


class RestCalls(AnswerParts):
    """REST操作; `reports` are the profile's, whose codes a listing may share. Raises DialectError."""

    def __init__(self, rest: RestOperations, compiler: Compiler, reports: Mapping[str, ReportMap]) -> None:
        super().__init__(rest, compiler, "rest")
        self._rest, self._compiler = rest, compiler
        self._order = StepOrder(rest)
        self._steps = {
            name: RestStep(rest, step, compiler, ("rest", "steps", name), self.answers)
            for name, step in rest.steps.items()
        }
        upload = rest.upload
        self.upload = None if upload is None else RestStep(rest, upload, compiler, ("rest", "upload"), self.answers)
        self.submit = self.operation("submit", rest.submit)
        self.supplement, self.withdraw = self._optional("supplement"), self._optional("withdraw")
        self.query, self.progress = self._optional("query"), self._optional("progress")
        self.download, self.ping = self._optional("download"), self._optional("ping")
        self.pager = None if rest.progress is None else Pager(rest.progress)
        self.listing = None if rest.listing is None else RestListing(self, rest.listing, compiler, reports)
        self._order.check_used()

    def submit_body(self, words: Mapping[str, Any]) -> Any:
        """What is said in an application. Raises Unmappable."""
        return self.submit.call.content.tree(words)

    def _optional(self, name: str) -> RestOperation | None:
        call: Operation | None = getattr(self._rest, name)
        return None if call is None else self.operation(name, call)

    def operation(self, name: str, call: Operation) -> RestOperation:
        """One of the section's, with its steps. Raises DialectError."""
        self._order.check(name, call)
        compiled = RestCall(self._rest, call, self._compiler, ("rest", name), self.answers)
        return RestOperation(compiled, tuple(self._steps[step] for step in call.first))


class RestListing:
    """对账清单, compiled. Raises DialectError."""

    def __init__(
        self, calls: RestCalls, listing: ListingCall, compiler: Compiler, reports: Mapping[str, ReportMap]
    ) -> None:
        self.operation = calls.operation("listing", listing)
        self.pager = Pager(listing)
        self.rows = compiler.expression(listing.rows, ("rest", "listing", "rows"))
        self.next = compiler.optional(listing.next, ("rest", "listing", "next"))
        self.case = Listing(listing.case, reports, compiler, ("rest", "listing", "case"))
