"""名额: how many messages a hub takes at once. Its cities' lanes share them, each in its turn."""

from collections.abc import Callable


class Places:
    """Counted places. A lane that found none is called, oldest first, when there is one again."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: dict[Callable[[], None], None] = {}

    def take(self, wake: Callable[[], None]) -> bool:
        """Take a place; with none free, `wake` is called once there is one. It takes the place, or leaves it."""
        if self._free:
            self._free -= 1
            return True
        self._waiting[wake] = None
        return False

    def give(self) -> None:
        """Give a place back; whoever waits longest is asked first."""
        self._free += 1
        while self._free and self._waiting:
            wake = next(iter(self._waiting))
            del self._waiting[wake]
            wake()
