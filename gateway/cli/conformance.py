"""tongban conformance: judge a partner's test system by its profile; a table for people, JSON or JUnit for programs."""

import asyncio
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.markup import escape

from adapters.profile import CityProfile
from adapters.registry import ADAPTERS
from gateway.cli.output import err, print_json, print_table
from gateway.cli.profile_settings import profile_with
from gateway.conformance.kit import Options, judge
from gateway.conformance.report import Judged, Report, failures
from gateway.conformance.rules import Level, Rule, load_rules
from gateway.conformance.verdict import Status
from gateway.settings import Settings
from gateway.wiring import adapter_context
from schemas.errors import Invalid

_MARKS = {
    Status.PASS: "[green]通过 pass[/]",
    Status.FAIL: "[red]不通过 fail[/]",
    Status.SKIPPED: "[dim]略过 skipped[/]",
}
_INTERRUPTED = 130
_BY_HAND = "manual"


def conformance(  # noqa: PLR0913 - one parameter for each option
    *,
    profile: Path,
    set_: Annotated[list[str] | None, Parameter(name="--set", negative=())] = None,
    level: Level = Level.BRONZE,
    json: Annotated[bool, Parameter(negative=())] = False,
    junit: Path | None = None,
    only: Annotated[list[str] | None, Parameter(negative=())] = None,
    wait: float | None = None,
    limit: float = 1800.0,
    listen: str = "127.0.0.1:0",
    callback_url: str | None = None,
) -> int:
    """一致性检查: play the gateway against a partner's test system and say, rule by rule, what holds.

    Only against a test system: it books invented applications there, and takes progress away. Exit 0 when the level
    asked for is reached, 1 when not. Secrets come from the environment, as for the gateway.

    Parameters
    ----------
    profile
        The city's profile, a YAML file.
    set_
        url=… or transport.url=…: fills a place ${url} of the profile, or overrides a value. May be repeated.
    level
        bronze, silver or gold.
    json
        Print one JSON document.
    junit
        Write a JUnit XML file, too.
    only
        Judge this rule alone; may be repeated. No level is said then.
    wait
        Seconds in which a case must come to its end; default conformance.within_s of the profile.
    limit
        Seconds for the whole run.
    listen
        Where to listen for the city's callbacks: host:port, port 0 = a free one.
    callback_url
        That address as the city sees it, where it differs; only shown.
    """
    city = profile_with(profile, set_ or [])
    rules = _chosen(load_rules(Settings().seeds_dir), only)
    report = Report(city.code, level, whole=only is None)
    host, port = _address(listen)

    def told(address: str) -> None:
        err.print(f"回调地址 callbacks go to: {callback_url or address}/v1/callbacks/{city.code}", highlight=False)

    def judging(rule: Rule) -> None:
        err.print(f"检查 judging {rule.id} {rule.name_zh}", highlight=False, style="dim")

    options = Options(wait, limit, host, port, told, judging)
    interrupted = False
    try:
        _judge(city, rules, report, options)
    except (KeyboardInterrupt, asyncio.CancelledError):  # which of the two depends on where it was hit
        interrupted = True
    if junit is not None:
        junit.write_bytes(report.as_junit())
    _print(report, rules, json=json)
    return _INTERRUPTED if interrupted else 0 if report.passed else 1


def _judge(city: CityProfile, rules: tuple[Rule, ...], report: Report, options: Options) -> None:
    if city.transport.value == _BY_HAND:
        err.print("人工办理的城市没有接口，无可检查。 A city worked by hand has no interface: nothing to judge.")
        return
    if city.transport not in ADAPTERS:
        hub = "" if city.via is None else f"; judge the profile of {city.via}"
        hub_zh = "" if city.via is None else f"，请检查{city.via}的配置"
        raise Invalid(
            f"The profile describes no interface ({city.transport}){hub}.",
            f"该配置没有接口可检查（{city.transport}）{hub_zh}。",
        )
    try:
        asyncio.run(judge(city, adapter_context(Settings()), rules, report, options))
    except OSError as error:
        raise Invalid(f"Cannot listen: {error.strerror}.", f"无法监听：{error.strerror}。") from None


def _chosen(rules: tuple[Rule, ...], only: list[str] | None) -> tuple[Rule, ...]:
    if only is None:
        return rules
    known = {rule.id for rule in rules}
    if unknown := sorted(set(only) - known):
        listed = ", ".join(sorted(known))
        raise Invalid(f"There is no rule {unknown}; there are {listed}.", f"没有规则{unknown}；有：{listed}。")
    return tuple(rule for rule in rules if rule.id in only)


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not (port.isascii() and port.isdecimal()) or int(port) > 65535:
        raise Invalid("--listen is host:port.", "--listen应为“主机:端口”。")
    return host, int(port)


def _print(report: Report, rules: tuple[Rule, ...], *, json: bool) -> None:
    if json:
        print_json(report.as_json())
        return
    console = Console()
    if not console.is_terminal:
        console = Console(width=150)
    for one in report.results:
        _print_rule(console, one)
    counts = [(report.count(Status.PASS), report.count(Status.FAIL), report.count(Status.SKIPPED), len(rules))]
    print_table(f"{report.city}", ("通过 pass", "不通过 fail", "略过 skipped", "规则 rules"), counts)
    said = f"级别 level: {report.level}" if report.whole else "只检查了部分规则 some rules only"
    console.print(
        f"{said}; {'达到 reached' if report.passed else '未达到 not reached'}: {report.asked}", highlight=False
    )
    if bad := failures(report.results):
        console.print(f"不通过 failed: {', '.join(one.rule.id for one in bad)}", highlight=False)


def _print_rule(console: Console, one: Judged) -> None:
    """What was judged, what went out and came back, what it is for; what to do where it failed."""
    rule, verdict = one.rule, one.verdict
    console.print(
        f"{_MARKS[verdict.status]} [bold]{rule.id}[/] {rule.name_zh} {rule.name} [dim]{rule.level}[/]", highlight=False
    )
    lines = [("发出 sent", verdict.sent), ("收到 received", verdict.received), ("说明 reason", verdict.reason)]
    lines += [("为何 why", f"{rule.purpose_zh} {rule.purpose}")]
    if verdict.status is Status.FAIL:
        lines += [("下一步 next", f"{rule.next_zh} {rule.next}")]
    for name, text in lines:
        if text:
            console.print(f"    {name}: {escape(text)}", highlight=False, soft_wrap=True)
