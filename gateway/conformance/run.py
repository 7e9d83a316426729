"""一次检查: what the rules of one run share: the adapter, the applications sent so far, what came back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from adapters.contract import Adapter, AdapterContext
from adapters.profile import CityProfile
from adapters.trial import Trial
from gateway.conformance.applications import PLAIN_NAME, TrialMessages, Wish
from gateway.conformance.contents import TrialFiles
from gateway.conformance.listener import Listener
from gateway.conformance.sending import Sender, say
from gateway.conformance.watching import Watch
from schemas.application import StoredFile
from schemas.errors import CrossCityError
from schemas.message import Acknowledgement, OutboundMessage, ProgressReport

_SMALL_BYTES = 1000
_FOLLOWED_ALWAYS = frozenset({"peer_gateway"})


@dataclass(slots=True)
class Case:
    """试办件: one application of this run; exactly one of `acknowledgement` and `error` is there."""

    message: OutboundMessage
    sent_at: datetime
    acknowledgement: Acknowledgement | None = None
    error: CrossCityError | None = None

    @property
    def sent(self) -> str:
        """What was sent, for the report."""
        files = [one.file for one in self.message.files]
        size = f" {sum(file.size_bytes for file in files)} B" if files else ""
        return f"申请 application {self.message.application_id} {self.message.task_code}, 文件 files {len(files)}{size}"

    @property
    def answered(self) -> str:
        """What was answered at once, for the report."""
        if self.acknowledgement is None:
            return "-" if self.error is None else say(self.error)
        said = self.acknowledgement
        number = said.case_number or said.partner_reference or "-"
        return f"{'重复 duplicate' if said.duplicate else '收下 taken'}, 编号 number {number}"


@dataclass(slots=True)
class Run:
    """一次检查 of one city."""

    profile: CityProfile
    context: AdapterContext
    adapter: Adapter
    sender: Sender
    watch: Watch
    messages: TrialMessages
    wait_s: float
    listener: Listener | None = None
    files: TrialFiles = field(default_factory=TrialFiles)
    cases: dict[str, Case] = field(default_factory=dict)

    async def ordinary(self) -> Case:
        """The application without files that the city is to grant."""
        return await self._once("ordinary", self.messages.trials.ordinary, ())

    async def with_file(self) -> Case:
        """The same with two small files, one of which is empty of meaning and has a name of rare characters."""
        if "with_file" not in self.cases:
            files = [self.files.add("身份证明.pdf", _SMALL_BYTES), self.files.add("b &=?#.pdf", 3 * _SMALL_BYTES)]
            return await self._once("with_file", self.messages.trials.ordinary, files)
        return self.cases["with_file"]

    async def refused(self) -> Case | None:
        """The one that the city is to refuse; None where the profile names none."""
        trial = self.messages.trials.refused
        return None if trial is None else await self._once("refused", trial, ())

    async def asking(self, name: str) -> Case | None:
        """One for which the city asks a supplement; None where the profile names none."""
        trial = self.messages.trials.asks
        return None if trial is None else await self._once(name, trial, ())

    async def another(self, name: str, files: Sequence[StoredFile] = (), applicant: str = PLAIN_NAME) -> Case:
        """One more of the ordinary kind."""
        return await self._once(name, self.messages.trials.ordinary, files, applicant)

    async def send(self, message: OutboundMessage) -> Case:
        """Deliver, and note what came of it."""
        case = Case(message, self.context.now())
        self.watch.known.add(message.application_id)
        try:
            case.acknowledgement = await self.sender.deliver(message, self.files)
        except CrossCityError as error:
            case.error = error
        return case

    def number_of(self, case: Case) -> str | None:
        """Its case number, if the city has said one yet."""
        if case.acknowledgement is not None and case.acknowledgement.case_number:
            return case.acknowledgement.case_number
        return next((one.case_number for one in self.reports(case) if one.case_number), None)

    def reports(self, case: Case) -> list[ProgressReport]:
        """What was reported of it."""
        return self.watch.of(case.message.application_id)

    def steps(self, case: Case) -> str:
        """The same in words, for the report."""
        said = [one.step.value + (f"({one.outcome})" if one.outcome else "") for one in self.reports(case)]
        return "进度 progress " + (" → ".join(said) or "-")

    def operation(self, name: str) -> bool:
        """Whether the profile describes this operation: supplement, withdraw or listing."""
        if self.profile.transport.value in _FOLLOWED_ALWAYS:
            return True
        section = getattr(self.profile, self.profile.transport.value, None)
        places = [section] if name == "listing" else [section, getattr(section, "outgoing", None)]
        names = {"listing": ("listing",)}.get(name, (name, "follow_up", "follow_ups"))
        return any(getattr(place, one, None) is not None for place in places for one in names)

    async def _once(self, name: str, trial: Trial, files: Sequence[StoredFile], applicant: str = PLAIN_NAME) -> Case:
        if name not in self.cases:
            wish = Wish(trial, files, applicant)
            self.cases[name] = await self.send(self.messages.application(wish, self.context.now()))
        return self.cases[name]
