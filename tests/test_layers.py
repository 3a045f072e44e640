"""The layers, the forbidden names and the sizes of architecture.md hold for every source file."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PRODUCT = ("accounting", "schemas", "state", "connectors", "dataflows", "ops")
# ops injects the clock; below it nothing reads one.
REPLAYED = PRODUCT[:-1]
LINES_MAX, FUNCTION_LINES_MAX = 420, 70

FORBIDDEN_CALLS = {"float", "hash", "uuid4", "uuid1"}
FORBIDDEN_MODULES = {"random", "pickle", "secrets", "uuid"}
CLOCKS = {
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
    "time": {"time", "time_ns", "localtime", "gmtime"},
}
# Bytewax asks the source for its wake-up time: no record and no window sees it.
ALLOWED = {("connectors/source.py", "datetime.now"), ("connectors/follow.py", "datetime.now")}


def sources(*folders: str) -> list[Path]:
    found = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    assert found, folders
    return found


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(path: Path) -> Iterator[str]:
    """The full names of the modules and names that a file imports, also inside functions."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(ROOT).parts[: -node.level] if node.level else ()
            base = ".".join([*package, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def tops(path: Path) -> set[str]:
    """The top-level packages that a file imports."""
    return {name.partition(".")[0] for name in imported(path)}


def forbidden(module: ast.Module, names: list[str]) -> Iterator[str]:
    """What architecture.md forbids outside the one place that injects it."""
    for name in names:
        first, _, rest = name.partition(".")
        if first in FORBIDDEN_MODULES or (first in CLOCKS and rest in CLOCKS[first]):
            yield name
    for node in ast.walk(module):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in FORBIDDEN_CALLS:
                yield name
            case ast.Call(func=ast.Attribute(attr=name)) if name in FORBIDDEN_CALLS:
                yield name
            case ast.Attribute(value=ast.Name(id=owner) | ast.Attribute(attr=owner), attr=name):
                if name in CLOCKS.get(owner, ()):
                    yield f"{owner}.{name}"


def test_imports_point_down():
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], capture_output=True, text=True, check=False, cwd=ROOT)
    assert 0 == done.returncode, done.stdout + done.stderr
    assert "1 kept, 0 broken" in done.stdout


def test_accounting_imports_the_standard_library_and_itself():
    known = sys.stdlib_module_names | {"accounting"}
    assert {} == {shown(path): strange for path in sources("accounting") if (strange := tops(path) - known)}


def test_no_production_code_imports_tests():
    assert [] == [shown(path) for path in sources(*PRODUCT) if "tests" in tops(path)]


def test_the_oracle_imports_nothing_of_the_product():
    for path in sources("tests/oracle"):
        ours = [
            name
            for name in imported(path)
            if name.partition(".")[0] in PRODUCT or (name.startswith("tests") and not name.startswith("tests.oracle"))
        ]
        assert [] == ours, shown(path)


def test_nothing_below_ops_reads_a_clock_draws_a_number_or_makes_a_float():
    found = {(shown(path), name) for path in sources(*REPLAYED) for name in forbidden(tree(path), list(imported(path)))}
    assert set() == found - ALLOWED


def test_accounting_has_no_float_and_touches_no_file():
    found = []
    for path in sources("accounting"):
        for node in ast.walk(tree(path)):
            match node:
                case ast.Constant(value=float() | complex()):
                    found.append((shown(path), node.lineno, "a float literal"))
                case ast.Call(func=ast.Name(id="open" | "print" | "input" | "exec" | "eval" as name)):
                    found.append((shown(path), node.lineno, name))
                case ast.Call(func=ast.Attribute(attr="open" | "read_text" | "write_text" as name)):
                    found.append((shown(path), node.lineno, name))
        touched = tops(path) & {"os", "io", "pathlib", "socket", "subprocess", "logging", "threading", "time"}
        found += [(shown(path), 1, name) for name in sorted(touched)]
    assert [] == found


@pytest.mark.parametrize(
    "text",
    [
        "import random", "from random import Random", "import pickle", "from time import time", "x = time.time()",
        "x = time.time_ns()", "x = datetime.now(UTC)", "x = datetime.datetime.now()", "x = date.today()",
        "clock = datetime.now", "x = float(y)", "x = hash(y)", "x = column.hash()", "x = uuid.uuid4()",
        "from uuid import uuid4",
    ],
)  # fmt: skip
def test_the_walk_finds_what_is_forbidden(text):
    module = ast.parse(text)
    names = [
        ".".join(filter(None, [getattr(node, "module", ""), alias.name]))
        for node in module.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    ]
    assert list(forbidden(module, names))


def test_no_source_file_is_too_long():
    lengths = {shown(path): len(path.read_text().splitlines()) for path in sources(*PRODUCT)}
    assert {} == {name: lines for name, lines in lengths.items() if lines > LINES_MAX}


def test_no_function_is_too_long():
    assert [] == [
        (shown(path), node.name, lines)
        for path in sources(*PRODUCT)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]


def test_every_module_opens_with_a_sentence():
    silent = [
        shown(path)
        for path in sources(*PRODUCT)
        if tree(path).body and not (ast.get_docstring(tree(path)) or "").strip()
    ]
    assert [] == silent
