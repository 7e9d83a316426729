"""SOAP操作: what a profile may say about calling a city over SOAP with an XML text in one parameter; data only."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints

from adapters.operations import (
    Answers,
    Expression,
    ListingMap,
    MutualTls,
    Pages,
    QueryAnswer,
    SubmitAnswer,
    Tree,
    UploadAnswer,
)
from schemas.model import Model

XmlName = Annotated[str, StringConstraints(pattern=r"^[^\W\d][\w.\-]{0,99}$")]
"""XML名: without a prefix."""
QualifiedName = Annotated[str, StringConstraints(pattern=r"^(\{[^{}\s]{1,300}\})?[^\W\d][\w.\-]{0,99}$")]
"""限定名: a name, or {namespace}name."""
Encoding = Literal["UTF-8", "GB18030", "GBK", "GB2312"]
"""字符编码; what GBK or GB2312 cannot write goes out as a character reference."""


class SoapXml(Model):
    """XML写法 of requests, and what is taken as an answer."""

    envelope: Encoding = "UTF-8"
    """How the envelope is sent."""
    declared: Encoding = "UTF-8"
    """What the XML text inside the parameter declares of itself."""
    lists: tuple[XmlName, ...] = ()
    """Elements that are a list even when there is one."""
    max_answer_bytes: Annotated[int, Field(ge=4096, le=64 * 1024**2)] = 8 * 1024**2
    max_depth: Annotated[int, Field(ge=4, le=100)] = 32


class SoapCall(Model):
    """SOAP调用: an operation of the WSDL and the XML it is given."""

    operation: XmlName
    package: Tree
    """The XML text: one key, the root; `@name` is an attribute, a list repeated elements, null an empty element."""
    arguments: dict[XmlName, Expression] = Field(default_factory=dict)
    """The operation's other string parameters."""
    answers: Answers | None = None
    """What the code in its answer means, where that differs from the other operations."""


class SoapUpload(UploadAnswer, SoapCall):
    """文件上传: before the application, one call per file; input has `file` and `content`, its base64."""


class SoapSubmit(SubmitAnswer, SoapCall):
    """申报、补正、撤回; each material with a file has `content`, its base64, where files go in the record."""


class SoapQuery(QueryAnswer, SoapCall):
    """查重: whether the partner has a message."""


class SoapProgress(Pages, SoapCall):
    """进度轮询."""


class SoapListing(SoapCall):
    """对账清单: the cases of one day; input is `day`, `day_compact`, `begins`, `ends`, `cursor` and `limit`."""

    rows: Expression
    next: Expression | None = None
    """The next page's cursor; absent = everything in one answer."""
    start: str = "0"
    limit: Annotated[int, Field(ge=1, le=1000)] = 200
    case: ListingMap


class SoapDownload(SoapCall):
    """结果文件: input is `reference` and, for a city that gives parts, `offset` and `part_bytes`."""

    content: Expression
    """Base64."""
    part_bytes: Annotated[int, Field(ge=1024, le=16 * 1024**2)] | None = None
    """Absent = the whole file in one answer, which `xml.max_answer_bytes` must have room for."""


class SoapOperations(Model):
    """SOAP接口."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s/?#]+(/[^\s#]*)?$")]
    """The address; the one in the WSDL is not used."""
    tls: MutualTls | None = None
    wsdl: Annotated[str, StringConstraints(pattern=r"^[^\s:\\]+\.wsdl$")]
    """File beside the profile; nothing is fetched."""
    version: Literal["1.1", "1.2"]
    binding: QualifiedName | None = None
    """Needed only where the WSDL has several bindings of this version."""
    parameter: XmlName
    """The string parameter, the same in every operation, that carries the XML text."""
    answer_parameter: XmlName | None = None
    """Needed only where an answer has several parts."""
    auth_header: QualifiedName | None = None
    """The SOAP header that carries the signature as child elements; absent = HTTP headers."""
    server_fault: Literal["unclear", "later"] = "unclear"
    """What a Server (1.1) or Receiver (1.2) fault means: may have been booked, or surely was not."""
    xml: SoapXml = SoapXml()
    answers: Answers
    upload: SoapUpload | None = None
    submit: SoapSubmit
    supplement: SoapSubmit | None = None
    """补正: files go as they do with an application."""
    withdraw: SoapSubmit | None = None
    """撤回."""
    query: SoapQuery | None = None
    progress: SoapProgress | None = None
    listing: SoapListing | None = None
    """对账."""
    download: SoapDownload | None = None
    ping: SoapCall | None = None

    def beside(self, profile: Path) -> Self:
        """The same with the WSDL's whole path."""
        return self.model_copy(update={"wsdl": str(profile.parent / self.wsdl)})
