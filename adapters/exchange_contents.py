"""写入前置库: what the loop and the thread that writes share: one commit, and the bytes of files as they are needed."""

import asyncio
from collections.abc import Iterable, Iterator

from adapters.contract import FileSource
from adapters.exchange_calls import Row
from adapters.faults import Submission
from adapters.uploads import StoredBytes
from schemas.message import FollowUp, OutboundMessage


class Commit:
    """提交: what the loop and the thread know of one commit.

    Either the thread sees `abandoned` and does not commit, or the loop sees `begun` and knows that it may have.
    """

    def __init__(self) -> None:
        self.submission, self.abandoned = Submission(), False

    def begin(self) -> None:
        """Called in the thread just before the commit."""
        self.submission.begun = True
        if self.abandoned:
            raise TimeoutError


class Contents:
    """材料内容: the files of a message, read one by one as its rows are written: never more than one is held.

    A database takes a file as one value, so that one is held whole.
    """

    def __init__(self, message: OutboundMessage | FollowUp, files: FileSource, column: str, commit: Commit) -> None:
        self._files, self._source, self._column, self._commit = message.files, files, column, commit
        self._loop = asyncio.get_running_loop()

    def added(self, materials: Iterable[Row]) -> Iterator[Row]:
        """The rows with their bytes; in the thread. Papers come last and have none."""
        for number, row in enumerate(materials):
            if self._commit.abandoned:
                raise TimeoutError
            if number < len(self._files):
                content = StoredBytes(self._source, self._files[number].file).whole()
                yield {**row, self._column: asyncio.run_coroutine_threadsafe(content, self._loop).result()}
            else:
                yield row
