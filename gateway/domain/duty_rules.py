"""受理要点规则: who does what in each mode. A table of sentences; the facts behind it are those of the documents named.

Modes and the parting of receiving from deciding (收受分离): 国办发〔2020〕35号.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from schemas.agreement import Mode
from schemas.duty_sheet import Duty

GUIDANCE = "国办发〔2020〕35号"
LICENSING_LAW = "行政许可法第三十二条（非许可事项参照）"
OURS = "本项目规则"
REPORTS = "公开报道（未核实）"


@dataclass(frozen=True, slots=True)
class ModeDuties:
    """一种模式的要点."""

    must: tuple[Duty, ...]
    must_not: tuple[Duty, ...]
    window_checks: bool
    """Whether the collecting window looks at materials."""


def _duty(text_zh: str, basis: str = GUIDANCE) -> Duty:
    return Duty(text_zh=text_zh, basis=basis, confirmed=basis != REPORTS)


_IDENTITY = _duty("核验申请人身份：本人到场的核对证件原件与本人一致；由经办人代办的另核对授权委托书和经办人证件。")
_FORMAL = _duty("对申请材料作形式审查：是否齐全、是否符合规定形式，逐项对照下列材料要点。")
_TOLD_ONCE = _duty("材料不齐全或不符合形式的，一次性告知需要补正的全部内容。", LICENSING_LAW)
_CONSENT = _duty("取得申请人对跨城传送其信息和材料的同意。", OURS)
_RECEIPT = _duty("收件后出具收件凭证，写明收件时间和查询方式。", OURS)
_NO_SHARED_ORIGINALS = _duty("不得要求提交已能通过电子证照共享取得的材料原件。")
_NO_EXTRA = _duty("不得要求属地材料清单以外的材料，本地同类事项的要求不适用于此件。", OURS)
_NO_SUBSTANCE = _duty("不得作实质审查，不得代替属地作出受理、不予受理或准予、不予的决定：事权不变。")
_NO_BLAME = _duty("属地不得把实质审查的责任转给收件地；收件地只对身份核验和形式审查负责。")
_NO_SHUTTLE = _duty("不得要求申请人在各地之间往返。")

MODE_DUTIES: Mapping[Mode, ModeDuties] = MappingProxyType(
    {
        Mode.ONLINE: ModeDuties(
            must=(
                _duty("由申请人在线申请，平台实名认证即完成身份核验；到窗口的申请人，可指导其在线办理。"),
                _duty("材料由属地审查，结果由属地以电子方式或邮寄送达。"),
                _CONSENT,
            ),
            must_not=(_duty("不得强制申请人到现场。"), _NO_SHARED_ORIGINALS, _NO_EXTRA),
            window_checks=False,
        ),
        Mode.COLLECT: ModeDuties(
            must=(_IDENTITY, _CONSENT, _FORMAL, _TOLD_ONCE, _RECEIPT),
            must_not=(_NO_SUBSTANCE, _NO_SHARED_ORIGINALS, _NO_EXTRA, _NO_BLAME, _NO_SHUTTLE),
            window_checks=True,
        ),
        Mode.DELEGATED: ModeDuties(
            must=(
                _IDENTITY,
                _CONSENT,
                _duty("按授权范围办理。可授权的有受理权、一次性告知权、原件核验权、送达权，以授权文件为准。", REPORTS),
                _duty("在办件中写明实际办理机构和法定实施机构：权力仍属属地。"),
                _TOLD_ONCE,
                _RECEIPT,
            ),
            must_not=(_duty("不得超出授权范围作决定。"), _NO_SHARED_ORIGINALS, _NO_EXTRA, _NO_SHUTTLE),
            window_checks=True,
        ),
        Mode.JOINT: ModeDuties(
            must=(
                _IDENTITY,
                _CONSENT,
                _duty("由首个收件的地方作形式审查，其他地方各办各的部分，由牵头地协调。"),
                _FORMAL,
                _TOLD_ONCE,
                _RECEIPT,
            ),
            must_not=(_NO_SUBSTANCE, _NO_SHARED_ORIGINALS, _NO_EXTRA, _NO_SHUTTLE),
            window_checks=True,
        ),
    }
)
