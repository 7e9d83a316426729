"""What a REST profile may not say is refused with file and line; hooks: what they may do, and when they fail."""

from pathlib import Path
from typing import Any

import pytest

from adapters.contract import AdapterContext
from adapters.hooks import load_hooks
from adapters.profile import load_profile
from adapters.rest import RestAdapter
from schemas.errors import PartnerProtocol, PartnerUnavailable, SeedInvalid
from tests.adapters.messages import message_to
from tests.adapters.rest_city import NOW, accepted, example, profile_of, profile_text, rest_city

STEPS = example("steps")
BROKEN: list[tuple[str, str, str, str, str]] = [
    # name, example, text to replace, replacement, part of the sentence
    ("unknown function", "maps", "entries(application.form)", "entry(application.form)", "no function entry"),
    ("arguments", "maps", "'code', 'name')", "'code')", "from_entries takes 3"),
    (
        "unknown kept name",
        "steps",
        "X-Ticket: kept.ticket}\n      body: {outer",
        "X-Ticket: kept.tickets}\n      body: {outer",
        "keeps tickets",
    ),
    ("kept later", "steps", "first: [ticket, draft, attachment]", "first: [draft, ticket, attachment]", "keeps ticket"),
    (
        "kept in another operation",
        "steps",
        "  withdraw:\n    first: [ticket]",
        "  withdraw:\n    first: []",
        "keeps ticket",
    ),
    ("kept in a path", "steps", "/drafts/{kept.draft}/submission", "/drafts/{kept.drafts}/submission", "keeps drafts"),
    ("kept for each", "steps", "file?: file.kept.number}}}", "file?: name}}, n: kept.number}", "file.kept.number"),
    ("unknown step", "steps", "first: [ticket]\n", "first: [tickets]\n", "no step tickets"),
    ("unused step", "steps", "    draft:  ", "    spare: {path: /spare}\n    draft:  ", "no operation has this step"),
    ("raw with a body", "steps", "content: multipart", "content: raw", "content: multipart"),
    (
        "each in a question",
        "steps",
        "  withdraw:",
        "  ping: {first: [ticket, attachment], path: /p}\n  withdraw:",
        "has no files",
    ),
    ("a file without each", "steps", "each: files", "each: null", "needs `each`"),
    (
        "our header",
        "steps",
        "headers: {X-Ticket: kept.ticket}\n      body",
        "headers: {Host: kept.ticket}\n      body",
        "ours to give",
    ),
    ("form without a body", "steps", "content: form, body: {app: \"'tongban'\"},", "content: form,", "needs a body"),
    (
        "rule never reached",
        "outcomes",
        "- {status: [409], means: duplicate}",
        "- {status: [204], means: duplicate}",
        "never reached",
    ),
    ("rule that does not compile", "outcomes", "when: error, means: refused", "when: error[, means: refused", "not"),
    (
        "both kinds of answers",
        "outcomes",
        "  submit:",
        "  answers: {code: c, accepted: ['0']}\n  submit:",
        "exactly one",
    ),
    ("no answers", "maps", '  answers: {code: code, accepted: ["0"]}\n', "", "exactly one"),
    (
        "both for one call",
        "outcomes",
        "  submit: {",
        "  submit: {answers: {code: c, accepted: ['0']}, outcomes: [{means: later}], ",
        "not both",
    ),
    ("a word beside a condition", "conditions", "else: {self", "otherwise: {self", "beside when and then"),
    ("with is no object", "numbers", "with: {numbers: kept.numbers}", "with: kept.numbers", "object of names"),
    ("pattern without a zone", "window", "'Asia/Shanghai')\n      to", "'')\n      to", "a zone is"),
    (
        "window in a listing",
        "whole",
        "    numbered_from: 1\n    case",
        "    numbered_from: 1\n    window: {}\n    case",
        "no window",
    ),
    ("two ways to page", "whole", "    next: data.next\n", "    next: data.next\n    numbered_from: 1\n", "not both"),
    ("nothing to submit", "maps", "    body:\n", "    content: raw\n    bodies:\n", "bodies"),
    ("charset", "charset", "gb18030", "big5", "Input should be"),
    ("like", "whole", "like: progress", "like: callback", "no reports.callback"),
    ("echo", "callbacks", "body.head.serial,", '"body.head.[",', "not a JMESPath"),
    ("timestamp", "callbacks", '"%Y-%m-%d %H:%M:%S"', '"%y-%m-%d"', "depends on a locale"),
    ("timestamp without a date", "callbacks", '"%Y-%m-%d %H:%M:%S"', '"%H:%M:%S"', "no whole date"),
    ("host", "links", "${files:-files.example.cn}", "https://files.example.cn", "should match"),
]


@pytest.mark.parametrize(("name", "text", "old", "new", "part"), BROKEN, ids=[row[0] for row in BROKEN])
def test_refused_with_its_line(name: str, text: str, old: str, new: str, part: str, tmp_path: Path) -> None:
    whole = example(text) if text == "whole" else profile_text(example(text))
    assert old in whole
    changed = whole.replace(old, new, 1)
    (tmp_path / "440600.yaml").write_text(changed, "utf-8")
    with pytest.raises(SeedInvalid) as caught:
        load_profile(tmp_path / "440600.yaml", {"url": "http://127.0.0.1:1"})
    assert part in caught.value.detail, caught.value.detail
    assert caught.value.detail.startswith("440600.yaml, line ")
    assert caught.value.facts["line"] > 1
    assert caught.value.detail_zh != caught.value.detail


@pytest.mark.parametrize(
    "text",
    [
        "format_time(a, b, 'UTC')",
        "format_time(a, '%Y', zone)",
        "format_time(a, '%Y')",
        "format_time(a, '', 'UTC')",
        "format_time(a, '%Y', `null`)",
        "format_time(a, '%Y', 'Europe/Berlin')",
        "format_time(a, '%Y', '+8:00')",
        "format_time(a, '%Y', `8`)",
        "format_time(a, '%b', 'UTC')",
        "format_time(a, '%', 'UTC')",
        "parse_time(a, '%Y-%m-%d', `null`)",
        "parse_time(a, '%Y-%m', 'UTC')",
        "parse_time(a, '%Y-%m-%d %z', 'UTC')",
        "parse_time(a, '%d.%m.%y', 'UTC')",
        "hook('anything')",
        "hook(a)",
        "hook()",
    ],
)
def test_times_and_hooks_that_say_too_little(text: str, tmp_path: Path) -> None:
    fragment = example("maps").replace("outer: application_id", f'outer: "{text}"')
    with pytest.raises(SeedInvalid):
        profile_of(fragment, tmp_path)


def with_hook(folder: Path, code: str, text: str | None = None) -> str:
    (folder / "foshan_hooks.py").write_text(code, "utf-8")
    return example("hook") if text is None else text


async def test_the_hook_of_the_guide(tmp_path: Path) -> None:
    import hashlib

    fragment = with_hook(tmp_path, example("hook", "python"))
    message, files = message_to("440600")
    async with rest_city(fragment, tmp_path, lambda _seen: accepted()) as (server, adapter):
        await adapter.deliver(message, files)
    (seen,) = server.seen
    wanted = str(sum(int(letter, 36) for letter in message.task_code) % 10)
    assert seen.json() == {"outer": str(message.application_id), "check": wanted}
    stamp = seen.headers["X-Stamp"]
    assert seen.headers["X-Sign"] == hashlib.md5(f"old{stamp}".encode() + seen.body).hexdigest()
    assert not (tmp_path / "__pycache__").exists()


SIGN = "\ndef sign(request):\n    return {}\n"
FAILING = [
    "def check_digit(code):\n    return 1 / 0\n" + SIGN,
    "def check_digit(code):\n    raise SystemExit(3)\n" + SIGN,
    "def check_digit():\n    return ''\n" + SIGN,
    "def check_digit(code):\n    return object()\n" + SIGN,
    "def check_digit(code):\n    return [{1: 2}]\n" + SIGN,
    "def check_digit(code):\n    return check_digit(code)\n" + SIGN,
    "def check_digit(code):\n    return ''\ndef sign(request):\n    return None\n",
    "def check_digit(code):\n    return ''\ndef sign(request):\n    return {'X': 1}\n",
    "def check_digit(code):\n    return ''\ndef sign(request):\n    return {'X': 'a\\r\\nb'}\n",
    "def check_digit(code):\n    return ''\ndef sign(request):\n    return {'X': request.secret('440600.appsecret')}\n",
    "def check_digit(code):\n    return ''\ndef sign(request):\n    raise KeyError('440600.legacy_key')\n",
]


@pytest.mark.parametrize("code", FAILING, ids=range(len(FAILING)))
async def test_a_hook_that_fails_is_for_a_person(tmp_path: Path, code: str) -> None:
    fragment = with_hook(tmp_path, code)
    message, files = message_to("440600")
    async with rest_city(fragment, tmp_path, lambda _seen: accepted()) as (server, adapter):
        with pytest.raises(PartnerProtocol):
            await adapter.deliver(message, files)
    assert server.seen == []


async def test_a_hooks_secret_that_is_not_configured(tmp_path: Path) -> None:
    code = "def check_digit(code):\n    return ''\n"
    code += "def sign(request):\n    return {'X': request.secret('440600.legacy_key')}\n"
    profile = profile_of(with_hook(tmp_path, code), tmp_path)
    known: dict[str, str] = {}
    adapter = RestAdapter(profile, AdapterContext(lambda: NOW, known.__getitem__, lambda: "n"))
    message, files = message_to("440600")
    with pytest.raises(PartnerUnavailable, match="legacy_key"):
        await adapter.deliver(message, files)
    await adapter.close()


async def test_a_hook_cannot_change_what_it_is_given(tmp_path: Path) -> None:
    code = "def check_digit(form):\n    form.clear()\n    return ''\n" + SIGN
    fragment = example("hook").replace(
        "check: \"hook('check_digit', task_code)\"",
        "check: \"hook('check_digit', application.form)\", form: application.form",
    )
    message, files = message_to("440600")
    async with rest_city(with_hook(tmp_path, code, fragment), tmp_path, lambda _seen: accepted()) as (server, adapter):
        await adapter.deliver(message, files)
    assert server.seen[0].json()["form"] == {"account": "0001", "remark": "𠮷㐂"}


MODULES = [
    ("def sign(request:\n", "line 1"),
    ("import no_such_module\n", "ModuleNotFoundError"),
    ("raise SystemExit\n", "SystemExit"),
    ("async def check_digit(code):\n    return ''\n" + SIGN, "plain"),
    ("def check_digit(code):\n    yield 1\n" + SIGN, "plain"),
    ("def other(code):\n    return ''\n" + SIGN, "no function 'check_digit'"),
    ("def check_digit(code):\n    return ''\n", "no sign"),
    ("from json import dumps as check_digit\n" + SIGN, "no function 'check_digit'"),
]


@pytest.mark.parametrize(("code", "part"), MODULES, ids=range(len(MODULES)))
def test_modules_that_are_refused(tmp_path: Path, code: str, part: str) -> None:
    with pytest.raises(SeedInvalid) as caught:
        profile_of(with_hook(tmp_path, code), tmp_path)
    assert part in caught.value.detail


@pytest.mark.parametrize(
    "name", ["../foshan_hooks.py", "/tmp/foshan_hooks.py", "hooks/foshan.py", "foshan_hooks", "Foshan.py"]
)
def test_a_module_lies_beside_its_profile(tmp_path: Path, name: str) -> None:
    with pytest.raises(SeedInvalid, match="should match"):
        profile_of(example("hook").replace("foshan_hooks.py", name, 1), tmp_path)


def test_a_link_that_leads_elsewhere_is_no_module_beside(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "cities", tmp_path / "elsewhere.py"
    folder.mkdir()
    elsewhere.write_text(SIGN)
    (folder / "foshan_hooks.py").symlink_to(elsewhere)
    with pytest.raises(SeedInvalid, match="folder"):
        profile_of(example("hook"), folder)
    (folder / "foshan_hooks.py").unlink()
    with pytest.raises(SeedInvalid, match="cannot be read"):
        profile_of(example("hook"), folder)


def test_a_module_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "a_hooks.py"
    for number in ("1", "22"):
        path.write_text(f"def one():\n    return {number}\n\n\ndef _hidden():\n    return 0\n")
        hooks = load_hooks(path)
        assert {name: function() for name, function in hooks.functions.items()} == {"one": int(number)}


def test_what_an_example_says_of_steps(tmp_path: Path) -> None:
    from adapters.profile_check import check_examples

    message, _ = message_to("440600", {"a.pdf": b"hello"})
    given: dict[str, Any] = message.model_dump(mode="json")
    examples = {"submit": [{"name": "一件", "message": given, "kept_files": [{"number": 7}], "expect": {}}]}
    profile = profile_of(STEPS.replace("{outer: application_id, materials", "{draft: kept.draft, materials"), tmp_path)
    wanted = {"draft": "d-1", "materials": [{"name": "材料1", "file": 7}, {"name": "P01"}]}
    examples["submit"][0] |= {"expect": wanted, "kept": {"draft": "d-1"}}
    examples["follow_ups"] = []
    data = profile.model_dump(mode="json", exclude_unset=True) | {"examples": examples}
    faults = check_examples(type(profile).model_validate(data))
    assert faults == ["examples.follow_ups: there is no example of kind WITHDRAW"]
