"""接口定义: the WSDL of one city as zeep understands it: envelopes out, the text of the answer back.

zeep reads the WSDL from the file beside the profile, without DTD, entities or network, and never reads what a partner
sends: that comes here as a tree that adapters/xml_reading.py has made safe.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import zeep.exceptions
from lxml import etree
from zeep.settings import Settings
from zeep.wsdl import Document
from zeep.wsdl.bindings import Soap11Binding, Soap12Binding

from adapters.dialect import DialectError
from adapters.soap_calls import SoapCalls
from adapters.soap_operations import SoapOperations
from adapters.xml_reading import XmlLimits, XmlRefused, decoded, parsed

_ENVELOPE_11 = "http://schemas.xmlsoap.org/soap/envelope/"
_ENVELOPE_12 = "http://www.w3.org/2003/05/soap-envelope"
_WSDL_LIMITS = XmlLimits(max_bytes=4 * 1024**2, max_depth=100)
_ZEEP_ERRORS = (
    *(zeep.exceptions.Error, XmlRefused, OSError),
    *(LookupError, TypeError, ValueError, AttributeError, NotImplementedError, AssertionError),
)
"""What zeep lets through for a document or a value that does not fit."""


class SoapDefinition:
    """One WSDL and the binding that is used. Raises DialectError where it cannot be."""

    def __init__(self, soap: SoapOperations) -> None:
        self._soap = soap
        self._namespace = _ENVELOPE_11 if soap.version == "1.1" else _ENVELOPE_12
        self._binding = _binding(_document(Path(soap.wsdl)), soap)

    def check(self, calls: SoapCalls) -> None:
        """Whether the WSDL has every operation and parameter the profile uses. Raises DialectError."""
        for request in calls.requests():
            try:
                self.envelope(request.operation, dict.fromkeys(request.parameters(), ""))
            except _ZEEP_ERRORS:
                raise DialectError(
                    (*request.place, "operation"),
                    "the WSDL has no such operation with these parameters",
                    "WSDL中没有带这些参数的该操作",
                ) from None

    def envelope(self, operation: str, arguments: Mapping[str, str], header: Any = None) -> Any:
        """The whole envelope; `header` is an element for its Header. What zeep raises is among _ZEEP_ERRORS."""
        headers = {} if header is None else {"_soapheaders": [header]}
        return self._binding.get(operation).create(**arguments, **headers).content

    def http_headers(self, operation: str, charset: str) -> dict[str, str]:
        """Content-Type and action as the version has them (SOAP 1.1 §6.1, SOAP 1.2 part 2 §7.1)."""
        action = self._binding.get(operation).soapaction or ""
        if self._soap.version == "1.1":
            return {"Content-Type": f"text/xml; charset={charset}", "SOAPAction": f'"{action}"'}
        return {"Content-Type": f'application/soap+xml; charset={charset}; action="{action}"'}

    def result(self, operation: str, envelope: Any) -> str:
        """The XML text in an answer. Raises XmlRefused for an answer of another shape."""
        if envelope.tag != f"{{{self._namespace}}}Envelope" or _body(envelope, self._namespace) is None:
            raise XmlRefused("no envelope of this SOAP version")
        try:
            _check_element(self._binding.get(operation), _body(envelope, self._namespace))
            result = self._binding.get(operation).process_reply(envelope)
            if self._soap.answer_parameter is not None:
                result = result[self._soap.answer_parameter]
        except _ZEEP_ERRORS:
            raise XmlRefused("not what the WSDL describes") from None
        if not isinstance(result, str):
            raise XmlRefused("no text in the answer")
        return result


def fault_code(envelope: Any) -> str | None:
    """The code of a SOAP fault of either version without its prefix, empty where it has none; None = no fault."""
    for namespace, path in ((_ENVELOPE_11, "faultcode"), (_ENVELOPE_12, f"{{{_ENVELOPE_12}}}Code/{{*}}Value")):
        body = _body(envelope, namespace)
        fault = None if body is None else body.find(f"{{{namespace}}}Fault")
        if fault is not None:
            return (fault.findtext(path) or "").strip().rpartition(":")[2]
    return None


def _body(envelope: Any, namespace: str) -> Any:
    return envelope.find(f"{{{namespace}}}Body")


def _check_element(operation: Any, body: Any) -> None:
    """The element is the operation's own: zeep takes any for the one the WSDL names."""
    wanted = operation.output.body.qname
    if operation.style == "document" and wanted != body.tag and (not len(body) or body[0].tag != wanted):
        raise XmlRefused("the answer of another operation")


class _Files:
    """What zeep loads by: the WSDL's own folder, nothing else."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def load(self, url: str) -> bytes:
        path = Path(url).resolve()
        if not path.is_relative_to(self._folder):
            raise XmlRefused("a document outside the folder of the WSDL")
        return bytes(etree.tostring(parsed(decoded(path.read_bytes()), _WSDL_LIMITS)))


def _document(path: Path) -> Any:
    settings = Settings(strict=True, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    files: Any = _Files(path.parent)
    try:
        return Document(str(path.resolve()), files, settings=settings)
    except _ZEEP_ERRORS:
        raise DialectError(
            ("soap", "wsdl"), "the file is not a WSDL that can be used here", "该文件不是可用的WSDL"
        ) from None


def _binding(document: Any, soap: SoapOperations) -> Any:
    kind = Soap11Binding if soap.version == "1.1" else Soap12Binding
    known = {str(name): one for name, one in document.bindings.items() if type(one) is kind}
    if soap.binding is not None:
        known = {name: one for name, one in known.items() if soap.binding in (name, name.rpartition("}")[2])}
    if len(known) != 1:
        raise DialectError(
            ("soap", "binding" if soap.binding else "version"),
            f"the WSDL has {len(known)} such bindings, not one",
            f"WSDL中有{len(known)}个这样的绑定，应为1个",
        )
    return next(iter(known.values()))
