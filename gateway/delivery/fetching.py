"""取回结果文件: bring a result file from the deciding city and hold it against the digests it announced."""

import asyncio

from adapters.contract import Adapter
from gateway.delivery.outcome import Delivered
from gateway.storage.files import Content, FileStore
from gateway.storage.outbox import Entry
from gateway.usecases.complete_delivery import fetched_file, remote_file
from schemas.errors import PartnerProtocol, PartnerUnavailable, TooLarge
from schemas.message import RemoteFile

_GUARD_S = 5.0


async def fetch(adapter: Adapter, entry: Entry, store: FileStore, *, file_id: str, limit_bytes: int) -> Delivered:
    """Fetch and store one file. PartnerProtocol when size or digest differ from what was announced."""
    remote = remote_file(entry)
    try:
        async with asyncio.timeout(adapter.profile.limits.timeout_s + _GUARD_S):
            content = await store.save(adapter.fetch(remote), limit_bytes=limit_bytes)
    except TimeoutError:
        raise PartnerUnavailable("The result file did not come in time.", "结果文件未在时限内取回。") from None
    except TooLarge as error:
        raise PartnerProtocol("The result file exceeds our size limit.", "结果文件超过大小上限。") from error
    if _differs(remote, content):
        raise PartnerProtocol(
            "The result file's size or digest differs from what the city announced.",
            "结果文件的大小或摘要与对方通报的不一致。",
        )
    return Delivered(fetched=fetched_file(file_id, remote, content))


def _differs(remote: RemoteFile, content: Content) -> bool:
    return (
        (remote.size_bytes is not None and remote.size_bytes != content.size_bytes)
        or (remote.sha256 is not None and remote.sha256 != content.sha256)
        or (remote.sm3 is not None and remote.sm3 != content.sm3)
    )
