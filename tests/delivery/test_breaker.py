"""When a city may be sent to: after several failures not for a while, then one message, whose end decides."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from gateway.delivery.breaker import Breaker


def opened(threshold: int = 2) -> Breaker:
    """One that opened at 0 and may be tried at 1000."""
    breaker = Breaker(threshold, first_pause_s=1)
    for _ in range(threshold):
        breaker.failed(0)
    assert breaker.state == "open"
    return breaker


def probing(breaker: Breaker, at_ms: int = 1000) -> int:
    assert breaker.may_send(at_ms)
    assert breaker.probe
    return breaker.probe


def test_it_opens_probes_once_and_closes() -> None:
    breaker = Breaker(threshold=2, first_pause_s=1)
    assert breaker.may_send(0)
    breaker.failed(0)
    assert (breaker.state, breaker.probe) == ("closed", 0)
    breaker.failed(10)
    assert (breaker.state, breaker.may_send(500), breaker.wait_ms(500)) == ("open", False, 510)
    breaker.failed(600)
    assert breaker.retry_at_ms == 1010, "an older message that was already on its way changes nothing"
    probe = probing(breaker, 1010)
    assert (breaker.state, breaker.may_send(1020), breaker.wait_ms(1020)) == ("half_open", False, None)
    breaker.failed(1030, probe)
    assert (breaker.state, breaker.may_send(2000)) == ("open", False)
    probe = probing(breaker, 3030)
    breaker.succeeded(probe)
    assert (breaker.state, breaker.failures, breaker.may_send(3031)) == ("closed", 0, True)
    assert breaker.probe == 0


def test_pauses_double_up_to_two_minutes() -> None:
    breaker = opened()
    waits, now_ms = [], 0
    for _ in range(12):
        assert breaker.retry_at_ms is not None
        waits.append((breaker.retry_at_ms - now_ms) / 1000)
        now_ms = breaker.retry_at_ms
        breaker.failed(now_ms, probing(breaker, now_ms))
    assert waits == [1, 2, 4, 8, 16, 32, 64, 120, 120, 120, 120, 120]


def test_an_answer_in_between_starts_the_count_anew() -> None:
    breaker = Breaker(threshold=2, first_pause_s=1)
    for now_ms in range(0, 100, 10):
        breaker.failed(now_ms)
        breaker.succeeded()
    assert breaker.state == "closed"


def test_an_older_message_that_is_answered_closes_it_too() -> None:
    breaker = opened()
    probe = probing(breaker)
    breaker.succeeded()
    assert (breaker.state, breaker.may_send(1001)) == ("closed", True)
    breaker.failed(1002, probe)
    assert (breaker.state, breaker.failures) == ("closed", 1), "the probe that was is now one failure of many"


def test_only_the_probe_ends_the_probe() -> None:
    breaker = opened()
    probe = probing(breaker)
    breaker.released(0)
    breaker.failed(1001)
    breaker.released(probe + 1)
    assert not breaker.may_send(1002)
    breaker.released(probe)
    assert breaker.may_send(1002), "what came of it says nothing: the next one is the probe"


def test_a_batch_that_fails_is_one_failure() -> None:
    breaker = Breaker(threshold=2, first_pause_s=1)
    for _ in range(500):
        breaker.failed(100, began_ms=10)
    assert (breaker.state, breaker.failures) == ("closed", 1)
    for _ in range(500):
        breaker.failed(300, began_ms=200)
    assert (breaker.state, breaker.failures) == ("open", 2)


def test_a_city_that_asks_for_patience_is_left_alone_and_not_down() -> None:
    breaker = Breaker(threshold=2, first_pause_s=1)
    breaker.failed(0)
    breaker.asked_to_wait(0, 30)
    assert (breaker.state, breaker.waiting, breaker.failures) == ("closed", True, 0)
    breaker.asked_to_wait(10, 5)
    assert breaker.wait_ms(10) == 29_990, "the longest of what it asked for"
    breaker.succeeded()
    assert not breaker.may_send(29_999), "an older message's answer does not end the patience"
    probe = probing(breaker, 30_000)
    assert not breaker.may_send(30_001)
    breaker.asked_to_wait(30_002, 5, probe)
    assert (breaker.waiting, breaker.wait_ms(30_002)) == (True, 5000)
    breaker.succeeded(probing(breaker, 35_002))
    assert (breaker.waiting, breaker.wait_ms(35_003)) == (False, 0)


def test_patience_that_ends_in_failures() -> None:
    breaker = Breaker(threshold=2, first_pause_s=1)
    breaker.asked_to_wait(0, 2)
    breaker.failed(2001, probing(breaker, 2000))
    assert (breaker.state, breaker.wait_ms(2001)) == ("closed", 0), "one failure is one failure"
    breaker.asked_to_wait(3000, 60)
    breaker.failed(3001)
    breaker.failed(3002)
    assert (breaker.state, breaker.retry_at_ms) == ("open", 63_000), "it is not asked earlier than it wants"


def test_a_city_that_was_down_and_is_busy_is_up() -> None:
    breaker = opened()
    breaker.asked_to_wait(1001, 3, probing(breaker))
    assert (breaker.state, breaker.waiting, breaker.may_send(2000)) == ("closed", True, False)
    assert breaker.may_send(4001)


@dataclass
class Played:
    """A lane of endless messages at a city that does as it is told."""

    breaker: Breaker
    now_ms: int = 0
    under_way: list[tuple[int, int]] = field(default_factory=list)
    """Probe number (0 = none) and the moment each was sent."""

    def probes(self) -> int:
        return sum(1 for probe, _ in self.under_way if probe and probe == self.breaker.probe)

    def send(self, most: int) -> None:
        while len(self.under_way) < most and self.breaker.may_send(self.now_ms):
            self.under_way.append((self.breaker.probe, self.now_ms))
            assert self.probes() <= 1

    def end(self, which: int, how: str) -> None:
        if not self.under_way:
            return
        probe, _ = self.under_way.pop(which % len(self.under_way))
        match how:
            case "answered":
                self.breaker.succeeded(probe)
            case "failed":
                self.breaker.failed(self.now_ms, probe)
            case "busy":
                self.breaker.asked_to_wait(self.now_ms, 2, probe)
            case _:
                self.breaker.released(probe)


STEP = st.tuples(
    st.integers(0, 4000), st.integers(0, 9), st.sampled_from(["answered", "failed", "failed", "busy", "nothing"])
)


@given(st.lists(STEP, max_size=60), st.integers(1, 4))
def test_at_most_one_probe_and_never_stuck(steps: list[tuple[int, int, str]], threshold: int) -> None:
    played = Played(Breaker(threshold, first_pause_s=1))
    for later_ms, which, how in steps:
        played.now_ms += later_ms
        before = played.breaker.retry_at_ms
        sent_before = len(played.under_way)
        played.send(most=8)
        if before is not None:
            assert len(played.under_way) - sent_before <= 1, "while a city is left alone one message at most goes"
        played.end(which, how)
        assert played.breaker.probe == 0 or played.probes() == 1, "a probe that is awaited is under way"
    while played.under_way:
        played.end(0, "nothing")
    played.now_ms += 121_000
    assert played.breaker.may_send(played.now_ms), "whatever happened, a message goes again"
    played.breaker.succeeded(played.breaker.probe)
    assert (played.breaker.state, played.breaker.waiting) == ("closed", False)
