"""前置步骤的执行: calls made before an operation, and what they keep; nothing is booked by them."""

from collections.abc import Iterator, Sequence
from typing import Any

from adapters.answers import Answer, part
from adapters.contract import FileSource
from adapters.expressions import Evaluate
from adapters.faults import undescribed
from adapters.http_channel import Channel
from adapters.request_body import Attached
from adapters.rest_calls import RestStep
from adapters.uploads import number_of, upload_each
from schemas.application import StoredFile
from schemas.message import FollowUp, OutboundMessage

Words = dict[str, Any]
_KEPT = "kept"


class Preparation:
    """准备: one message on its way to its operation; `message` and `files` are absent for a question."""

    def __init__(
        self,
        channel: Channel,
        words: Words,
        message: OutboundMessage | FollowUp | None = None,
        files: FileSource | None = None,
    ) -> None:
        self._channel, self.words, self._files = channel, words, files
        self._stored = {} if message is None else {str(one.file.file_id): one.file for one in message.files}
        self._message = message

    async def run(self, steps: Sequence[RestStep]) -> None:
        """Each step in order; what it keeps is in `words` for the next. Raises Unmappable before a step is sent."""
        for step in steps:
            for scope, words, attached in list(self._scopes(step)):
                if step.applies(words):
                    kept = await self._made(step, words, attached)
                    for one in scope:
                        one[_KEPT] = {**one.get(_KEPT, {}), **kept}

    async def upload(self, upload: RestStep, reference: Evaluate, sha256: Evaluate) -> None:
        """Every file by itself; the materials carry `uploaded` from then on."""

        async def send(spoken: Words, file: StoredFile) -> str | None:
            words = {**self.words, "file": spoken}
            if not upload.applies(words):
                return None
            answer = await self._call(upload, words, ((spoken, file),))
            return number_of(file, part(reference, answer), part(sha256, answer))

        if self._message is not None:
            await upload_each(self._message, self.words, send)

    def attached(self) -> Attached:
        """Every file of the message, once."""
        return [(spoken, self._stored[spoken["file_id"]]) for spoken, _ in self._each_file()]

    def _scopes(self, step: RestStep) -> Iterator[tuple[list[Words], Words, Attached]]:
        """Where what it keeps goes, what it sees, and its file."""
        if step.each is None:
            yield [self.words], self.words, ()
        elif step.each == "files":
            for spoken, same in self._each_file():
                yield same, {**self.words, "file": spoken}, [(spoken, self._stored[spoken["file_id"]])]
        else:
            for material in self.words["materials"]:
                spoken = material["file"]
                attached = [] if spoken is None else [(spoken, self._stored[spoken["file_id"]])]
                yield [material], {**self.words, "material": material, "file": spoken}, attached

    def _each_file(self) -> Iterator[tuple[Words, list[Words]]]:
        """Each file once, with every place in which the message names it."""
        places: dict[str, list[Words]] = {}
        for outbound in self.words.get("files", ()):
            places.setdefault(outbound["file"]["file_id"], []).append(outbound["file"])
        for same in places.values():
            yield same[0], same

    async def _made(self, step: RestStep, words: Words, attached: Attached) -> Words:
        answer = await self._call(step, words, attached)
        kept: Words = {}
        for name, expression, may_lack in step.keeps:
            if (value := part(expression, answer)) is None and not may_lack:
                raise undescribed()
            kept[name] = value
        return kept

    async def _call(self, step: RestStep, words: Words, attached: Attached) -> Answer:
        answer = await self._channel.call(step.request(words, attached, self._files), step.judge)
        if answer.meaning == "absent":
            raise undescribed()
        return answer
