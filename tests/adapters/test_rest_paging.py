"""Pages by cursor, by number and by windows of time: what is asked for, and that no row is missed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.paging import Pager
from adapters.paging_operations import Paging
from schemas.errors import PartnerProtocol
from tests.adapters.rest_city import NOW, Seen, accepted, example, rest_city

CASE = "019a0000-0000-7000-8000-0000000000a1"
CHINA = timedelta(hours=8)


def paging(**said: Any) -> Pager:
    return Pager(Paging.model_validate({"rows": "rows", "limit": 3, **said}))


def test_numbered_pages() -> None:
    pager = paging(numbered_from=1)
    at = pager.standing(None, NOW)
    assert pager.words(at) == {"cursor": "1", "limit": 3, "page": 1, "offset": 0}
    at, more = pager.after(at, 3, None, NOW)
    assert (at.text(), more) == ("2", True)
    assert pager.words(at)["offset"] == 3
    assert pager.after(at, 2, None, NOW) == (at, False)
    assert pager.standing("2", NOW) == at
    assert pager.standing("a cursor of before", NOW).text() == "1"


def test_all_in_one_answer() -> None:
    pager = paging()
    at = pager.standing(None, NOW)
    assert pager.after(at, 9, None, NOW) == (at, False)
    assert pager.turned(at, None) == at


def test_a_cursor() -> None:
    pager = paging(next="next", start="c0")
    at = pager.standing(None, NOW)
    assert pager.words(at) == {"cursor": "c0", "limit": 3}
    assert pager.after(at, 3, 17, NOW)[0].text() == "17"
    assert pager.after(at, 3, 17, NOW)[1]
    assert not pager.after(at, 3, "c0", NOW)[1]
    assert pager.must_be_told(None)
    assert pager.turned(at, "") == at


@given(
    rows=st.lists(st.integers(0, 400_000), max_size=40),
    polls=st.lists(st.integers(1, 90_000), min_size=1, max_size=8),
    length_s=st.integers(60, 90_000),
    late_s=st.integers(0, 50),
)
def test_windows_miss_no_row(rows: list[int], polls: list[int], length_s: int, late_s: int) -> None:
    """Rows carry a time and are entered up to `late_s` after it; the overlap is longer than that."""
    begin = datetime(2026, 11, 20, tzinfo=UTC)
    window = {"length_s": length_s, "overlap_s": 55, "first": begin.isoformat()}
    pager = Pager(Paging.model_validate({"rows": "rows", "limit": 3, "numbered_from": 1, "window": window}))
    kept: str | None = None
    now = begin
    seen: set[int] = set()
    for wait in [*polls, late_s + 1]:
        now += timedelta(seconds=wait)
        kept = _polled(pager, kept, now, rows, begin, late_s, seen)
    reached = (now - begin).total_seconds()
    assert {row for row in rows if row + late_s < reached - 1} <= seen


def _polled(
    pager: Pager, kept: str | None, now: datetime, rows: list[int], begin: datetime, late_s: int, seen: set[int]
) -> str:
    for _ in range(40_000):
        at = pager.standing(kept, now)
        words = pager.words(at)
        since, until = (datetime.fromisoformat(words[name]) for name in ("since", "until"))
        entered = [row for row in rows if begin + timedelta(seconds=row + late_s) <= now]
        inside = [row for row in sorted(entered) if since <= begin + timedelta(seconds=row) <= until]
        page = inside[words["offset"] : words["offset"] + 3]
        seen |= set(page)
        at, more = pager.after(at, len(page), None, now)
        kept = at.text()
        if not more:
            return kept
    raise AssertionError("a poll does not end")


def test_a_kept_text_of_another_way_begins_anew() -> None:
    pager = paging(numbered_from=1, window={"length_s": 100})
    begun = pager.standing(None, NOW)
    assert pager.standing(begun.text(), NOW + timedelta(hours=1)) == begun
    for text in (
        "17",
        "a b c",
        f"{NOW.isoformat()} x 1",
        f"{NOW.isoformat()} {NOW.isoformat()} z",
        "2026-01-01 2026-01-01 1",
    ):
        assert pager.standing(text, NOW) == begun


@pytest.mark.parametrize(
    "said",
    [
        {"next": "next", "numbered_from": 1},
        {"window": {"length_s": 60, "overlap_s": 60}},
        {"window": {"first": "2026-13-01T00:00:00Z"}},
        {"window": {"first": "2026-01-01T00:00:00"}},
        {"numbered_from": 2},
    ],
    ids=range(5),
)
def test_pages_that_are_none(said: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"window|numbered_from"):
        paging(**said)


def shown(moment: datetime) -> str:
    return f"{moment.astimezone(UTC) + CHINA:%Y-%m-%d %H:%M:%S}"


async def test_windows_over_the_wire(tmp_path: Path) -> None:
    times = [shown(NOW - timedelta(hours=hours)) for hours in (20, 10, 1)]

    def reply(seen: Seen) -> Any:
        rows = [time for time in times if seen.query["from"] <= time <= seen.query["to"]]
        start = (int(seen.query["page"]) - 1) * int(seen.query["size"])
        page = rows[start : start + int(seen.query["size"])]
        return {"code": "0", "data": [{"outer": CASE, "state": "2", "time": time} for time in page]}

    async with rest_city(example("window"), tmp_path, reply) as (server, adapter):
        cursor, found, more = None, [], True
        while more:
            collected = await adapter.collect(cursor)
            found += [shown(report.occurred_at) for report in collected.reports]
            cursor, more = collected.cursor, collected.more
    assert found == times
    assert [one.query["page"] for one in server.seen] == ["1", "2", "3", "1"]
    assert server.seen[0].query["from"] == shown(NOW - timedelta(days=1) + timedelta(seconds=1))


LISTING = """\
rest:
  url: ${url}
  answers: {code: code, accepted: ["0"], absent: ["4"]}
  submit: {path: /apply, body: {outer: application_id}}
  listing:
    path: /daily
    query: {day: day_compact, page: page}
    rows: data.rows
    numbered_from: 1
    limit: 2
    case: {application_id: id, code: state, steps: {"2": {step: ACCEPTED}}}
"""
BY_CURSOR = LISTING.replace("page: page", "at: cursor").replace("numbered_from: 1", "next: data.next")


def row(number: int) -> dict[str, str]:
    return {"id": f"019a0000-0000-7000-8000-{number:012}", "state": "2"}


PAGES = {"1": [row(1), row(2)], "2": [row(3)], "3": []}
REPEATED = {"1": [row(1), row(2)], "2": [row(3)], "3": [row(3)]}
CURSORS = {"0": ([row(1)], "a"), "a": ([row(2), row(3)], None)}


@pytest.mark.parametrize("pages", [PAGES, REPEATED], ids=["empty", "last page again"])
async def test_a_listing_by_numbers_is_read_to_its_end(tmp_path: Path, pages: dict[str, Any]) -> None:
    async with rest_city(LISTING, tmp_path, lambda seen: accepted(rows=pages[seen.query["page"]])) as (server, adapter):
        cases = await adapter.listing(NOW.date())
    assert [case.application_id.int % 10 for case in cases] == [1, 2, 3]
    assert server.seen[0].query == {"day": "20261123", "page": "1"}


@pytest.mark.parametrize("end", [None, "", "a"])
async def test_a_listing_by_cursor_is_read_to_its_end(tmp_path: Path, end: str | None) -> None:
    def reply(seen: Seen) -> Any:
        rows, following = CURSORS[seen.query["at"]]
        return accepted(rows=rows, next=following or end)

    async with rest_city(BY_CURSOR, tmp_path, reply) as (_, adapter):
        cases = await adapter.listing(NOW.date())
    assert [case.application_id.int % 10 for case in cases] == [1, 2, 3]


async def test_a_day_without_cases(tmp_path: Path) -> None:
    async with rest_city(LISTING, tmp_path, lambda _seen: {"code": "4"}) as (_, adapter):
        assert await adapter.listing(NOW.date()) == ()


@pytest.mark.parametrize("rows", [None, [{"id": "x", "state": "2"}], [{}]], ids=range(3))
async def test_a_listing_that_cannot_be_read(tmp_path: Path, rows: Any) -> None:
    async with rest_city(LISTING, tmp_path, lambda _seen: accepted(rows=rows)) as (_, adapter):
        with pytest.raises(PartnerProtocol):
            await adapter.listing(NOW.date())


async def test_a_listing_without_end(tmp_path: Path) -> None:
    def reply(seen: Seen) -> Any:
        page = int(seen.query["page"])
        return accepted(rows=[row(page * 50_000 + number) for number in range(50_000)])

    async with rest_city(LISTING, tmp_path, reply) as (server, adapter):
        with pytest.raises(PartnerProtocol):
            await adapter.listing(NOW.date())
    assert len(server.seen) == 3
