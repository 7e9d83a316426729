"""发布目录: the good rows of an import become the items in force, in one transaction; the others keep what was."""

from dataclasses import dataclass, field
from datetime import datetime

from gateway.domain.days import beijing_day
from gateway.domain.item_changes import item_changes
from gateway.evidence.chain import milliseconds
from gateway.storage import catalogue, imports, item_search, publishing
from gateway.storage.database import Database, Transaction
from gateway.storage.imports import Import
from gateway.storage.publishing import Added
from schemas.errors import ImportNotUsable, NotFound


@dataclass(frozen=True, slots=True)
class NewItem:
    """新增事项."""

    item_code: str
    name: str
    from_day: str


@dataclass(frozen=True, slots=True)
class ChangedItem:
    """变更事项: which fields differ from the revision before; none where a removed item came back as it was."""

    item_code: str
    name: str
    from_day: str
    revision: int
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """What publishing wrote: revisions with above < item_id ≤ up_to, and removals as (item code, name)."""

    above: int
    up_to: int
    absent: list[tuple[str, str]]
    removed: bool
    unnamed: int


@dataclass(slots=True)
class Published:
    """发布结果."""

    head: Import
    new: list[NewItem] = field(default_factory=list)
    changed: list[ChangedItem] = field(default_factory=list)
    removed: list[tuple[str, str]] = field(default_factory=list)
    would_remove: list[tuple[str, str]] = field(default_factory=list)
    """Items in force that a complete import does not hold, left as they are."""
    unnamed: int = 0
    """Quarantined rows without code and name: while there are any, nothing is removed, it might be one of them."""


async def publish(
    db: Database, city: str, *, import_id: int | None = None, remove: bool = False, now: datetime
) -> Published:
    """Publish an import of `city`, the newest by default. Publishing the same again changes nothing.

    `remove`: items that a complete import does not hold end today; without it they are listed only. Raises NotFound
    and ImportNotUsable.
    """
    async with db.transaction() as tx:
        await catalogue.hold(tx)
        head = await _chosen(tx, city, import_id)
        written = await publish_in(tx, head, remove=remove, now=now)
        if written.up_to > written.above or written.removed:
            await catalogue.move(tx)
    async with db.transaction() as tx:
        await imports.tidy(tx, city)
    return await _told(db, head, written)


async def _chosen(tx: Transaction, city: str, import_id: int | None) -> Import:
    head = await imports.newest(tx, city) if import_id is None else await imports.get(tx, import_id)
    if head is None or head.city != city:
        wanted, wanted_zh = (f" {import_id}", f"编号为 {import_id} 的") if import_id is not None else ("", "")
        raise NotFound(
            f"There is no import{wanted} of {city}; first: tongban catalogue import.",
            f"没有 {city} {wanted_zh}导入，请先执行 tongban catalogue import。",
        )
    if head.state not in {"draft", "published"}:
        raise ImportNotUsable(
            f"Import {head.import_id} cannot be published: it is {head.state}.",
            f"导入 {head.import_id} 不能发布：" + ("尚未读完或已中断。" if head.state == "loading" else "已被取代。"),
            import_id=head.import_id,
            state=head.state,
        )
    return head


async def publish_in(tx: Transaction, head: Import, *, remove: bool, now: datetime) -> Written:
    """Publish within a transaction that holds the catalogue; the generation is still to be moved."""
    today, now_ms = beijing_day(now).isoformat(), milliseconds(now)
    await publishing.classify(tx, head)
    above = await publishing.highest(tx)
    await publishing.add_revisions(tx, head, above, today, now_ms)
    up_to = await publishing.highest(tx)
    absent = await publishing.absent(tx, head, today) if head.complete else []
    unnamed = await publishing.unnamed(tx, head) if absent else 0
    removed = bool(absent) and remove and not unnamed
    if removed:
        await publishing.remove_absent(tx, head, today)
    if up_to > above or removed:
        await item_search.drop_ended(tx, today)
        await item_search.add(tx, above)
    await imports.mark_published(tx, head, now_ms)
    return Written(above, up_to, absent, removed, unnamed)


async def _told(db: Database, head: Import, written: Written) -> Published:
    """What was written, in words; read a page at a time after the transaction."""
    published = Published(head, unnamed=written.unnamed)
    (published.removed if written.removed else published.would_remove).extend(written.absent)
    after = written.above
    while page := await publishing.added(db, after, written.up_to):
        for one in page:
            _tell(published, one)
        after = page[-1].item_id
    return published


def _tell(published: Published, one: Added) -> None:
    if one.old is None or one.new is None:
        published.new.append(NewItem(one.item_code, one.name, one.from_day))
        return
    fields = tuple(item_changes(one.old, one.new))
    published.changed.append(ChangedItem(one.item_code, one.name, one.from_day, one.revision, fields))
