"""公布的数据模式: JSON Schema (draft 2020-12) of every model cities exchange, made from the models themselves."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import orjson
from pydantic import BaseModel

from schemas.agreement import Agreement
from schemas.application import Application, Receipt, StoredFile, Submitted
from schemas.city import City
from schemas.differences import Differences
from schemas.duty_sheet import DutySheet
from schemas.finding import Finding
from schemas.identifiers import CaseNumberFormat, TaskCodeShape
from schemas.licence import LicenceType
from schemas.licence_check import CheckMany, CheckOne, Verification
from schemas.message import Acknowledgement, Event, FollowUp, ListedCase, OutboundMessage, ProgressReport
from schemas.peer import GatewayDescription, MessageAnswer
from schemas.reconciliation import CaseDigest
from schemas.service_item import ServiceItem

DRAFT = "https://json-schema.org/draft/2020-12/schema"
MODELS: Mapping[str, type[BaseModel]] = MappingProxyType(
    {
        "acknowledgement": Acknowledgement,
        "agreement": Agreement,
        "application": Application,
        "case_digest": CaseDigest,
        "case_number_format": CaseNumberFormat,
        "city": City,
        "differences": Differences,
        "duty_sheet": DutySheet,
        "event": Event,
        "finding": Finding,
        "follow_up": FollowUp,
        "gateway_description": GatewayDescription,
        "licence_check": CheckOne,
        "licence_checks": CheckMany,
        "licence_type": LicenceType,
        "listed_case": ListedCase,
        "message_answer": MessageAnswer,
        "outbound_message": OutboundMessage,
        "progress_report": ProgressReport,
        "receipt": Receipt,
        "service_item": ServiceItem,
        "stored_file": StoredFile,
        "submitted": Submitted,
        "task_code_shape": TaskCodeShape,
        "verification": Verification,
    }
)
"""By the name it is published under; parts of a model are in its `$defs`."""


@cache
def schema_bytes(name: str) -> bytes:
    """The document `<name>.schema.json`. Raises KeyError for a name that is not in MODELS."""
    schema: dict[str, Any] = MODELS[name].model_json_schema()
    schema |= {"$schema": DRAFT, "$id": f"{name}.schema.json"}
    return orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"


@cache
def index_bytes() -> bytes:
    """What there is: name, address relative to the index, and the model's first sentence."""
    data = [
        {"name": name, "href": f"{name}.schema.json", "description": (model.__doc__ or "").split("\n")[0]}
        for name, model in MODELS.items()
    ]
    return orjson.dumps({"data": data, "next": None}, option=orjson.OPT_INDENT_2) + b"\n"
