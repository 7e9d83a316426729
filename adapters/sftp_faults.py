"""SFTP故障映射: asyncssh's exceptions become ours exactly where it is called; our sentences never hold its text."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncssh

from adapters.faults import Submission, lost, unavailable
from schemas.errors import PartnerProtocol

_MISSING = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)
_FOREIGN = (asyncssh.Error, TimeoutError, OSError)
_GONE = (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection)
_FOR_A_PERSON: tuple[tuple[tuple[type[Exception], ...], str, str], ...] = (
    (
        (asyncssh.HostKeyNotVerifiable,),
        "The server of {city} shows another host key than its profile pins; nothing was sent.",
        "{city}的服务器主机密钥与配置不符，未发送任何内容。",
    ),
    (
        (asyncssh.PermissionDenied,),
        "The server of {city} refuses our credentials.",
        "{city}的服务器不接受本网关的登录凭证。",
    ),
    (
        (asyncssh.KeyExchangeFailed,),
        "The server of {city} offers no algorithm that is safe today; nothing was sent.",
        "{city}的服务器未提供安全的加密算法，未发送任何内容。",
    ),
    (
        (asyncssh.SFTPPermissionDenied, asyncssh.SFTPWriteProtect, asyncssh.SFTPOpUnsupported),
        "The server of {city} does not permit what its profile describes.",
        "{city}的服务器不允许配置所述的操作。",
    ),
)


class Missing(Exception):
    """没有该文件: the server says that a file, or a folder on the way to it, is not there."""


@asynccontextmanager
async def sftp_faults(city: str, limit_s: float, submission: Submission | None = None) -> AsyncIterator[None]:
    """Around asyncssh, within `limit_s`. Raises Missing, PartnerProtocol, PartnerUnavailable or PartnerAmbiguous.

    An error that the server answered with is a clear one: what was asked for was not done.
    """
    try:
        async with asyncio.timeout(limit_s):
            yield
    except _FOREIGN as error:
        raise _meaning(error, city, submission) from error


def _meaning(error: Exception, city: str, submission: Submission | None) -> Exception:
    if isinstance(error, _MISSING):
        return Missing()
    for kinds, english, chinese in _FOR_A_PERSON:
        if isinstance(error, kinds):
            return PartnerProtocol(english.format(city=city), chinese.format(city=city))
    if isinstance(error, asyncssh.SFTPError) and not isinstance(error, _GONE):
        return unavailable()
    return lost(submission)


def folder_missing(city: str) -> PartnerProtocol:
    """A folder of the profile is not on the server."""
    return PartnerProtocol(
        f"A folder named in the profile of {city} is not on its server.", f"{city}的服务器上没有配置所述的目录。"
    )
