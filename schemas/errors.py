"""错误: one root; the first word of a code says whose side failed: request, gateway or partner."""

from typing import Any, ClassVar


class FieldProblem(dict[str, str]):
    """字段问题: one fault of one field: pointer (RFC 6901), code, message, message_zh."""

    def __init__(self, pointer: str, code: str, message: str, message_zh: str) -> None:
        super().__init__(pointer=pointer, code=code, message=message, message_zh=message_zh)


class CrossCityError(Exception):
    """通办错误: the root of every error we raise on purpose.

    `detail` and `detail_zh` are our own sentences, never a partner's text and never a person's data.
    `facts` become extra members of the RFC 9457 problem document.
    """

    code: ClassVar[str] = ""
    title: ClassVar[str] = ""
    title_zh: ClassVar[str] = ""
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str, detail_zh: str, *, errors: tuple[FieldProblem, ...] = (), **facts: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.detail_zh = detail_zh
        self.errors = errors
        self.facts = facts


class RequestError(CrossCityError):
    """请求方错误: the caller must change something before trying again."""


class GatewayError(CrossCityError):
    """本网关错误: our side failed; the caller did nothing wrong."""


class PartnerError(CrossCityError):
    """对方城市错误: the partner city's side failed."""


class Malformed(RequestError):
    """报文无法解析: the body is not UTF-8 JSON, or is nested too deeply."""

    code, title, title_zh = "request.malformed", "The body cannot be read", "请求报文无法解析"


class Invalid(RequestError):
    """字段有误: the body was read but a field is wrong; `errors` names each."""

    code, title, title_zh = "request.invalid", "A field is wrong", "请求字段有误"


class TooLarge(RequestError):
    """报文过大: the body exceeds the limit named in `limit_bytes`."""

    code, title, title_zh = "request.too_large", "The body is too large", "请求报文过大"


class UnsupportedMedia(RequestError):
    """内容类型不支持: the Content-Type or charset is not accepted here."""

    code, title, title_zh = "request.unsupported_media", "The content type is not accepted", "内容类型不支持"


class KeyMissing(RequestError):
    """缺少幂等键: POST needs an Idempotency-Key header."""

    code, title, title_zh = "request.idempotency_key_missing", "Idempotency-Key is missing", "缺少幂等键"


class IdempotencyMismatch(RequestError):
    """幂等键冲突: the key was used before with another body."""

    code, title, title_zh = "request.idempotency_mismatch", "The key was used with another body", "幂等键已用于其他报文"


class Unauthenticated(RequestError):
    """未通过身份验证: no token, a bad or expired one, or a callback whose signature, time or nonce is wrong."""

    code, title, title_zh = "request.unauthenticated", "Who is calling could not be established", "身份验证未通过"


class Forbidden(RequestError):
    """无权办理: the caller is known but may not do this."""

    code, title, title_zh = "request.forbidden", "The caller may not do this", "无权办理"


class NotFound(RequestError):
    """查无此件: nothing under this identifier that the caller may see."""

    code, title, title_zh = "request.not_found", "Nothing is known under this identifier", "查无此件"


class MethodNotAllowed(RequestError):
    """请求方法不支持: the address exists, but not for this HTTP method."""

    code, title, title_zh = (
        "request.method_not_allowed",
        "This address does not take this method",
        "该地址不支持此请求方法",
    )


class VersionNotSpoken(RequestError):
    """协议版本不支持: a peer uses a version of the peer protocol that is not spoken here; `versions` lists ours."""

    code, title, title_zh = (
        "request.version_not_spoken",
        "This version of the peer protocol is not spoken here",
        "不支持该对等协议版本",
    )


class ItemUnknown(RequestError):
    """事项不存在: the deciding city does not offer this item now."""

    code, title, title_zh = "request.item_unknown", "The deciding city does not offer this item", "属地没有该事项"


class ImportNotUsable(RequestError):
    """导入不可用: it was interrupted, or a later import of the city has taken its place."""

    code, title, title_zh = "request.import_not_usable", "This import cannot be used", "该导入不可用"


class DialectMissing(RequestError):
    """无事项方言: the city's profile does not say how its catalogue is written."""

    code, title, title_zh = "request.dialect_missing", "The city has no catalogue dialect", "该城市没有事项方言"


class AgreementMissing(RequestError):
    """无通办协议: no agreement covers this direction, item and mode."""

    code, title, title_zh = "request.agreement_missing", "No agreement covers this application", "没有适用的通办协议"


class AgreementExpired(RequestError):
    """协议不在有效期: an agreement exists but is not in force today."""

    code, title, title_zh = "request.agreement_expired", "The agreement is not in force", "通办协议不在有效期内"


class ModeNotAvailable(RequestError):
    """办理模式未开通: 授权办理 and 多地联办 are modelled but not carried yet."""

    code, title, title_zh = "request.mode_not_available", "This mode is not available yet", "该办理模式尚未开通"


class MaterialsIncomplete(RequestError):
    """材料不齐: a required material or a required check is missing; `errors` names each."""

    code, title, title_zh = "request.materials_incomplete", "Materials are incomplete", "申请材料不齐全"


class FileUnknown(RequestError):
    """文件不存在: a file id that was never uploaded by this caller."""

    code, title, title_zh = "request.file_unknown", "A referenced file is not here", "引用的文件不存在"


class SourceUnreadable(RequestError):
    """来源无法读取: a catalogue cannot be read; `file`, `sheet`, `row`, `column` say where, if known."""

    code, title, title_zh = "request.source_unreadable", "The source cannot be read", "来源无法读取"


class StepNotAllowed(RequestError):
    """当前状态不允许: the state table has no such step from here; `allowed` lists those it has."""

    code, title, title_zh = "request.step_not_allowed", "This step is not allowed now", "当前状态不允许该操作"


class SerialOverflow(GatewayError):
    """流水号溢出: the day's case-number serial is used up."""

    code, title, title_zh = "gateway.serial_overflow", "The day's case numbers are used up", "当日办件流水号已用完"


class Busy(GatewayError):
    """网关繁忙: the gateway is stopping or its queue is full; the same request may be sent again."""

    code, title, title_zh = "gateway.busy", "The gateway cannot take this now", "网关繁忙，请稍后重试"
    retryable = True


class Internal(GatewayError):
    """网关内部错误: a fault of ours; the number in `instance` finds it in the log."""

    code, title, title_zh = "gateway.internal", "The gateway failed", "网关内部错误"


class AlreadyRunning(GatewayError):
    """网关已在运行: another process holds this data folder."""

    code, title, title_zh = (
        "gateway.already_running",
        "Another gateway uses this data folder",
        "该数据目录已被另一网关占用",
    )


class SeedInvalid(GatewayError):
    """种子数据有误: a seed or profile file does not validate; the detail names file and line."""

    code, title, title_zh = "gateway.seed_invalid", "A seed or profile file is wrong", "种子数据或城市配置有误"


class PartnerUnavailable(PartnerError):
    """对方暂不可达: no connection, or an answer meaning "later". Nothing was booked; send the same message again."""

    code, title, title_zh = "partner.unavailable", "The partner city cannot be reached now", "对方城市暂时无法连接"
    retryable = True

    def __init__(
        self,
        detail: str,
        detail_zh: str,
        *,
        errors: tuple[FieldProblem, ...] = (),
        retry_after_s: float | None = None,
        **facts: Any,
    ) -> None:
        super().__init__(detail, detail_zh, errors=errors, **facts)
        self.retry_after_s = retry_after_s


class PartnerAmbiguous(PartnerError):
    """对方结果不明: sent, no clear answer; whether to send again is the profile's `duplicates`."""

    code, title, title_zh = "partner.ambiguous", "The partner city's answer was lost", "对方是否收到不明确"
    retryable = True


class PartnerRefused(PartnerError):
    """对方业务拒收: the partner read the message and refuses it; sending it again will not help."""

    code, title, title_zh = "partner.refused", "The partner city refuses the message", "对方城市拒收"


class PartnerProtocol(PartnerError):
    """对方应答异常: an answer that the profile does not describe; a person must look."""

    code, title, title_zh = "partner.protocol", "The partner city's answer is not understood", "对方应答无法识别"
