"""后续样例检查: supplements and withdrawals as a city must get them, rows of its listing as we read them."""

from collections.abc import Iterator
from typing import Any

import orjson
from pydantic import ValidationError

from adapters.dialect import Compiler, follow_up_words
from adapters.differences import differences
from adapters.example_words import fill_in
from adapters.examples import FollowUpExample, ListingExample
from adapters.exchange_calls import ExchangeCalls
from adapters.expression_functions import Unmappable, json_bytes
from adapters.listing import Listing
from adapters.profile import CityProfile
from adapters.sftp_calls import SftpCalls
from adapters.sftp_operations import FOLLOW_UPS
from adapters.soap_calls import SoapCalls
from adapters.xml_writing import written
from schemas.errors import PartnerProtocol
from schemas.message import FollowUp, MessageKind

_OPERATIONS = {MessageKind.SUPPLEMENT: "supplement", MessageKind.WITHDRAW: "withdraw"}


def check_follow_ups(profile: CityProfile, compiler: Compiler) -> Iterator[str]:
    """What is wrong, one sentence each. What a profile can do, it must show once."""
    shown = set()
    for example in profile.examples.follow_ups:
        shown.add(example.message.get("kind"))
        for fault in _check_follow_up(profile, compiler, example):
            yield f"{example.name}: {fault}"
    for kind in _OPERATIONS:
        if kind.value not in shown and _does(profile, kind):
            yield f"examples.follow_ups: there is no example of kind {kind.value}"
    for row in profile.examples.listing:
        for fault in _check_listing(profile, compiler, row):
            yield f"{row.name}: {fault}"
    if not profile.examples.listing and _listing_section(profile) is not None:
        yield "examples.listing: there is no example"


def _does(profile: CityProfile, kind: MessageKind) -> bool:
    if profile.exchange_database is not None:
        return profile.exchange_database.follow_up is not None
    if profile.sftp_batch is not None:
        return profile.sftp_batch.outgoing.follow_ups is not None
    return getattr(profile.rest or profile.soap, _OPERATIONS[kind], None) is not None


def _check_follow_up(profile: CityProfile, compiler: Compiler, example: FollowUpExample) -> Iterator[str]:
    try:
        message = FollowUp.model_validate_json(json_bytes(example.message))
    except ValidationError as error:
        first = error.errors()[0]
        yield f"message.{'.'.join(map(str, first['loc']))}: {first['msg']}"
        return
    if not _does(profile, message.kind):
        yield "the profile has no such operation"
        return
    words = follow_up_words(message)
    fill_in(words, example, message.message_id)
    try:
        found = _spoken(profile, compiler, message.kind, words)
    except Unmappable as error:
        yield error.message
        return
    yield from differences(example.expect, found, "")


def _spoken(profile: CityProfile, compiler: Compiler, kind: MessageKind, words: dict[str, Any]) -> Any:
    name = _OPERATIONS[kind]
    if profile.rest is not None:
        return compiler.tree(getattr(profile.rest, name).body, ("rest", name, "body"))(words)
    if profile.soap is not None:
        operation = getattr(SoapCalls(profile.soap, compiler, profile.reports), name)
        package = operation.request.package(words)
        written(package, profile.soap.xml.declared)
        return package
    if profile.exchange_database is not None:
        rows = ExchangeCalls(profile.exchange_database, compiler, profile.reports).follow_up
        row, materials = ([], []) if rows is None else rows.rows(words)
        return {"row": row, "materials": materials}
    assert profile.sftp_batch is not None  # noqa: S101 - the last of those that _does knows
    return SftpCalls(profile.sftp_batch, compiler, profile.reports).spoken(words, FOLLOW_UPS)


def _listing_section(profile: CityProfile) -> Any:
    section = profile.rest or profile.soap or profile.exchange_database or profile.sftp_batch
    return getattr(section, "listing", None)


def _check_listing(profile: CityProfile, compiler: Compiler, example: ListingExample) -> Iterator[str]:
    section = _listing_section(profile)
    if section is None:
        yield "the profile has no listing"
        return
    listing = Listing(section.case, profile.reports, compiler, ("listing", "case"))
    try:
        (case,) = listing.read([example.received])
    except PartnerProtocol:
        yield "the row cannot be read"
        return
    found = orjson.loads(case.model_dump_json())
    yield from differences(example.expect, {name: found.get(name) for name in example.expect}, "")
