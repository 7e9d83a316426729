"""演示办件: invented people and what they apply for. ID numbers are of birth year 1899: nobody alive has one."""

from typing import Any

from gateway.clock import now
from schemas.agreement import Mode
from schemas.service_item import ServiceItem
from schemas.service_item_codes import Necessity

_PEOPLE = (
    ("陈𠮷安", "445202189901010014"),
    ("林㐂", "445224189907060061"),
    ("黄演示", "445281189908090083"),
    ("吴样例", "445202189901020079"),
)


def application(
    item: ServiceItem, mode: Mode, *, collecting_city: str, file_ids: list[str], number: int
) -> dict[str, Any]:
    """A complete application for `item`; every required material carries `file_ids`."""
    at = now().isoformat(timespec="seconds")
    name, document_number = _PEOPLE[number % len(_PEOPLE)]
    body: dict[str, Any] = {
        "item_code": item.item_code,
        "mode": mode.value,
        "applicant_division": collecting_city,
        "collecting_city": collecting_city,
        "deciding_city": item.city,
        "applicant": _applicant(item, name, document_number),
        "consent": {"at": at, "text_version": "演示同意书 v1"},
        "form": {"account": f"DEMO{number:06d}", "remark": "演示数据"},
        "materials": [
            {"material_code": required.material_code, "files": file_ids}
            for required in item.materials
            if required.necessity is Necessity.REQUIRED
        ],
    }
    if mode is Mode.COLLECT:
        body["identity_check"] = {"method": "card_reader", "by": "窗口 A01", "by_city": collecting_city, "at": at}
    return body


def _applicant(item: ServiceItem, name: str, document_number: str) -> dict[str, Any]:
    if item.served and "1" not in {group.value for group in item.served}:
        return {
            "kind": "organisation",
            "name": "演示（虚构）有限公司",
            "credit_code": "91445200MA0000001D",
            "phone": "0663-0000000",
        }
    return {"kind": "person", "name": name, "document_number": document_number, "phone": "0663-0000000"}


def pdf(text: str) -> bytes:
    """A small file that is a PDF by its first and last bytes, unique by `text`."""
    body = f"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\n% {text}\n"
    return (body + "% " + "demo " * 200 + "\ntrailer<</Root 1 0 R>>\n%%EOF\n").encode()
