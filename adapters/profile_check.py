"""样例检查: run the worked examples of a profile; a command and the tests call this."""

from collections.abc import Iterator
from typing import Any

import orjson
from pydantic import ValidationError

from adapters.dialect import Compiler, Reports, message_words
from adapters.differences import differences
from adapters.example_words import fill_in
from adapters.examples import ReportExample, SubmitExample
from adapters.exchange_calls import ExchangeCalls
from adapters.expression_functions import Unmappable, json_bytes
from adapters.follow_up_examples import check_follow_ups
from adapters.item_examples import check_catalogue
from adapters.manual_calls import ManualCalls
from adapters.profile import CityProfile
from adapters.rest_calls import RestCalls
from adapters.sftp_calls import SftpCalls
from adapters.soap_calls import SoapCalls
from adapters.xml_writing import written
from schemas.message import OutboundMessage


def check_examples(profile: CityProfile) -> list[str]:
    """What is wrong, one sentence each; empty = every example holds. A city that is called must have one of each."""
    compiler = profile.compiler()
    faults = list(_missing(profile))
    for submit in profile.examples.submit:
        faults += _labelled(submit.name, _check_submit(profile, compiler, submit))
    reports = profile.compiled_reports(compiler)
    for report in profile.examples.reports:
        faults += _labelled(report.name, _check_report(reports, report))
    return [*faults, *check_follow_ups(profile, compiler), *check_catalogue(profile)]


def _missing(profile: CityProfile) -> Iterator[str]:
    called = profile.rest or profile.soap or profile.exchange_database or profile.sftp_batch or profile.manual
    if called and not profile.examples.submit:
        yield "examples.submit: there is no example"
    covered = {example.via for example in profile.examples.reports}
    yield from (
        f"examples.reports: there is no example via {name}" for name in sorted(profile.reports.keys() - covered)
    )


def _labelled(name: str, faults: Iterator[str]) -> list[str]:
    return [f"{name}: {fault}" for fault in faults]


def _check_submit(profile: CityProfile, compiler: Compiler, example: SubmitExample) -> Iterator[str]:
    try:
        message = OutboundMessage.model_validate_json(json_bytes(example.message))
    except ValidationError as error:
        first = error.errors()[0]
        yield f"message.{'.'.join(map(str, first['loc']))}: {first['msg']}"
        return
    words = message_words(message)
    fill_in(words, example, message.message_id)
    try:
        found = _spoken(profile, compiler, words)
    except Unmappable as error:
        yield error.message
        return
    yield from differences(example.expect, found, "")


def _spoken(profile: CityProfile, compiler: Compiler, words: dict[str, Any]) -> Any:
    if profile.rest is not None:
        return RestCalls(profile.rest, compiler, profile.reports).submit_body(words)
    if profile.soap is not None:
        package = SoapCalls(profile.soap, compiler, profile.reports).submit.package(words)
        written(package, profile.soap.xml.declared)
        return package
    if profile.exchange_database is not None:
        row, materials = ExchangeCalls(profile.exchange_database, compiler, profile.reports).submit.rows(words)
        return {"row": row, "materials": materials}
    if profile.sftp_batch is not None:
        return SftpCalls(profile.sftp_batch, compiler, profile.reports).spoken(words)
    if profile.manual is not None:
        return ManualCalls(profile.manual, compiler).spoken(words)
    return {}


def _check_report(reports: dict[str, Reports], example: ReportExample) -> Iterator[str]:
    if example.via not in reports:
        yield f"there is no reports.{example.via}"
        return
    try:
        report = reports[example.via].read(example.received)
    except Unmappable as error:
        yield error.message
        return
    if report is None or example.expect is None:
        if report is not None or example.expect is not None:
            yield f"expected {'nothing' if example.expect is None else 'a report'}, found the other"
        return
    found = orjson.loads(report.model_dump_json())
    yield from differences(example.expect, {name: found.get(name) for name in example.expect}, "")
