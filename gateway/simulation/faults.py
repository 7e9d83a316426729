"""模拟故障: by name, for drills; what each makes the simulated city do wrong."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from adapters.profile import CityProfile, Transport
from schemas.errors import Invalid

FAULTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "late": ("每一步都晚5秒", "every step comes 5 seconds later"),
        "silent": ("不报进度", "no progress is reported"),
        "duplicated": ("每条进度报两次", "every report comes twice"),
        "reordered": ("进度倒序到达", "reports come in reverse order"),
        "truncated": ("应答或文件被截断", "answers or files are cut off"),
        "wrong_charset": ("文字编码与声明不符", "texts are in another charset than stated"),
        "skewed_clock": ("时钟快10分钟", "the clock is 10 minutes ahead"),
        "storm_5xx": ("大部分请求返回503", "most requests are answered 503"),
        "wrong_digest": ("结果文件的摘要不对", "the digest of result files is false"),
        "double_booking": ("重复报文再登记一次", "a repeated message is booked again"),
        "lost_file": ("结果文件取不到", "result files are not there"),
        "unsigned_callback": ("回调没有签名", "callbacks are not signed"),
        "unknown_code": ("状态代码不在表内", "a status code that is in no table"),
        "swapped_codes": ("受理与办结的次序颠倒", "acceptance and decision are swapped"),
        "cursor_skips": ("游标跳过一条", "the cursor skips a row"),
        "future_times": ("时间写成一小时后", "times are an hour in the future"),
        "foreign_report": ("报来别人的办件", "somebody else's case is reported"),
        "changing_reports": ("同一进度每次时间不同", "a report has another time each time it is read"),
        "open_door": ("不验凭证", "credentials are not checked"),
        "same_number": ("所有办件同号", "all cases have one number"),
        "ignored_supplement": ("补正之后不再继续", "after a supplement nothing happens"),
        "unlisted": ("对账清单漏一件", "the listing lacks a case"),
    }
)
"""Name → what it does, in both languages."""
_CALLED = frozenset({Transport.REST, Transport.SOAP})
_ONLY: Mapping[str, frozenset[Transport]] = MappingProxyType(
    {
        "storm_5xx": _CALLED,
        "open_door": _CALLED,
        "cursor_skips": _CALLED,
        "changing_reports": _CALLED,
        "truncated": _CALLED | {Transport.SFTP_BATCH},
        "wrong_charset": _CALLED | {Transport.SFTP_BATCH},
    }
)
LATE_S = 5.0
SKEW_S = 600.0


@dataclass(frozen=True, slots=True)
class Faults:
    """开启的故障."""

    on: frozenset[str] = field(default_factory=frozenset)

    def __contains__(self, name: str) -> bool:
        return name in self.on


def faults_of(names: Collection[str], profile: CityProfile) -> Faults:
    """Those asked for. Invalid for a name there is not, or one that this city has no way to show."""
    for name in names:
        if name not in FAULTS:
            listed = ", ".join(FAULTS)
            raise Invalid(f"There is no fault {name!r}; there are {listed}.", f"没有故障“{name}”；有：{listed}。")
        if profile.transport not in _ONLY.get(name, frozenset(Transport)) or not _shows(name, profile):
            raise Invalid(f"This city has no way to show the fault {name}.", f"该城市的接口方式表现不出故障“{name}”。")
    return Faults(frozenset(names))


def _shows(name: str, profile: CityProfile) -> bool:
    if name == "unsigned_callback":
        return profile.inbound is not None and profile.inbound.callback is not None
    if name in ("cursor_skips", "changing_reports"):
        return profile.collection is not None
    return True
