"""申请办件: read what intake must know, decide the route, and prepare everything that will be written together."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from gateway.domain.access import Principal, require_submit
from gateway.domain.completeness import completeness
from gateway.domain.days import BEIJING, beijing_day
from gateway.domain.lifecycle import Stage
from gateway.domain.routing import Route, choose_route
from gateway.evidence.chain import Data, Link, Tail, link, milliseconds
from gateway.storage.cases import Case, event_values
from gateway.storage.catalogue import Catalogue
from gateway.storage.compression import pack
from gateway.storage.database import Database
from gateway.storage.intake import Intake
from gateway.storage.items import Head
from gateway.storage.outbox import Entry
from gateway.usecases.brought_files import brought_by
from gateway.usecases.parsing import parse
from gateway.usecases.window_warnings import WindowWarnings
from schemas.agreement import Mode
from schemas.application import Application, StoredFile
from schemas.application import Warning as Hint
from schemas.errors import MaterialsIncomplete
from schemas.message import MessageKind, OutboundFile, OutboundMessage, Step
from schemas.service_item import ServiceItem


@dataclass(frozen=True, slots=True)
class Prepared:
    """An application that may be taken: what to store, and what its message is built from once it is stored."""

    intake: Intake
    application: Application
    files: Mapping[str, StoredFile]
    item: ServiceItem
    warnings: tuple[Hint, ...] = ()

    def message(self) -> OutboundMessage:
        """The message to the deciding city, for a case that goes out."""
        entry = self.intake.outbox
        assert entry is not None  # noqa: S101 - asked for outbound cases only
        return outbound_message(self.application, self.intake.case, entry.message_id, self.files, self.item)


@dataclass(frozen=True, slots=True)
class IntakeContext:
    """What preparing an application needs besides the application."""

    own_city: str
    catalogue: Catalogue
    warnings: WindowWarnings
    owner: str | None
    """Who holds the outbox row from birth; None = whoever has room."""
    back_office: bool = False
    """Whether cases of our own city go to its business system (办件 by adapter) rather than to the console."""


async def prepare(
    db: Database,
    context: IntakeContext,
    who: Principal,
    raw: bytes,
    *,
    key: str,
    application_id: str,
    message_id: str,
    now: datetime,
) -> Prepared:
    """Check everything about an application; nothing is stored. Any RequestError says what is wrong."""
    application = parse(Application, raw)
    require_submit(who, application.collecting_city)
    today = beijing_day(now)
    offered = await context.catalogue.items.get(db, application.deciding_city, application.item_code, today)
    route = choose_route(
        application,
        own_city=context.own_city,
        item=None if offered is None else offered.item,
        agreements=context.catalogue.by_pair.get((application.collecting_city, application.deciding_city), ()),
        today=today,
    )
    assert offered is not None  # noqa: S101 - there is no route without an item
    problems = completeness(application, route.item, now=now)
    if problems:
        raise MaterialsIncomplete(
            f"{len(problems)} thing(s) are missing or out of place; see errors.",
            f"有 {len(problems)} 处缺项或不符，详见 errors。",
            errors=problems,
        )
    files = await brought_by(db, who.caller, [str(file_id) for file_id in application.file_ids()])
    body_sha256 = hashlib.sha256(raw).hexdigest()
    accepted_at_ms = milliseconds(now)
    case, links = _case(application, application_id, who, route, offered.head, accepted_at_ms, body_sha256)
    intake = Intake(
        key=key,
        body_sha256=body_sha256,
        case=case,
        packed_body=pack(raw),
        events=[event_values(event) for event in links],
        outbox=_entry(case, message_id, context.owner)
        if route.direction == "outbound" or context.back_office
        else None,
        files=[(application_id, "application", str(file), label) for file, label in _labelled(application)],
        accepted_at_ms=accepted_at_ms,
    )
    warnings = await context.warnings.get(db, application.collecting_city, offered, today)
    return Prepared(intake, application, files, route.item, warnings)


def _labelled(application: Application) -> list[tuple[UUID, str]]:
    """Each file with the material it belongs to; "" for authorisation, evidence and consent.

    One scan may serve several materials: it is then listed with each of them.
    """
    pairs = [(file, material.material_code) for material in application.materials for file in material.files]
    in_materials = {file for file, _ in pairs}
    pairs += [(file, "") for file in application.file_ids() if file not in in_materials]
    return list(dict.fromkeys(pairs))


def _case(
    application: Application,
    application_id: str,
    who: Principal,
    route: Route,
    head: Head,
    now_ms: int,
    body_sha256: str,
) -> tuple[Case, list[Link]]:
    item = route.item
    data: Data = {
        "agreement_id": route.agreement.agreement_id,
        "body_sha256": body_sha256,
        "caller": who.caller,
        "collecting_city": application.collecting_city,
        "deciding_city": application.deciding_city,
        "item_code": item.item_code,
        "item_dialect": head.dialect_name,
        "item_revision": head.revision,
        "item_version": item.version,
        "mode": application.mode.value,
    }
    side = "applicant" if application.mode is Mode.ONLINE else "collecting"
    links = [_now(Tail(), application_id, Step.SUBMITTED, now_ms, side, data)]
    stage = Stage.SUBMITTED
    if application.mode is not Mode.ONLINE:
        check = application.identity_check
        method = check.method.value if check else None
        links.append(
            _now(links[-1].tail, application_id, Step.RECEIVED, now_ms, "collecting", {"identity_check": method})
        )
        stage = Stage.RECEIVED
    if route.direction == "inbound":
        links.append(_now(links[-1].tail, application_id, Step.ARRIVED, now_ms, "system", {}))
        stage = Stage.ARRIVED
    case = Case(
        application_id=application_id,
        caller=who.caller,
        item_code=item.item_code,
        task_code=item.task_code,
        item_version=item.version,
        item_name=item.name,
        project_type=item.project_type.value,
        mode=application.mode.value,
        applicant_division=application.applicant_division,
        collecting_city=application.collecting_city,
        deciding_city=application.deciding_city,
        agreement_id=route.agreement.agreement_id,
        direction=route.direction,
        state=stage.value,
        needs_review=0,
        case_number=None,
        outcome=None,
        received_at_ms=now_ms,
        updated_at_ms=now_ms,
        last_seq=links[-1].seq,
        last_hash=links[-1].hash,
        item_revision=head.revision,
        item_dialect=head.dialect_name,
    )
    return case, links


def _now(
    tail: Tail,
    application_id: str,
    step: Step,
    now_ms: int,
    side: str,
    data: Data,
) -> Link:
    return link(tail, application_id, step, occurred_at_ms=now_ms, recorded_at_ms=now_ms, side=side, data=data)


def _entry(case: Case, message_id: str, owner: str | None) -> Entry:
    return Entry(
        message_id=message_id,
        application_id=case.application_id,
        sequence=1,
        city=case.deciding_city,
        kind=MessageKind.SUBMIT.value,
        content=None,
        state="ready",
        owner=owner,
        available_at_ms=case.received_at_ms,
        created_at_ms=case.received_at_ms,
    )


def outbound_message(
    application: Application,
    case: Case,
    message_id: str,
    files: Mapping[str, StoredFile],
    item: ServiceItem | None,
) -> OutboundMessage:
    """The message to the deciding city. Built from values that were validated before, so not validated again."""
    names = {} if item is None else {m.material_code: m.name for m in item.materials}
    return OutboundMessage.model_construct(
        message_id=UUID(message_id),
        application_id=UUID(case.application_id),
        task_code=case.task_code,
        item_name=case.item_name,
        project_type=case.project_type,
        received_at=datetime.fromtimestamp(case.received_at_ms / 1000, BEIJING),
        application=application,
        files=tuple(
            OutboundFile.model_construct(
                file=files[str(file_id)],
                material_code=label or None,
                material_name=names.get(label),
            )
            for file_id, label in _labelled(application)
        ),
        material_names={
            one.material_code: names[one.material_code] for one in application.materials if one.material_code in names
        },
    )
