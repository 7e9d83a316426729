"""取留件: fetch what a peer leaves for us because it cannot call us, take it as if it had called, and tell the peer.

One process fetches from a peer at a time. Nothing is kept between rounds: a message stays in the peer's list until it
is answered, so a crash repeats a message and loses none; what was taken before gets its first receipt again.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import structlog

from adapters.contract import Adapter, LeftMessage, MessageSource
from adapters.peer_words import caller
from gateway.delivery.peers import Peers, PeerTools
from gateway.evidence.chain import milliseconds
from gateway.storage import cursors, files
from gateway.storage.stopping import stopped
from gateway.usecases.parsing import parse
from gateway.usecases.take_peer_message import read_application, submitted, take_follow_up
from schemas.application import StoredFile
from schemas.errors import CrossCityError, PartnerUnavailable, RequestError, TooLarge
from schemas.message import FollowUp, MessageKind, OutboundFile
from schemas.peer import MessageAnswer, Refusal

log = structlog.get_logger()
_SLOWEST_S = 60.0
_LEASE_MS = 600_000


@dataclass(slots=True)
class MessageFetcher:
    """Fetches from one peer."""

    source: MessageSource
    city: str
    peers: Peers
    tools: PeerTools
    every_s: float
    _down: bool = field(default=False)

    async def run(self, stop: asyncio.Event) -> None:
        """Fetch until `stop`; a peer that does not answer is asked less and less often, up to once a minute."""
        pause_s = self.every_s
        while not await stopped(stop, pause_s):
            try:
                await self.poll(stop)
                pause_s = self.every_s
                self._note(down=False)
            except CrossCityError as error:
                pause_s = min(_SLOWEST_S, max(pause_s, self.every_s) * 2)
                self._note(down=True, code=error.code)
            except Exception:
                pause_s = min(_SLOWEST_S, max(pause_s, self.every_s) * 2)
                log.exception("messages.crashed", city=self.city)

    def _note(self, *, down: bool, code: str = "") -> None:
        if down and not self._down:
            log.warning("messages.down", city=self.city, code=code)
        elif self._down and not down:
            log.info("messages.recovered", city=self.city)
        self._down = down

    async def poll(self, stop: asyncio.Event | None = None) -> int:
        """One round: everything that is left for us now; how many messages were answered."""
        answered, after = 0, 0
        while await self._mine() and (page := await self.source.messages(after)):
            for left in page:
                if stop is not None and stop.is_set():
                    return answered
                answered += await self._take(left)
                after = left.number
        return answered

    async def _mine(self) -> bool:
        """Whether it is ours to fetch: a lease, renewed with every page."""
        now_ms = milliseconds(self.tools.now())
        async with self.tools.db.transaction() as tx:
            mine = await cursors.take(tx, f"{self.city}/messages", self.tools.owner(), now_ms + _LEASE_MS, now_ms)
        return mine is not None

    async def _take(self, left: LeftMessage) -> int:
        """Take and answer one message; one that makes us stumble does not hold up the others."""
        try:
            answer = await self._answer(left)
        except CrossCityError:
            raise
        except Exception:
            log.exception("messages.stumbled", city=self.city, message_id=left.message_id)
            return 0
        await self.source.answer(left.message_id, answer.model_dump_json(exclude_none=True).encode())
        outcome = "taken" if answer.refused is None else answer.refused.code
        log.info("messages.answered", city=self.city, message_id=left.message_id, kind=left.kind, outcome=outcome)
        return 1

    async def _answer(self, left: LeftMessage) -> MessageAnswer:
        try:
            if left.kind == MessageKind.SUBMIT:
                return await self._application(left)
            return await self._follow_up(left)
        except RequestError as error:
            refused = Refusal(code=error.code, detail=error.detail, detail_zh=error.detail_zh)
            return MessageAnswer(refused=refused)

    async def _application(self, left: LeftMessage) -> MessageAnswer:
        read = read_application(left.body, self.city, self.peers.own_city)
        await self._bring(read.message.files)
        taken = await self.peers.take(self.city, read)
        return MessageAnswer.model_validate({"receipt": submitted(taken)["receipt"]})

    async def _follow_up(self, left: LeftMessage) -> MessageAnswer:
        await self._bring(parse(FollowUp, left.body).files)
        async with self.tools.db.transaction() as tx:
            noted = await take_follow_up(
                tx,
                self.city,
                self.peers.own_city,
                left.body,
                message_id=self.tools.new_id(),
                carried=self.tools.carries,
                now=self.tools.now(),
            )
        self.tools.poke()
        return MessageAnswer(state=noted.state)

    async def _bring(self, outbound: tuple[OutboundFile, ...]) -> None:
        """Every file that is not here yet, under its own number."""
        wanted = {str(one.file.file_id): one.file for one in outbound}
        known = await files.by_ids(self.tools.db, list(wanted))
        for file in (file for file_id, file in wanted.items() if file_id not in known):
            content = await self.tools.store.save(self._whole(file), limit_bytes=self.tools.max_file_bytes)
            if content.sha256 != file.sha256:
                raise PartnerUnavailable("A file came other than announced.", "取回的文件与所报摘要不符。")
            kept = file.model_copy(update={"media_type": content.media_type, "sm3": content.sm3})
            async with self.tools.db.transaction() as tx:
                await files.insert_once(tx, caller(self.city), kept, milliseconds(self.tools.now()))

    async def _whole(self, file: StoredFile) -> AsyncIterator[bytes]:
        if file.size_bytes > self.tools.max_file_bytes:
            raise TooLarge("A file exceeds our limit.", "文件超过大小上限。", limit_bytes=self.tools.max_file_bytes)
        async for chunk in self.source.bring(file):
            yield chunk


def message_fetchers(adapters: Mapping[str, Adapter], peers: Peers) -> list[MessageFetcher]:
    """One for each peer that leaves its messages for us."""
    polled = {
        city: (adapter, adapter.profile.collection.every_s)
        for city, adapter in adapters.items()
        if adapter.profile.peer_gateway is not None and adapter.profile.collection is not None
    }
    return [
        MessageFetcher(source=adapter, city=city, peers=peers, tools=peers.tools, every_s=every_s)
        for city, (adapter, every_s) in polled.items()
        if isinstance(adapter, MessageSource)
    ]
