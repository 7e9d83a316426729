"""SOAP 1.1 and 1.2 by hand: envelopes read and written, a WSDL, XML as plain objects."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from lxml import etree

VERSIONS = {
    "1.1": "http://schemas.xmlsoap.org/soap/envelope/",
    "1.2": "http://www.w3.org/2003/05/soap-envelope",
}
CONTENT_TYPES = {"1.1": "text/xml", "1.2": "application/soap+xml"}
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*?(?:encoding\s*=\s*[\"']([\w.-]+)[\"'])?[^>]*\?>")


class BadRequest(Exception):
    """The caller's fault, told as a SOAP fault."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One call: `header` are the texts of the SOAP header's elements, `xml` the text in the parameter."""

    version: str
    charset: str
    operation: str
    header: dict[str, str]
    xml: str


def read(body: bytes, content_type: str, charset: str | None, action: str | None, namespace: str) -> Asked:
    charset = charset or "utf-8"
    try:
        root = _tree(body.decode(charset))
    except (UnicodeDecodeError, LookupError, etree.XMLSyntaxError) as error:
        raise BadRequest("不是XML") from error
    version = next((one for one, uri in VERSIONS.items() if root.tag == f"{{{uri}}}Envelope"), None)
    if version is None or content_type != CONTENT_TYPES[version]:
        raise BadRequest("SOAP版本与Content-Type不符")
    call = root.find(f"{{{VERSIONS[version]}}}Body/*")
    parameter = None if call is None else call.find("xmlParam")
    if call is None or parameter is None or etree.QName(call).namespace != namespace:
        raise BadRequest("没有操作或参数")
    operation = etree.QName(call).localname
    if (action or "").strip('"') != f"{namespace}#{operation}":
        raise BadRequest("SOAPAction不符")
    header = {etree.QName(one).localname: one.text or "" for one in root.iterfind("{*}Header/*/*")}
    return Asked(version, charset, operation, header, parameter.text or "")


def _tree(text: str) -> Any:
    parser = etree.XMLParser(encoding="utf-8", resolve_entities=False, no_network=True, huge_tree=True)
    return etree.fromstring(_DECLARATION.sub("", text).encode(), parser)


def package(xml: str, lists: Collection[str]) -> Any:
    """The XML text as an object. Its declared encoding must be able to hold it, as for a city that stores it so."""
    found = _DECLARATION.match(xml)
    try:
        xml.encode(found[1] if found and found[1] else "utf-8")
        return _plain(_tree(xml), lists)
    except (UnicodeEncodeError, LookupError, etree.XMLSyntaxError) as error:
        raise BadRequest("报文不是XML，或与其编码声明不符") from error


def _plain(element: Any, lists: Collection[str]) -> Any:
    if not len(element):
        return element.text or ""
    made: dict[str, Any] = {}
    for child in element:
        if child.tag in lists:
            made.setdefault(child.tag, []).append(_plain(child, lists))
        else:
            made[child.tag] = _plain(child, lists)
    return made


class Written(str):
    """XML that is written already, put where a value may stand."""

    __slots__ = ()


def element(name: str, value: Any) -> str:
    if isinstance(value, Written):
        return value
    if isinstance(value, list):
        return "".join(element(name, one) for one in value)
    if isinstance(value, dict):
        value = "".join(element(inner, part) for inner, part in value.items())
    else:
        value = "" if value is None else escape(str(value))
    return f"<{name}>{value}</{name}>"


def answer(asked: Asked, namespace: str, xml: str) -> bytes:
    inner = f"<return>{escape(xml)}</return>"
    body = f'<m:{asked.operation}Response xmlns:m="{namespace}">{inner}</m:{asked.operation}Response>'
    return _envelope(asked.version, asked.charset, body)


def fault(version: str, *, caller: bool, text: str) -> bytes:
    if version == "1.1":
        code = "Client" if caller else "Server"
        body = f"<e:Fault><faultcode>e:{code}</faultcode><faultstring>{escape(text)}</faultstring></e:Fault>"
    else:
        code = "Sender" if caller else "Receiver"
        reason = f'<e:Text xml:lang="zh">{escape(text)}</e:Text>'
        body = f"<e:Fault><e:Code><e:Value>e:{code}</e:Value></e:Code><e:Reason>{reason}</e:Reason></e:Fault>"
    return _envelope(version, "utf-8", body)


def _envelope(version: str, charset: str, body: str) -> bytes:
    text = f'<e:Envelope xmlns:e="{VERSIONS[version]}"><e:Body>{body}</e:Body></e:Envelope>'
    return f'<?xml version="1.0" encoding="{charset}"?>\n{text}'.encode(charset)


def wsdl(namespace: str, operations: Sequence[str], url: str) -> bytes:
    """Both versions; one string in, one string out for each operation."""
    elements = "".join(
        f'<x:element name="{name}"><x:complexType><x:sequence><x:element name="{part}" type="x:string"/>'
        f"</x:sequence></x:complexType></x:element>"
        for operation in operations
        for name, part in ((operation, "xmlParam"), (f"{operation}Response", "return"))
    )
    messages = "".join(
        f'<w:message name="{name}"><w:part name="parameters" element="t:{name}"/></w:message>'
        for operation in operations
        for name in (operation, f"{operation}Response")
    )
    port = "".join(
        f'<w:operation name="{one}"><w:input message="t:{one}"/><w:output message="t:{one}Response"/></w:operation>'
        for one in operations
    )
    prefixes = {"1.1": "http://schemas.xmlsoap.org/wsdl/soap/", "1.2": "http://schemas.xmlsoap.org/wsdl/soap12/"}
    bindings, ports = "", ""
    for version, uri in prefixes.items():
        name = f"Soap{version.replace('.', '')}"
        bound = "".join(
            f'<w:operation name="{one}"><s:operation soapAction="{namespace}#{one}"/>'
            f'<w:input><s:body use="literal"/></w:input><w:output><s:body use="literal"/></w:output></w:operation>'
            for one in operations
        )
        over = '<s:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>'
        bindings += f'<w:binding name="{name}" type="t:Port" xmlns:s="{uri}">{over}{bound}</w:binding>'
        address = f'<s:address xmlns:s="{uri}" location="{url}"/>'
        ports += f'<w:port name="{name}" binding="t:{name}">{address}</w:port>'
    return (
        f'<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:x="http://www.w3.org/2001/XMLSchema"'
        f' xmlns:t="{namespace}" targetNamespace="{namespace}">'
        f'<w:types><x:schema targetNamespace="{namespace}">{elements}</x:schema></w:types>{messages}'
        f'<w:portType name="Port">{port}</w:portType>{bindings}'
        f'<w:service name="Kctb">{ports}</w:service></w:definitions>'
    ).encode()
