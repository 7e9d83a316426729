"""核验条件: what every check is judged by: the trust snapshot, the policy and the moment."""

from dataclasses import dataclass
from datetime import datetime

from gateway.trust.policy import Policy
from gateway.trust.snapshot import TrustSnapshot


@dataclass(frozen=True, slots=True)
class Judging:
    """核验条件. `now` is the moment for which the verdict holds, not the clock's."""

    snapshot: TrustSnapshot
    policy: Policy
    now: datetime
