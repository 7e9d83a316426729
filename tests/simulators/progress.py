"""A case's way through the city: its steps in time, and the result file at the end."""

import asyncio
import hashlib
import itertools
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.simulators import clock
from tests.simulators.books import Upload, digest
from tests.simulators.control import Settings

# outcome → the steps, each with its code on this city's wire
Plans = Mapping[str, Sequence[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Moment:
    """One step that really happened: `number` counts from 1 per case, `at` is unix seconds by the true clock."""

    number: int
    step: str
    code: str
    at: float


async def walk(
    plan: Sequence[tuple[str, str]],
    settings: Settings,
    deliver: Callable[[Moment], Awaitable[None]],
    *,
    apart_s: float = 0.0,
    answered: Callable[[], Awaitable[object]] | None = None,
) -> None:
    """Lets the steps of `plan` happen one after another and hands each to `deliver`.

    What follows FORWARDED is at least `apart_s` later: it is another authority's.
    With `reorder` all happen first, at least `apart_s` from each other, and are handed over shuffled, `pace_s` apart.
    After SUPPLEMENT_ASKED nothing more happens until `answered` returns, where it is given.
    """
    held: list[Moment] = []
    before = ""
    if settings.fault == "swapped_codes":
        plan = [*plan[:-2], *reversed(plan[-2:])]
    for number, (step, code) in enumerate(plan, 1):
        gap_s = settings.pace_s + settings.late_s
        await asyncio.sleep(max(gap_s, apart_s) if settings.reorder or before == "FORWARDED" else gap_s)
        if settings.silent:
            return
        moment, before = Moment(number, step, code, _at(settings)), step
        if settings.reorder:
            held.append(moment)
        else:
            await deliver(moment)
            if step == "SUPPLEMENT_ASKED" and answered is not None:
                await answered()
    for moment in shuffled(held):
        await deliver(moment)
        await asyncio.sleep(settings.pace_s)


def _at(settings: Settings) -> float:
    """Now, or an hour from now for a city that is wrong about it."""
    return clock.now() + (3600 if settings.fault == "future_times" else 0)


def shuffled(moments: list[Moment]) -> list[Moment]:
    """Another order than the true one, the same for the same times."""
    orders = list(itertools.permutations(moments))[1:]
    return list(orders[zlib.crc32(repr(moments).encode()) % len(orders)]) if orders else moments


def result_pdf(case_number: str) -> bytes:
    """A one-page PDF of 1–3 KB, unique per case and the same each time it is asked for."""
    seed = hashlib.sha256(case_number.encode()).hexdigest()
    padding = "\n".join(f"% {hashlib.sha256(f'{seed}{n}'.encode()).hexdigest()}" for n in range(12 + int(seed[0], 16)))
    page = f"BT /F1 14 Tf 72 720 Td (Result of case {case_number}) Tj ET\n{padding}\n"
    bodies = (
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        " /Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        f"<< /Length {len(page)} >>\nstream\n{page}endstream",
    )
    document, offsets = "%PDF-1.4\n", []
    for number, body in enumerate(bodies, 1):
        offsets.append(f"{len(document):010d} 00000 n \n")
        document += f"{number} 0 obj\n{body}\nendobj\n"
    table = f"xref\n0 5\n0000000000 65535 f \n{''.join(offsets)}"
    document += f"{table}trailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n{len(document)}\n%%EOF\n"
    return document.encode("ascii", "replace")


def result_file(our_ref: str, case_number: str) -> Upload:
    """What the city knows of the result of this case."""
    content = result_pdf(case_number)
    return Upload(our_ref, f"办理结果-{case_number[-12:]}.pdf", len(content), digest(content))


def shown_digest(file: Upload, settings: Settings) -> str:
    """The digest the city states: a false one with `wrong_digest`."""
    return digest(file.sha256.encode()) if settings.wrong_digest else file.sha256
