"""SOAP应答: the envelope of an answer as the WSDL of the profile describes it."""

from typing import Any

from lxml import etree

from adapters.soap_definition import SoapDefinition
from adapters.soap_operations import SoapOperations
from schemas.errors import Invalid

NAMESPACES = {
    "1.1": "http://schemas.xmlsoap.org/soap/envelope/",
    "1.2": "http://www.w3.org/2003/05/soap-envelope",
}
CONTENT_TYPES = {"1.1": "text/xml", "1.2": "application/soap+xml"}


class AnsweringDefinition(SoapDefinition):
    """接口定义, for the side that answers."""

    def __init__(self, soap: SoapOperations) -> None:
        super().__init__(soap)
        self._parameter, self._version = soap.answer_parameter, soap.version

    def answer(self, operation: str, text: str) -> bytes:
        """The envelope with an XML text in the operation's answer."""
        body = self._binding.get(operation).output.body
        element = etree.Element(body.qname)
        parts = list(getattr(body.type, "elements", ()))
        if not parts:
            element.text = text
            return self._enveloped(element)
        named = [one for name, one in parts if self._parameter in (None, name)]
        if len(named) != 1:
            raise Invalid(
                "The answer has several parts: the profile must name answer_parameter.",
                "应答有多个部分：配置须写answer_parameter。",
            )
        etree.SubElement(element, named[0].qname).text = text
        return self._enveloped(element)

    def fault(self, *, caller: bool, text: str) -> bytes:
        """A SOAP fault."""
        namespace = NAMESPACES[self._version]
        fault = etree.Element(f"{{{namespace}}}Fault")
        if self._version == "1.1":
            etree.SubElement(fault, "faultcode").text = "e:Client" if caller else "e:Server"
            etree.SubElement(fault, "faultstring").text = text
        else:
            code = etree.SubElement(fault, f"{{{namespace}}}Code")
            etree.SubElement(code, f"{{{namespace}}}Value").text = "e:Sender" if caller else "e:Receiver"
        return self._enveloped(fault)

    def _enveloped(self, element: Any) -> bytes:
        namespace = NAMESPACES[self._version]
        envelope = etree.Element(f"{{{namespace}}}Envelope", nsmap={"e": namespace})
        etree.SubElement(envelope, f"{{{namespace}}}Body").append(element)
        text: str = etree.tostring(envelope, encoding="unicode")
        return f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode()
