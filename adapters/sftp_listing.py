"""对账文件: the city's list of a day, read from its folder; what is not there, or not whole, is not there yet."""

import re
from datetime import date

from adapters.batch_building import Digests
from adapters.expression_functions import Unmappable
from adapters.faults import no_words, unavailable, undescribed
from adapters.listing import MOST_ROWS
from adapters.sftp_calls import ListingCalls, Unreadable, read_table
from adapters.sftp_faults import Missing
from adapters.sftp_files import SftpFiles
from adapters.sftp_operations import ListingFile
from schemas.message import ListedCase

_MOST_DIGEST_BYTES = 1024
_SM3 = re.compile(rb"\s*([0-9A-Fa-f]{64})(\s.*)?", re.DOTALL)
"""As digest tools write it: the name of the file may follow."""


async def read_listing(
    files: SftpFiles, listing: ListingFile, calls: ListingCalls, day: date
) -> tuple[ListedCase, ...]:
    """The cases of a day. PartnerUnavailable where the file is missing or still being written."""
    try:
        name, digest_name = calls.names(day)
    except Unmappable as error:
        raise no_words(error) from None
    try:
        wanted = None
        if digest_name is not None:
            wanted = await files.read(f"{listing.folder}/{digest_name}", _MOST_DIGEST_BYTES)
        content = await files.read(f"{listing.folder}/{name}", listing.max_bytes)
    except Missing:
        if await files.size(listing.folder) is None:
            raise files.folder_missing() from None
        raise unavailable() from None
    if wanted is not None and not _fits(content, wanted):
        raise unavailable()
    try:
        rows = read_table(content, listing.table)
    except Unreadable:
        raise undescribed("listing for reconciliation", "对账清单") from None
    if len(rows) > MOST_ROWS:
        raise undescribed("listing for reconciliation", "对账清单")
    return calls.listed.read(rows)


def _fits(content: bytes, wanted: bytes) -> bool:
    digests = Digests()
    digests.update(content)
    found = _SM3.fullmatch(wanted)
    return found is not None and found[1].decode().lower() == digests.hex()[0]
