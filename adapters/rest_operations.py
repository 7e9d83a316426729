"""REST操作: what a profile may say about calling a city over HTTP; data only, compiled in adapters/rest_calls.py."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from adapters.operations import (
    Answers,
    Expression,
    ListingMap,
    MutualTls,
    OutcomeRule,
    QueryAnswer,
    SubmitAnswer,
    Tree,
    UploadAnswer,
)
from adapters.paging_operations import Paging
from schemas.model import Model

Charset = Literal["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16"]
"""字符编码 of JSON and form bodies; utf-8-sig reads a byte-order mark and writes none."""
StepName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
_KeptName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,40}\??$")]
_HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection"})
_Outcomes = Annotated[tuple[OutcomeRule, ...], Field(min_length=1, max_length=50)]


class FilePart(Model):
    """文件部分 of a multipart body: Expressions over the input and `file`."""

    name: Expression
    """Of the form's field."""
    filename: Expression = "file.name"
    media_type: Expression = "file.media_type"


class Call(Model):
    """调用: where to, and what is sent; `{name}` or `{a.b}` in the path is a value of the input."""

    path: Annotated[str, StringConstraints(pattern=r"^/[^?#\s]*$")]
    query: dict[str, Expression] = Field(default_factory=dict)
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] | None = None
    """Absent = POST for what carries a body, else GET."""
    headers: dict[_HeaderName, Expression] = Field(default_factory=dict)
    """Beside the signature's; null leaves one out."""
    content: Literal["json", "form", "multipart", "raw"] = "json"
    """raw: the bytes of the file."""
    body: Tree | Expression | None = None
    """form, multipart: an object of texts and numbers; json_text() makes one of anything else."""
    file: FilePart | None = None
    """multipart: the file of a step with `each`, else one part for every file of the message."""
    answers: Answers | None = None
    outcomes: _Outcomes | None = None
    """This or `answers` where its answers mean something else than the rest of the interface."""

    @model_validator(mode="after")
    def _content_fits(self) -> Self:
        if self.file is not None and self.content != "multipart":
            raise ValueError("file仅用于multipart / file belongs to content: multipart")
        if self.content == "raw" and self.body is not None:
            raise ValueError("raw的正文就是文件，不写body / the body of content: raw is the file")
        if self.content in ("form", "multipart") and self.body is None and self.file is None:
            raise ValueError(f"{self.content}缺少body / {self.content} needs a body")
        if ours := sorted(name for name in self.headers if name.lower() in _OURS):
            raise ValueError(f"请求头{ours}由本网关给出 / the headers {ours} are ours to give")
        if self.answers is not None and self.outcomes is not None:
            raise ValueError("answers与outcomes只写一个 / answers or outcomes, not both")
        return self

    def carries_a_body(self) -> bool:
        """Whether anything is sent besides the address."""
        return self.body is not None or self.content in ("multipart", "raw")


class Step(Call):
    """前置步骤: a call made before another one; nothing is booked by it, so it may be repeated."""

    each: Literal["files", "materials"] | None = None
    """Once for each file (input has `file`) or material (`material`, and `file` where it has one)."""
    when: Expression | None = None
    """Made only if this holds."""
    keeps: dict[_KeptName, Expression] = Field(default_factory=dict)
    """Name → Expression over the answer; later calls see `kept.name`, or `file.kept.name`, `material.kept.name`.

    An answer without it is a matter for a person, unless the name ends in a question mark.
    """

    @model_validator(mode="after")
    def _has_a_file(self) -> Self:
        if self.each is None and (self.content == "raw" or self.file is not None):
            raise ValueError("发送文件的步骤须写each / a step that sends a file needs `each`")
        return self


class UploadCall(UploadAnswer, Call):
    """文件上传: after `first` of an operation, one call per file; the materials carry `uploaded` from then on."""

    content: Literal["json", "form", "multipart", "raw"] = "raw"
    when: Expression | None = None
    """A file for which this does not hold is not uploaded by itself."""


class Operation(Call):
    """操作: a call, and the steps made before it."""

    first: tuple[StepName, ...] = ()


class SubmitCall(SubmitAnswer, Operation):
    """申报、补正、撤回."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.carries_a_body() or self.content == "raw":
            raise ValueError("申报须有body / what is handed over needs a body")
        return self


class QueryCall(QueryAnswer, Operation):
    """查重: whether the partner has a message."""


class ProgressCall(Paging, Operation):
    """进度轮询."""


class ListingCall(Paging, Operation):
    """对账清单: the cases of one day; input is `day`, `day_compact`, `begins`, `ends` and what Paging gives."""

    case: ListingMap

    @model_validator(mode="after")
    def _is_of_one_day(self) -> Self:
        if self.window is not None:
            raise ValueError("对账清单按日查询，不写window / a listing is of one day: no window")
        return self


_Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?$")]


class RestOperations(Model):
    """REST接口."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$")]
    tls: MutualTls | None = None
    charset: Charset = "utf-8"
    """Of requests and answers; an answer that is not in it is unreadable."""
    answers: Answers | None = None
    outcomes: _Outcomes | None = None
    """Exactly one of the two: what every call's answers mean."""
    steps: dict[StepName, Step] = Field(default_factory=dict)
    """By name; an operation lists those it needs under `first`, in their order."""
    upload: UploadCall | None = None
    submit: SubmitCall
    supplement: SubmitCall | None = None
    """补正: files go as they do with an application."""
    withdraw: SubmitCall | None = None
    """撤回."""
    query: QueryCall | None = None
    progress: ProgressCall | None = None
    listing: ListingCall | None = None
    """对账."""
    download: Operation | None = None
    links: tuple[_Host, ...] | None = None
    """结果文件链接: a reference that is an http(s) address is fetched from these hosts and from the one of `url`.

    Without credentials elsewhere than at `url`. Absent = an address is no reference.
    """
    ping: Operation | None = None

    @model_validator(mode="after")
    def _answers_are_described_once(self) -> Self:
        if (self.answers is None) is (self.outcomes is None):
            raise ValueError("answers与outcomes应写且只写一个 / exactly one of answers and outcomes")
        return self
