"""A model of two gateways and the wire between them, which loses, doubles and reorders in both directions.

What reconciles them is the real thing: the digest, the comparison, the suggestion. Only sending, asking and the person
who settles are played here.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from gateway.domain.folding import Fact, Folded, fold
from gateway.domain.lifecycle import ENDED, TRANSITIONS, Stage
from gateway.domain.reconciliation import (
    Difference,
    History,
    Kind,
    OurCase,
    Sending,
    compare,
    local_differences,
    odd_states,
)
from gateway.domain.reconciliation_acts import Act, CityWays, suggest
from gateway.domain.reconciliation_digest import LISTED, bucket_of, differing, digest, state_word
from schemas.message import ListedCase, Outcome, Step

DAY = date(2026, 11, 23)
_BEGAN = datetime(2026, 11, 23, 1, tzinfo=UTC)
_WAY = (Step.ACCEPTED, Step.DECIDED)


class Fate(StrEnum):
    """What the wire does with one message."""

    ARRIVES = "arrives"
    LOST = "lost"
    """The sender believes that it arrived."""
    NO_ANSWER = "no_answer"
    """It arrived, and the sender does not know."""
    TWICE = "twice"
    LATE = "late"
    """After others that were sent later."""


@dataclass
class Booking:
    """A case as the deciding city has it."""

    number: str
    facts: list[Fact] = field(default_factory=list)

    @property
    def folded(self) -> Folded:
        return fold(self.facts)


@dataclass
class Ours:
    """A case as the collecting city has it."""

    facts: dict[str, Fact] = field(default_factory=dict)
    pushed: bool = False
    held: bool = False
    withdrawn: Fact | None = None
    number: str | None = None
    """As a person noted it."""

    @property
    def folded(self) -> Folded:
        facts = [*self.facts.values(), *([self.withdrawn] if self.withdrawn else [])]
        return fold(facts, start=Stage.PUSHED if self.pushed or self.facts else Stage.SUBMITTED)


class TwoGateways:
    """Both sides, and what travels between them."""

    def __init__(self, duplicates: str, fates: Iterable[Fate], acts: frozenset[Act]) -> None:
        self.ways = CityWays(duplicates, told_again=True)
        self.fates = deque(fates)
        self.acts = acts
        self.here: dict[str, Ours] = {}
        self.there: dict[str, list[Booking]] = {}
        self.outbox: deque[tuple[str, Step]] = deque()
        self.late: list[tuple[str, Fact]] = []
        self.done: dict[tuple[str, Kind], set[Act]] = {}
        self._count = 0

    # --- what happens by itself

    def fate(self) -> Fate:
        return self.fates.popleft() if self.fates else Fate.ARRIVES

    def submit(self, number: int) -> None:
        application_id = str(UUID(int=(0x0193A000 << 96) | (7 << 76) | (2 << 62) | number))
        if application_id not in self.here:
            self.here[application_id] = Ours()
            self.outbox.append((application_id, Step.PUSHED))

    def withdraw(self, number: int) -> None:
        application_id = sorted(self.here)[number % len(self.here)] if self.here else ""
        case = self.here.get(application_id)
        if case is None or (case.folded.stage, Step.WITHDRAWN) not in TRANSITIONS or not case.pushed:
            return
        self._count += 1
        recorded = max((fact.recorded for fact in case.facts.values()), default=0) + 1
        case.withdrawn = Fact("ours", Step.WITHDRAWN, self._now(), None, None, None, ours=True, recorded=recorded)
        self.outbox.append((application_id, Step.WITHDRAWN))

    def send(self) -> None:
        """Everything in the outbox, once; what got no answer stays there where it may be sent again."""
        for _ in range(len(self.outbox)):
            application_id, step = self.outbox.popleft()
            if step is Step.WITHDRAWN:
                self._send_withdrawal(application_id)
            else:
                self._send_application(application_id)

    def _send_application(self, application_id: str) -> None:
        case = self.here[application_id]
        if self.ways.duplicates == "query_first" and application_id in self.there:
            case.pushed = True  # the lane asked first
            return
        fate = self.fate()
        for _ in range(0 if fate is Fate.LOST else 2 if fate is Fate.TWICE else 1):
            self._book(application_id)
        if fate is not Fate.NO_ANSWER:
            case.pushed = True
        elif self.ways.duplicates == "unsafe":
            case.held = True
        else:
            self.outbox.append((application_id, Step.PUSHED))

    def _book(self, application_id: str) -> None:
        booked = self.there.setdefault(application_id, [])
        if not booked or self.ways.duplicates != "idempotent":
            self._count += 1
            booked.append(Booking(f"N{self._count}"))
            self._happens(application_id, booked[-1], Step.ARRIVED)

    def _send_withdrawal(self, application_id: str) -> None:
        booked = self.there.get(application_id)
        if self.fate() is not Fate.LOST and booked and (booked[0].folded.stage, Step.WITHDRAWN) in TRANSITIONS:
            self._happens(application_id, booked[0], Step.WITHDRAWN)

    def work(self, number: int) -> None:
        """The deciding city takes the next step of one of its cases."""
        if self.there:
            application_id = sorted(self.there)[number % len(self.there)]
            booking = self.there[application_id][0]
            following = [step for step in _WAY if (booking.folded.stage, step) in TRANSITIONS]
            if following:
                self._happens(application_id, booking, following[0])

    def _happens(self, application_id: str, booking: Booking, step: Step) -> None:
        self._count += 1
        sequence = len(booking.facts) + 1
        outcome = Outcome.GRANTED if step is Step.DECIDED else None
        fact = Fact(f"{booking.number}:{sequence}", step, self._now(), sequence, booking.number, outcome)
        booking.facts.append(fact)
        match self.fate():
            case Fate.LOST:
                pass
            case Fate.LATE:
                self.late.append((application_id, fact))
            case fate:
                for _ in range(2 if fate is Fate.TWICE else 1):
                    self._hear(application_id, fact)

    def _now(self) -> datetime:
        return _BEGAN + timedelta(minutes=self._count)

    def _hear(self, application_id: str, fact: Fact) -> None:
        if application_id in self.here:
            self.here[application_id].facts.setdefault(fact.report_id, fact)

    def what_was_late(self) -> None:
        for application_id, fact in reversed(self.late):
            self._hear(application_id, fact)
        self.late.clear()

    def stray(self, number: int) -> None:
        """The deciding city has a case that the collecting city knows nothing of."""
        self.there.setdefault(f"0193a000-0000-7000-8000-00000000ff0{number}", [Booking(f"S{number}")])

    def lose(self, number: int) -> None:
        """The deciding city goes back to an old copy of its books."""
        for lost in sorted(self.there)[number : number + 1]:
            del self.there[lost]

    # --- reconciliation

    def differences(self) -> list[Difference]:
        """As a run would find them: by digest, then by the lists of what differs."""
        ours = {number: self._as_ours(number, case) for number, case in self.here.items()}
        found = list(local_differences(ours.values(), overdue_s=0))
        here = digest("445200", "350600", DAY, self._words_here(ours))
        there = digest("445200", "350600", DAY, self._words_there())
        buckets = differing(here, there)
        lines = [line for number in self.there if bucket_of(number) in buckets for line in self._lines(number)]
        expected = [number for number, case in ours.items() if case.handed_over and bucket_of(number) in buckets]
        histories = {number: self._history(number) for number in odd_states(ours, lines)}
        return found + list(compare(ours, lines, expected=expected, histories=histories, live=True).differences)

    def _as_ours(self, number: str, case: Ours) -> OurCase:
        folded = case.folded
        on_its_way = (
            Sending.HELD if case.held else Sending.READY if (number, Step.PUSHED) in self.outbox else Sending.NONE
        )
        there = case.pushed or bool(case.facts)
        known_as = case.number or folded.case_number
        return OurCase(
            number, folded.stage, folded.outcome, known_as, handed_over=there, sending=on_its_way, waited_s=1.0
        )

    def _words_here(self, ours: dict[str, OurCase]) -> list[tuple[str, str]]:
        words = ((number, state_word(case.stage, case.outcome)) for number, case in ours.items() if case.handed_over)
        return [(number, word) for number, word in words if word is not None]

    def _words_there(self) -> list[tuple[str, str]]:
        """One word for each booking: two of a case make another digest than one."""
        found = []
        for number, booked in self.there.items():
            for booking in booked:
                word = state_word(booking.folded.stage, booking.folded.outcome)
                found.append((number, str(word)))
        return found

    def _lines(self, number: str) -> list[ListedCase]:
        return [
            ListedCase(
                application_id=UUID(number),
                case_number=booking.number,
                step=LISTED[booking.folded.stage],
                outcome=booking.folded.outcome,
            )
            for booking in self.there[number]
        ]

    def _history(self, number: str) -> History:
        case = self.here[number]
        steps = {fact.step for fact in case.facts.values()} | ({Step.WITHDRAWN} if case.withdrawn else set())
        confirmed = any(fact.step is Step.WITHDRAWN for fact in case.facts.values())
        waiting = case.withdrawn is not None and not confirmed
        unanswered = waiting and (number, Step.WITHDRAWN) not in self.outbox
        return History(frozenset(steps), waiting=waiting, unanswered=unanswered)

    def act(self, difference: Difference) -> None:
        """Do what is suggested; what did not help before is not suggested again."""
        number = difference.application_id
        stage = self.here[number].folded.stage if number in self.here else None
        done = self.done.setdefault((number, difference.kind), set())
        chosen = suggest(difference, self.ways, stage=stage, done=done)
        if chosen not in self.acts:
            return
        done.add(chosen)
        if chosen is Act.RESEND:
            step = Step.WITHDRAWN if difference.kind is Kind.STATE_DIFFERS else Step.PUSHED
            self.here[number].held = False
            if (number, step) not in self.outbox:
                self.outbox.append((number, step))
        elif chosen is Act.QUERY:
            self._told_again()
        elif chosen is Act.SETTLE:
            self._settle(difference)

    def _told_again(self) -> None:
        for number, booked in self.there.items():
            for booking in booked:
                for fact in booking.facts:
                    self._hear(number, fact)

    def _settle(self, difference: Difference) -> None:
        """What a person who has both books before them does."""
        number = difference.application_id
        booked = self.there.get(number, [])
        match difference.kind:
            case Kind.MISSING_HERE:
                del self.there[number]
            case Kind.DOUBLED:
                del booked[1:]
            case Kind.NUMBER_DIFFERS:
                self.here[number].number = booked[0].number
            case Kind.MISSING_THERE | Kind.NOT_SENT:
                self.here[number].pushed, self.here[number].held = True, False
                if not booked:
                    self._book(number)
            case _:
                case = self.here[number]
                case.withdrawn = None
                case.facts = {fact.report_id: fact for fact in booked[0].facts}

    def converge(self, rounds: int = 12) -> bool:
        """Whether both sides come to agree."""
        for _ in range(rounds):
            self.send()
            self.what_was_late()
            found = self.differences()
            for difference in found:
                self.act(difference)
            if not found and not self.outbox:
                return True
        return False

    def agreed(self) -> bool:
        """The same cases, each once, at the same stage with the same outcome, whatever anybody was told."""
        ours = {number: state_word(case.folded.stage, case.folded.outcome) for number, case in self.here.items()}
        theirs = {
            number: [state_word(booking.folded.stage, booking.folded.outcome) for booking in booked]
            for number, booked in self.there.items()
        }
        return {number: [word] for number, word in ours.items()} == theirs

    def ended(self) -> int:
        return sum(booking.folded.stage in ENDED for booked in self.there.values() for booking in booked)
