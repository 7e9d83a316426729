"""Random loss, doubling and reordering between two gateways: doing what reconciliation suggests makes them agree."""

from collections.abc import Callable

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from gateway.domain.lifecycle import Stage
from gateway.domain.reconciliation_acts import Act
from tests.domain.two_gateways import Fate, TwoGateways

ACTS = frozenset({Act.RESEND, Act.QUERY, Act.SETTLE})
EVENTS = st.lists(
    st.tuples(st.sampled_from(["submit", "send", "work", "withdraw", "late", "stray", "lose"]), st.integers(0, 4)),
    max_size=40,
)


def happen(world: TwoGateways, what: str, number: int) -> None:
    """One thing that happens before anybody reconciles."""
    things: dict[str, Callable[[], None]] = {
        "submit": lambda: world.submit(number),
        "send": world.send,
        "work": lambda: world.work(number),
        "withdraw": lambda: world.withdraw(number),
        "late": world.what_was_late,
        "stray": lambda: world.stray(number),
        "lose": lambda: world.lose(number),
    }
    things[what]()


@settings(max_examples=400)
@given(st.sampled_from(["idempotent", "query_first", "unsafe"]), st.lists(st.sampled_from(Fate), max_size=60), EVENTS)
def test_both_sides_come_to_agree(duplicates: str, fates: list[Fate], events: list[tuple[str, int]]) -> None:
    world = TwoGateways(duplicates, fates, ACTS)
    for what, number in events:
        happen(world, what, number)
    event(f"agreed before: {not world.outbox and world.agreed()}")
    assert world.converge()
    assert world.agreed()
    assert all(case.folded.stage is not Stage.SUBMITTED for case in world.here.values())


def lost_application(acts: frozenset[Act]) -> TwoGateways:
    world = TwoGateways("idempotent", [Fate.LOST], acts)
    world.submit(1)
    world.send()
    return world


def lost_withdrawal(acts: frozenset[Act]) -> TwoGateways:
    world = TwoGateways("idempotent", [Fate.ARRIVES, Fate.ARRIVES, Fate.LOST], acts)
    world.submit(1)
    world.send()
    world.withdraw(0)
    world.send()
    return world


def lost_report(acts: frozenset[Act]) -> TwoGateways:
    world = TwoGateways("idempotent", [Fate.ARRIVES, Fate.ARRIVES, Fate.LOST, Fate.LOST], acts)
    world.submit(1)
    world.send()
    world.work(0)
    world.work(0)
    return world


def double_booking(acts: frozenset[Act]) -> TwoGateways:
    world = TwoGateways("query_first", [Fate.TWICE], acts)
    world.submit(1)
    world.send()
    return world


NEEDED = [
    (lost_application, Act.RESEND),
    (lost_withdrawal, Act.RESEND),
    (lost_report, Act.QUERY),
    (double_booking, Act.SETTLE),
]


@pytest.mark.parametrize(("scene", "needed"), NEEDED)
def test_no_act_can_be_left_out(scene: Callable[[frozenset[Act]], TwoGateways], needed: Act) -> None:
    assert not scene(ACTS).agreed()
    whole = scene(ACTS)
    assert whole.converge()
    assert whole.agreed()
    without = scene(ACTS - {needed})
    assert not without.converge()
    assert not without.agreed()
