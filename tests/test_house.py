"""The house rules: who may import whom (architecture.md), sentences, and tidiness, read from the sources."""

from __future__ import annotations

import ast
import io
import re
import string
import tokenize
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter

import pytest
from support.sources import (
    ROOT,
    Source,
    dotted,
    functions,
    imports,
    is_standard,
    product,
    sources,
    strings,
)

from bot import texts
from bot.domain import FailureKind, JobState
from bot.sandbox import faults


def assert_none(found: Iterable[str]) -> None:
    """Nothing was found; else all of it is shown."""
    lines = sorted(set(found))
    assert not lines, "\n".join(["", *lines])


# --- the dependency rule -----------------------------------------------------------------------------------------

PURE = frozenset(
    ["bot.domain", "bot.errors", "bot.texts", "bot.ports", "bot.masking", "bot.catalog", "bot.money"]
)
INNER = PURE | {"bot.store", "bot.settings", "bot.access", "bot.content", "bot.engine"}
ADAPTER = frozenset(
    [
        "bot.studio",
        "bot.talk",
        "bot.wording",
        "bot.domain",
        "bot.texts",
        "bot.errors",
        "bot.ports",
        "bot.masking",
    ]
)
ANYTHING = frozenset({"*"})

# Each area: which of ours it may import besides itself, and which of others' libraries.
RULE: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "bot": (frozenset(), frozenset()),
    "bot.domain": (frozenset(), frozenset()),
    "bot.texts": (frozenset(), frozenset()),
    "bot.masking": (frozenset(), frozenset()),
    "bot.errors": (frozenset({"bot.texts"}), frozenset()),
    "bot.ports": (frozenset({"bot.domain", "bot.errors"}), frozenset()),
    "bot.catalog": (PURE, frozenset({"pydantic"})),
    "bot.money": (PURE, frozenset()),
    "bot.access": (PURE, frozenset()),
    "bot.content": (PURE, frozenset()),
    "bot.meters": (PURE, frozenset()),
    "bot.wording": (PURE, frozenset()),
    "bot.clock": (frozenset(), frozenset()),
    "bot.log": (frozenset({"bot.masking"}), frozenset()),
    "bot.settings": (PURE, frozenset({"dotenv"})),
    "bot.store": (PURE, frozenset()),
    "bot.kie": (PURE | {"bot.meters"}, frozenset({"httpx"})),
    "bot.media": (PURE, frozenset({"PIL", "pillow_heif", "av"})),
    "bot.sandbox": (PURE | {"bot.clock"}, frozenset({"aiohttp", "PIL", "av"})),
    "bot.engine": (INNER | {"bot.meters"}, frozenset()),
    "bot.studio": (INNER | {"bot.meters"}, frozenset()),
    "bot.office": (INNER | {"bot.studio", "bot.meters"}, frozenset()),
    "bot.durable": (PURE | {"bot.store"}, frozenset()),
    "bot.talk": (PURE | {"bot.studio", "bot.office", "bot.wording"}, frozenset()),
    "bot.web": (INNER | {"bot.studio", "bot.meters"}, frozenset({"aiohttp", "prometheus_client"})),
    "bot.check": (INNER | {"bot.studio", "bot.kie", "bot.web"}, frozenset({"httpx"})),
    "bot.app": (ANYTHING, ANYTHING),
    "bot.cli": (ANYTHING, frozenset({"rich"})),
    "bot.__main__": (frozenset({"bot.cli"}), frozenset()),
    "adapters": (frozenset(), frozenset()),
    "adapters.telegram": (ADAPTER, frozenset({"aiogram", "aiohttp"})),
    "adapters.discord": (ADAPTER, frozenset({"discord", "aiohttp"})),
    "adapters.terminal": (ADAPTER, frozenset()),
    "adapters.web": (ADAPTER, frozenset({"aiohttp"})),
}


def area_of(name: str) -> str:
    """`bot.store` for `bot.store.db.Store`; `bot` for what `bot/__init__.py` itself holds."""
    area = ".".join(name.split(".")[:2])
    is_module = any((ROOT / area.replace(".", "/")).with_suffix(end).exists() for end in ("", ".py"))
    return area if is_module else area.split(".")[0]


def broken_imports(source: Source) -> Iterator[str]:
    ours, others = RULE[source.area]
    for line, name in imports(source):
        if is_standard(name):
            continue
        own = name.split(".")[0] in ("bot", "adapters")
        target, allowed = (area_of(name), ours) if own else (name.split(".")[0], others)
        if target not in allowed | {source.area, "bot"} and allowed != ANYTHING:
            yield f"{source.path}:{line}: {source.area} may not import {name}"


def test_every_area_has_its_line_in_the_dependency_rule() -> None:
    assert_none({each.area for each in product()} - set(RULE))


def test_every_import_follows_the_dependency_rule() -> None:
    assert_none(each for source in product() if source.area in RULE for each in broken_imports(source))


def test_only_the_command_line_imports_the_app() -> None:
    importers = {
        source.area for source in product() for _, name in imports(source) if area_of(name) == "bot.app"
    }
    assert importers <= {"bot.app", "bot.cli"}


def test_no_files_of_an_adapter_import_each_other_in_a_circle() -> None:
    files = {each.module: each for each in product() if each.module.startswith("adapters.")}

    def used_by(source: Source) -> set[str]:
        names = [f"{name}." for _, name in imports(source)]
        found = {max((each for each in files if name.startswith(f"{each}.")), default="") for name in names}
        return found - {"", source.module}

    try:
        TopologicalSorter({module: used_by(each) for module, each in files.items()}).prepare()
    except CycleError as error:
        assert_none([" -> ".join(error.args[1])])


def test_the_pure_areas_neither_wait_nor_touch_the_outside_world() -> None:
    outside = re.compile(r"(asyncio|socket|sqlite3|subprocess|threading|time|os|shutil|http|logging)(\.|$)")
    pure = [each for each in product() if each.area in PURE - {"bot.ports"} | {"bot.access", "bot.content"}]
    found = [
        f"{each.path}:{line}: {name}" for each in pure for line, name in imports(each) if outside.match(name)
    ]
    found += [
        f"{each.path}: waits" for each in pure if re.search(r"^\s*(async |await )", each.text, re.MULTILINE)
    ]
    assert_none(found)


# Media work and the sandbox run in processes of their own; what they need of the machine is theirs.
OWN_PROCESS = ("bot/media/__main__.py", "bot/sandbox/")


def uses(*names: str, besides: tuple[str, ...]) -> Iterator[str]:
    """Where the product says one of `names` (`time.time`), outside of the files `besides`."""
    for source in product():
        if source.path.startswith(besides):
            continue
        nodes = [node for node in ast.walk(source.tree) if isinstance(node, ast.Attribute)]
        found = {(node.lineno, dotted(node)) for node in nodes} | set(imports(source))
        yield from (f"{source.path}:{line}: {name}" for line, name in found if name in names)


def test_only_the_settings_read_the_environment() -> None:
    assert_none(uses("os.environ", "os.getenv", "os.environb", besides=("bot/settings.py",)))


def test_only_the_clock_tells_the_time() -> None:
    tellers = [
        *(
            "time.time",
            "time.time_ns",
            "time.monotonic",
            "time.monotonic_ns",
            "time.perf_counter",
            "time.sleep",
        ),
        *("datetime.now", "datetime.utcnow", "datetime.today", "date.today"),
        *("datetime.datetime.now", "datetime.date.today"),
    ]
    assert_none(uses(*tellers, besides=("bot/clock.py", "bot/cli", *OWN_PROCESS)))


def test_nothing_waits_for_time_to_pass_but_by_the_clock() -> None:
    assert_none(
        f"{source.path}:{node.lineno}"
        for source in product()
        if not source.path.startswith(("bot/clock.py", *OWN_PROCESS))
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and dotted(node.func) == "asyncio.sleep"
        # Waiting no time at all lets others have a turn.
        if ast.unparse(node.args[0]) != "0"
    )


def test_sql_stands_only_in_the_store() -> None:
    sql = re.compile(
        r"\b(SELECT\s.+\sFROM|INSERT\s+(OR \w+ )?INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|PRAGMA)\s", re.DOTALL
    )
    found = [
        f"{source.path}:{line}"
        for source in product()
        if source.area != "bot.store"
        for line, text in strings(source)
        if sql.search(text)
    ]
    assert_none(found)
    assert_none(uses("sqlite3.connect", besides=("bot/store/",)))


def test_nothing_happens_at_import() -> None:
    found = [
        f"{source.path}:{node.lineno}"
        for source in product()
        if not source.path.endswith("__main__.py")
        for node in source.tree.body
        if isinstance(node, ast.Expr | ast.For | ast.While | ast.With)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    ]
    assert_none(found)


def test_no_function_changes_a_global() -> None:
    found = [
        f"{source.path}:{node.lineno}"
        for source in product()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Global)
    ]
    assert_none(found)


# --- sentences ---------------------------------------------------------------------------------------------------

# Keys that are put together while running: how they begin, and all they may end with.
PUT_TOGETHER: dict[str, Iterable[str]] = {
    "catalog.a_": ("video", "image", "second"),
    "catalog.field_": [
        "aspect",
        "audio_toggle",
        "duration",
        "first_frame",
        "last_frame",
        "prompt",
        "resolution",
        "shots",
    ],
    "catalog.no_": ("seed", "negative_prompt"),
    "catalog.rule_": ("sum_equals", "sum_at_most"),
    "catalog.type_": ["string", "integer", "number", "boolean", "string_list", "object_list"],
    "chat.": (JobState.QUEUED, JobState.SUBMITTING, JobState.RUNNING),
    "chat.failure_": FailureKind,
    "faults.": faults.known(),
}


def put_together() -> set[str]:
    return {f"{start}{end}" for start, ends in PUT_TOGETHER.items() for end in ends}


def said(source: Source) -> Iterator[tuple[int, ast.expr, ast.Call]]:
    """Every call that names a sentence: `say(...)`, `UserError(...)`."""
    for node in ast.walk(source.tree):
        if (
            isinstance(node, ast.Call)
            and node.args
            and dotted(node.func).split(".")[-1] in ("say", "UserError")
        ):
            yield node.lineno, node.args[0], node


def keys_in(expression: ast.expr) -> Iterator[str]:
    """The constant keys an expression may be: itself, or either end of `a if ... else b`."""
    if isinstance(expression, ast.Constant) and isinstance(expression.value, str):
        yield expression.value
    elif isinstance(expression, ast.IfExp):
        yield from keys_in(expression.body)
        yield from keys_in(expression.orelse)


def placeholders(template: str) -> set[str]:
    return {re.split(r"[.\[]", name)[0] for _, name, _, _ in string.Formatter().parse(template) if name}


def test_every_sentence_that_is_said_exists_and_gets_its_values() -> None:
    english = texts.sentences()
    wrong = []
    for source in product():
        for line, expression, call in said(source):
            given = {each.arg for each in call.keywords}
            for key in keys_in(expression):
                if key not in english:
                    wrong.append(f"{source.path}:{line}: no sentence {key}")
                elif None not in given and (missing := placeholders(english[key]) - given):
                    wrong.append(f"{source.path}:{line}: {key} lacks {', '.join(sorted(missing))}")
            if isinstance(expression, ast.JoinedStr):
                start = ast.unparse(expression).split("{")[0][2:]
                if start not in PUT_TOGETHER:
                    wrong.append(f"{source.path}:{line}: {start!r} is not in PUT_TOGETHER")
    assert_none(wrong)


def test_every_sentence_is_said_somewhere() -> None:
    constants = {text for source in product() for _, text in strings(source)}
    pages = "".join(file.read_text("utf-8") for file in ROOT.glob("adapters/web/page/*.[jh]*"))
    unsaid = set(texts.sentences()) - constants - put_together()
    assert_none(key for key in unsaid if f'"{key}"' not in pages and f"{{{key}}}" not in pages)


def test_every_key_that_is_put_together_exists() -> None:
    assert_none(put_together() - set(texts.sentences()))


def test_every_fault_that_is_listed_is_one_the_sandbox_looks_for() -> None:
    constants = {text for source in product() if source.area == "bot.sandbox" for _, text in strings(source)}
    assert_none(set(faults.known()) - constants)


def test_every_sentence_can_be_filled_in_and_translations_ask_for_the_same_values() -> None:
    english = texts.sentences()
    for language in {*texts.languages(), "en"}:
        for key, template in texts.sentences(language).items():
            assert placeholders(template) == placeholders(english[key]), f"{language}: {key}"


def test_no_sentence_holds_a_bar_of_block_characters() -> None:
    assert_none(key for key, text in texts.sentences().items() if re.search("[▀-▟]", text))


# --- tidiness ----------------------------------------------------------------------------------------------------

LONGEST_FUNCTION, LONGEST_FILE = 70, 450
# Each one is a place where the tools are wrong; more of them would mean that we are.
FEW_IGNORES = 12


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines without the docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return lines - ((first.end_lineno or first.lineno) - first.lineno + 1 if is_docstring else 0)


def comments(source: Source) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def test_functions_stay_under_seventy_lines() -> None:
    found = [
        f"{source.path}:{each.lineno}: {each.name}: {length(each)} lines"
        for source in sources("bot", "adapters", "tests", "bench")
        for each in functions(source)
        if length(each) > LONGEST_FUNCTION
    ]
    assert_none(found)


def test_files_stay_under_450_lines() -> None:
    everything = sources("bot", "adapters", "tests", "bench")
    sizes = {each.path: each.text.count("\n") for each in everything}
    assert_none(f"{path}: {size} lines" for path, size in sizes.items() if size > LONGEST_FILE)


def test_nothing_is_left_for_later() -> None:
    later = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
    found = [
        f"{source.path}:{line}: {text}"
        for source in sources("bot", "adapters", "tests", "bench")
        for line, text in comments(source)
        if later.search(text)
    ]
    assert_none(found)


@pytest.mark.parametrize("remark", ["type: " + "ignore", "no" + "qa"])
def test_the_tools_are_seldom_silenced(remark: str) -> None:
    found = [
        f"{source.path}:{line}"
        for source in sources("bot", "adapters", "tests", "bench")
        for line, text in comments(source)
        if remark in text
    ]
    assert len(found) <= FEW_IGNORES, found


def test_every_file_says_in_its_first_line_what_it_is() -> None:
    found = [each.path for each in product() if not (ast.get_docstring(each.tree) or not each.text)]
    assert_none(found)


# --- tests -------------------------------------------------------------------------------------------------------


def checks_something(function: ast.AST, helpers: set[str]) -> bool:
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call) and dotted(node.func).split(".")[-1] in helpers | {
            "raises",
            "warns",
            "fail",
        }:
            return True
    return False


def test_every_test_is_a_sentence_and_checks_something() -> None:
    everything = [(source, each) for source in sources("tests") for each in functions(source)]
    helpers: set[str] = set()
    while new := {each.name for _, each in everything if checks_something(each, helpers)} - helpers:
        helpers |= new
    wrong = []
    for source, each in everything:
        if each.name.startswith("test_") and source.path.split("/")[-1].startswith("test_"):
            if len(each.name.split("_")) < 4:
                wrong.append(f"{source.path}:{each.lineno}: {each.name} is no sentence")
            if each.name not in helpers:
                wrong.append(f"{source.path}:{each.lineno}: {each.name} checks nothing")
    assert_none(wrong)


def test_no_two_test_files_have_the_same_name() -> None:
    names = [each.path.split("/")[-1] for each in sources("tests") if not each.path.endswith("/conftest.py")]
    assert_none(name for name in names if names.count(name) > 1)
