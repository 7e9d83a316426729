"""读取城市的目录接口: a listing or a view is read to its end before anything of it is used."""

from collections.abc import AsyncIterator, Iterator
from typing import IO

import orjson

from adapters.contract import AdapterContext
from adapters.normalization.compile import CompiledDialect
from adapters.normalization.normalize import normalize
from adapters.profile import CityProfile
from adapters.sources.listing import read_listing
from adapters.sources.peer_items import read_peer_items
from adapters.sources.record import Progress, Record
from adapters.sources.view import read_view
from gateway.usecases.normalise_file import Read
from schemas.errors import Internal, SourceUnreadable


async def fetch(
    profile: CityProfile,
    dialect: CompiledDialect,
    context: AdapterContext,
    spool: IO[bytes],
    progress: Progress | None = None,
) -> int:
    """Write every record of the city's listing, view or gateway into `spool`, a line each; how many there were.

    Raises SourceUnreadable and the errors of adapters/contract.py; what was spooled then is to be thrown away.
    """
    count = 0
    async for record in _records(profile, dialect, context, progress):
        spool.write(orjson.dumps([record.place, record.data], option=orjson.OPT_APPEND_NEWLINE))
        count += 1
    return count


def _records(
    profile: CityProfile, dialect: CompiledDialect, context: AdapterContext, progress: Progress | None
) -> AsyncIterator[Record]:
    source = dialect.dialect.source
    if source is not None and source.listing is not None:
        return read_listing(source, profile, context, progress=progress)
    if source is not None and source.view is not None:
        try:
            url = context.secret(source.view.database_url)
        except KeyError as error:
            name = str(error.args[0])
            raise Internal(f"The secret {name} is not configured.", f"尚未配置密钥{name}。") from None
        return read_view(url, source.view, max_rows=source.max_rows, progress=progress)
    if source is not None and profile.peer_gateway is not None and profile.peer_gateway.url is not None:
        return read_peer_items(source, profile, context, progress=progress)
    raise SourceUnreadable(
        f"The catalogue of {profile.code} comes as a file; name it.", f"{profile.code} 的目录以文件提供，请指定文件。"
    )


def fetched(spool: IO[bytes], dialect: CompiledDialect) -> Iterator[Read]:
    """Each spooled record and what became of it."""
    spool.seek(0)
    for line in spool:
        place, record = orjson.loads(line)
        yield Read(record, normalize(record, dialect, place=place))
