"""The parts of a batch without a server: gathering, numbers, tables, manifests, and what a profile may say."""

import asyncio
import random
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.batch_building import BatchCase, number_of
from adapters.batch_gathering import Ending, Gathering, Load
from adapters.contract import AdapterContext
from adapters.expression_functions import Unmappable
from adapters.normalization.dialect_file import FOLDER, load_dialects
from adapters.profile import CityProfile, load_profile
from adapters.registry import build_adapter
from adapters.sftp_calls import IncomingCalls, OutgoingCalls, Unreadable, encoded_line, read_table
from adapters.sftp_operations import Incoming, Outgoing, SftpOperations, Table, Window
from schemas.errors import PartnerProtocol, PartnerUnavailable, SeedInvalid
from schemas.message import Acknowledgement
from tests.adapters.cities import ROOT, profile_path
from tests.adapters.messages import MemoryFiles, message_to

CODE = "445100"
MOMENT = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)
PROFILE = load_profile(profile_path(CODE))
COMPILER = PROFILE.compiler()


def case(message_id: UUID | None = None, size_bytes: int = 100, at: datetime = MOMENT) -> BatchCase:
    return BatchCase(message_id or uuid4(), at, bytes(size_bytes), (), MemoryFiles())


def operations() -> SftpOperations:
    assert PROFILE.sftp_batch is not None
    return PROFILE.sftp_batch


# ---- gathering


class Sender:
    """Notes the loads; each message gets what `ending` says."""

    def __init__(self, ending: Ending | None = None, takes_s: float = 0.0) -> None:
        self.loads: list[set[UUID]] = []
        self.ending = ending or Acknowledgement(partner_reference="B1")
        self.takes_s = takes_s
        self.under_way = 0

    async def send(self, load: Load) -> Mapping[UUID, Ending]:
        self.under_way += 1
        assert self.under_way == 1, "two batches at a time"
        try:
            await asyncio.sleep(self.takes_s)
        finally:
            self.under_way -= 1
        wanted = load.cases.keys() - load.gone
        self.loads.append(set(wanted))
        return dict.fromkeys(wanted, self.ending)


def gathering(sender: Sender, **window: Any) -> Gathering:
    return Gathering(Window(**{"every_s": 0.1, "retry_s": 0.02} | window), sender.send, at_once=100, send_s=5)


async def all_of(gathered: Gathering, cases: list[BatchCase]) -> list[Any]:
    async def one(which: BatchCase) -> Any:
        try:
            return await gathered.deliver(which)
        except PartnerUnavailable as error:
            return error

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(which)) for which in cases]
    return [task.result() for task in tasks]


async def test_nobody_waits_longer_than_the_window() -> None:
    sender = Sender()
    loop = asyncio.get_running_loop()
    began = loop.time()
    await all_of(gathering(sender, every_s=0.2), [case() for _ in range(10)])
    assert 0.19 <= loop.time() - began < 1.0
    assert [len(load) for load in sender.loads] == [10]


async def test_what_failed_does_not_wait_for_another_window() -> None:
    sender = Sender(PartnerUnavailable("no", "无"))
    gathered, cases = gathering(sender, every_s=30.0), [case() for _ in range(100)]
    failed = await all_of(gathered, cases)  # so many are full: no window at all
    assert {type(one) for one in failed} == {PartnerUnavailable}
    assert len({id(one) for one in failed}) == 100  # each call has an exception of its own
    sender.ending = Acknowledgement()
    async with asyncio.timeout(5):
        await all_of(gathered, cases[:1])  # as a lane's probe does after a failure
        assert sender.loads[-1] == {cases[0].message_id}
        await all_of(gathered, [*cases[1:9], case()])  # one that is new goes with those that are late
    assert len(sender.loads) == 3


async def test_batches_wait_for_each_other_but_not_for_ever() -> None:
    sender = Sender(takes_s=0.4)
    gathered = Gathering(Window(every_s=0.01, max_cases=1), sender.send, at_once=10, send_s=0.6)
    found = await all_of(gathered, [case() for _ in range(3)])
    kinds = sorted(type(one).__name__ for one in found)
    assert kinds == ["Acknowledgement", "Acknowledgement", "PartnerUnavailable"]


@pytest.mark.parametrize("seed", range(20))
async def test_whoever_is_cancelled_the_others_get_their_ending(seed: int) -> None:
    """Each message is sent at most once if it is acknowledged once; nobody hangs."""
    rng = random.Random(seed)
    sender = Sender(takes_s=0.02)
    gathered = gathering(sender, every_s=0.05, max_cases=6)
    cases = [case() for _ in range(20)]
    async with asyncio.timeout(10):
        async with asyncio.TaskGroup() as group:
            tasks = []
            for one in cases:
                tasks.append(group.create_task(gathered.deliver(one)))
                await asyncio.sleep(rng.uniform(0, 0.01))
                if rng.random() < 0.4:
                    rng.choice(tasks).cancel()
    sent = [message_id for load in sender.loads for message_id in load]
    done = [one.message_id for one, task in zip(cases, tasks, strict=True) if not task.cancelled()]
    assert sorted(set(done) - set(sent)) == []
    assert len(sent) == len(set(sent))


# ---- numbers, tables, manifests


@given(ids=st.lists(st.uuids(), min_size=1, max_size=20, unique=True), seed=st.randoms())
def test_the_number_depends_on_the_messages_alone(ids: list[UUID], seed: random.Random) -> None:
    calls = OutgoingCalls(operations().outgoing, COMPILER)
    cases = [case(one) for one in ids]
    number = number_of(cases, calls)
    seed.shuffle(cases)
    assert number_of(cases, calls) == number
    assert number_of([*cases, case()], calls) != number


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=30)


@given(
    rows=st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=5), table=st.sampled_from("gb18030 utf-8".split())
)
@pytest.mark.parametrize("delimiter", [",", ";", "|", "\t"])
def test_tables_survive_the_way_there_and_back(delimiter: Any, rows: list[list[str]], table: Any) -> None:
    written = Table(charset=table, delimiter=delimiter)
    content = b"".join(encoded_line(cells, written) for cells in [["甲", "乙"], *rows])
    found = read_table(content, written)
    assert [[row["甲"] or "", row["乙"] or ""] for row in found] == rows


def test_a_character_that_cannot_be_written() -> None:
    with pytest.raises(Unmappable):
        encoded_line(["\ud800"], Table())


def outgoing(**changes: Any) -> Outgoing:
    data = operations().outgoing.model_dump(mode="json") | changes
    return Outgoing.model_validate(data)


@pytest.mark.parametrize("charset", ["gb18030", "utf-8"])
def test_manifests_in_xml_both_ways(charset: str) -> None:
    body = {"QD": {"PCH": "batch", "JLS": "cases", "WJ": {"each": "files", "object": {"@lx": "role", "WJM": "name"}}}}
    manifest = {"ending": ".xml", "format": "xml", "charset": charset, "body": body}
    calls = OutgoingCalls(outgoing(manifest=manifest, number="digest"), COMPILER)
    words = {"batch": "批次1", "cases": 2, "now": "x", "files": [{"role": "applications", "name": "a"}, {"role": "b"}]}
    content = calls.manifest(words)
    assert content.decode(charset).startswith(f'<?xml version="1.0" encoding="{charset.upper()}"?>')
    data = operations().incoming.model_dump(mode="json")
    theirs = {"ending": ".xml", "format": "xml", "charset": charset, "lists": ["WJ"]}
    files = "QD.WJ[].{name: WJM, size_bytes: DX, sm3: ZYZ, kind: LX}"
    read = IncomingCalls(Incoming.model_validate(data | {"manifest": theirs | {"files": files}}), COMPILER)
    listed = "<QD><甲/><WJ><LX>HZ</LX><WJM>x.csv</WJM><DX>5</DX><ZYZ>AB</ZYZ></WJ></QD>"
    text = f'<?xml version="1.0" encoding="{charset}"?>{listed}'
    assert read.files(text.encode(charset)) == [
        {"kind": "HZ", "name": "x.csv", "size_bytes": 5, "digests": {"sm3": "ab"}}
    ]
    for bad in (b"<QD/>", b"<QD>", b"<!DOCTYPE a [<!ENTITY b 'c'>]><QD>&b;</QD>", b"\xff"):
        with pytest.raises(Unreadable):
            read.files(bad)


@pytest.mark.parametrize(
    ("columns", "message", "wanted"),
    [
        ({"A": "a"}, {"a": None}, ""),
        ({"A": "a"}, {"a": True}, "true"),
        ({"A": "a"}, {"a": 10**30}, str(10**30)),
        ({"A": "a"}, {"a": "多\r\n行"}, "多\r\n行"),
        ({"A": "a"}, {"a": [1]}, None),
    ],
)
def test_what_a_column_may_hold(columns: dict[str, str], message: dict[str, Any], wanted: str | None) -> None:
    applications = {"ending": ".csv", "columns": columns, "charset": "utf-8-sig"}
    calls = OutgoingCalls(outgoing(applications=applications, number="digest"), COMPILER)
    assert calls.tables["applications"].header() == b"\xef\xbb\xbfA\r\n"
    if wanted is None:
        with pytest.raises(Unmappable):
            calls.tables["applications"].row(message)
    else:
        assert calls.tables["applications"].row(message) == {"A": wanted}


@pytest.mark.parametrize("entry", ["'a/b'", "'..'", "'a:b'", "`1`", "nothing", "'\\u0001'"])
def test_names_in_the_zip_that_are_none(entry: str) -> None:
    calls = OutgoingCalls(outgoing(attachments={"entry": entry}, number="digest"), COMPILER)
    with pytest.raises(Unmappable):
        calls.name_entries({"files": [{"file": {"file_id": "f"}}], "materials": []})


# ---- what a profile may say

BROKEN = [
    # text to replace, replacement, part of the sentence
    ("compact_time(received_at), digest])", "compact_time(received_at)])", "must contain `digest`"),
    ("compact_time(received_at), digest])", "received_at, digest])", "letters, digits"),
    ("compact_time(received_at), digest])", "compact_time(digest)])", "not a time"),
    ("done: outbox/done", "done: outbox", "another folder"),
    ("folder: inbox", "folder: ../inbox", "match pattern"),
    ("ending: .zip", "ending: .csv", "the same name"),
    ("private_key: 445100.sftp_key", "passphrase: x", "needs private_key or password"),
    ("private_key: 445100.sftp_key", "password: p, passphrase: x", "belongs to a private_key"),
    ("${timeout_s:-4500}", "${timeout_s:-3600}", "must exceed window.every_s"),
    ("SHA256:", "MD5:", "match pattern"),
    ("HZ: acknowledgement,", "HZ: acknowledgements,", "reports lacks"),
    ("SBSJ: compact_time(received_at)", "SBSJ: compact_time(", "not a JMESPath"),
    ("collection: {every_s", "# collection: {every_s", "collection is needed"),
    ("duplicates: idempotent ", "duplicates: query_first ", None),
    ("    records: records ", "    # records ", None),
]


@pytest.mark.parametrize(("text", "replacement", "part"), BROKEN)
def test_profiles_that_are_refused_with_their_line(
    text: str, replacement: str, part: str | None, tmp_path: Path
) -> None:
    whole = profile_path(CODE).read_text("utf-8")
    assert text in whole
    path = tmp_path / f"{CODE}.yaml"
    path.write_text(whole.replace(text, replacement, 1), "utf-8")
    bases = load_dialects(ROOT / "seeds" / FOLDER)
    if part is None:
        load_profile(path, bases=bases)
        return
    with pytest.raises(SeedInvalid, match=part) as caught:
        load_profile(path, bases=bases)
    assert caught.value.facts["line"] >= 1


def test_the_profile_in_the_guide_is_whole(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "adding-a-city" / "sftp_batch.md").read_text("utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)
    (text,) = [block for block in blocks if "\ntransport: sftp_batch\n" in block]
    path = tmp_path / f"{CODE}.yaml"
    path.write_text(text, "utf-8")
    assert load_profile(path).sftp_batch is not None


def test_asking_first_needs_records() -> None:
    data = load_profile(profile_path(CODE)).model_dump(mode="json", exclude_unset=True)
    del data["sftp_batch"]["outgoing"]["records"]
    with pytest.raises(ValueError, match="query_first"):
        CityProfile.model_validate({**data, "duplicates": "query_first"})


def test_long_waits_are_for_batches_only() -> None:
    data = load_profile(profile_path("441400")).model_dump(mode="json", exclude_unset=True)
    for limits in ({"in_flight": 257}, {"timeout_s": 601}):
        with pytest.raises(ValueError, match="at most"):
            CityProfile.model_validate({**data, "limits": limits})


async def test_two_files_with_one_name_in_the_zip() -> None:
    changed = operations().model_copy(update={"outgoing": outgoing(attachments={"entry": "'one'"})})
    context = AdapterContext(lambda: MOMENT, lambda _name: "", lambda: "n")
    adapter = build_adapter(PROFILE.model_copy(update={"sftp_batch": changed}), context)
    with pytest.raises(PartnerProtocol, match="one name"):
        await adapter.deliver(*message_to(CODE, {"a": b"1", "b": b"2"}))
    await adapter.close()
