"""命令行: `tongban`, one file per command group. Exit 64 = usage error; --json prints exactly one document."""

import sys

from cyclopts import App, CycloptsError

from gateway.cli.refusal import ApiError
from gateway.telemetry import configure
from schemas.errors import CrossCityError

_HELP = "通办网关 the gateway that carries government service applications (办件) between cities."

app = App(name="tongban", help=_HELP, version="0.1.0", help_format="plaintext")
for name in ("serve", "seed", "demo", "normalize", "conformance", "verify"):
    app.command(f"gateway.cli.{name}:{name}", name=name)
for name in (
    "keys",
    "token",
    "inbound",
    "outbox",
    "cities",
    "catalogue",
    "items",
    "manual",
    "reconcile",
    "bench",
    "simulate",
    "trust",
):
    app.command(f"gateway.cli.{name}:app", name=name)  # by its place: a command imports what it needs, no other does


def main(argv: list[str] | None = None) -> None:
    """Run one command; errors print one sentence in Chinese and English, and what to do next."""
    configure()
    words = sys.argv[1:] if argv is None else argv
    if not words or words[0] in {"--help", "-h"}:
        _ = [app[name] for name in app]  # the list of commands says what each does: now all are needed
    try:
        result = app(words, exit_on_error=False, print_error=True)
    except CycloptsError:
        raise SystemExit(64) from None
    except (CrossCityError, ApiError) as error:
        _explain(error)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    raise SystemExit(result if isinstance(result, int) else 0)


def _explain(error: CrossCityError | ApiError) -> None:
    if isinstance(error, CrossCityError):
        lines = [f"{error.title_zh}: {error.detail_zh}", f"{error.title}: {error.detail}"]
        lines += [f"  {problem['pointer']}: {problem['message_zh']} / {problem['message']}" for problem in error.errors]
    else:
        problem = error.problem
        lines = [f"{problem.get('title_zh', '')}: {problem.get('detail_zh', '')}"]
        lines += [f"{problem.get('title', '')}: {problem.get('detail', '')}", f"  {problem.get('instance', '')}"]
        lines += [f"  {p['pointer']}: {p['message_zh']} / {p['message']}" for p in problem.get("errors", [])]
    sys.stderr.write("\n".join(lines) + "\n")
