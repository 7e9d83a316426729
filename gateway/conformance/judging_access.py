"""判定：连通与凭证: whether the city answers, reads well, and tells a friend from a stranger."""

from adapters.operations import OAuth2Auth
from adapters.profile import CityProfile, Transport
from adapters.profile_check import check_examples
from gateway.conformance.applications import Wish
from gateway.conformance.run import Run
from gateway.conformance.sending import say
from gateway.conformance.strangers import stranger
from gateway.conformance.verdict import Verdict, failed, not_applicable, passed, untested
from schemas.errors import CrossCityError, PartnerAmbiguous, PartnerProtocol, PartnerRefused, PartnerUnavailable

_DENIED = frozenset({401, 403})
_PING = "探测 ping"


async def examples(run: Run) -> Verdict:
    """配置样例."""
    faults = check_examples(run.profile)
    count = len(run.profile.examples.submit) + len(run.profile.examples.reports)
    if faults:
        return failed(f"样例 examples {count}", "; ".join(faults[:5]), f"{len(faults)} 处不符 / {len(faults)} differ")
    return passed(f"样例 examples {count}", "全部相符 all hold")


async def reachable(run: Run) -> Verdict:
    """连通: anything but silence."""
    error = await _asked(run)
    if isinstance(error, PartnerUnavailable):
        return failed(_PING, say(error), "无法连通 / it cannot be reached")
    return passed(_PING, "有应答 it answers")


async def credentials(run: Run) -> Verdict:
    """凭证有效."""
    error = await _asked(run)
    if isinstance(error, PartnerProtocol) and _denied(error):
        return failed(_PING, say(error), "对方不接受我方凭证 / it does not take our credentials")
    return passed(_PING, "凭证有效 taken") if error is None else untested(say(error))


async def readable(run: Run) -> Verdict:
    """应答可读."""
    error = await _asked(run)
    if isinstance(error, PartnerProtocol) and not _denied(error):
        return failed(_PING, say(error), "应答无法按配置读取 / the answer is not what the profile describes")
    if error is not None:
        return untested(say(error))
    if run.watch.errors and isinstance(run.watch.errors[-1], PartnerProtocol):
        return failed("轮询 poll", say(run.watch.errors[-1]), "进度无法按配置读取 / progress cannot be read")
    return passed(_PING, "可读 readable")


async def credentials_refused(run: Run) -> Verdict:
    """错误凭证: an application that is signed wrongly must not be taken."""
    other = stranger(run.profile, run.context)
    if other is None:
        return not_applicable("该方式没有可以写错的凭证 / there are no credentials to spoil here")
    message = run.messages.application(Wish(run.messages.trials.ordinary), run.context.now())
    sent = f"错误凭证的申请 application {message.application_id} with wrong credentials"
    try:
        answer = await other.deliver(message, run.files)
    except (PartnerProtocol, PartnerRefused) as error:
        return passed(sent, say(error))
    except PartnerUnavailable as error:
        if run.profile.transport in (Transport.SFTP_BATCH, Transport.EXCHANGE_DATABASE) or _has_tokens(run.profile):
            return passed(sent, say(error))
        return failed(sent, say(error), "应明确拒绝，而非稍后再试 / it must refuse, not say later")
    except PartnerAmbiguous as error:
        return failed(sent, say(error), "应明确拒绝 / it must refuse clearly")
    finally:
        await other.close()
    said = answer.case_number or answer.partner_reference or "-"
    return failed(sent, f"收下 taken, {said}", "未验凭证即收下 / it was taken without a check")


async def _asked(run: Run) -> CrossCityError | None:
    """One probe; None where it is answered well."""
    try:
        await run.adapter.probe()
    except CrossCityError as error:
        return error
    return None


def _denied(error: CrossCityError) -> bool:
    return error.facts.get("status") in _DENIED or "credentials" in error.detail


def _has_tokens(profile: CityProfile) -> bool:
    return isinstance(profile.auth, OAuth2Auth)
