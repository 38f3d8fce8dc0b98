"""What linters do not see: sizes, names, floats, and who may import what besides the import contracts.

The import contracts themselves are `[tool.importlinter]` in pyproject.toml; `make check` runs them.
"""

import ast
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "activities", "api", "benchmarks", "commands", "gateways", "ledger", "migrations", "models", "relay", "rules",
    "sandbox", "store", "telemetry", "workflows",
)  # fmt: skip
ENTRY_POINTS = ("cli", "settings", "worker")
TOP_LEVEL = {*PACKAGES, *ENTRY_POINTS}
FILE_LINES = 250
FUNCTION_LINES = 70
EMPTY_WORDS = {"util", "helper", "common", "service", "manager", "misc", "lib"}
INTEGERS_ONLY = ("rules", "ledger", "models")


def sources() -> list[Path]:
    """Every Python file of ours."""
    modules = [ROOT / f"{name}.py" for name in ENTRY_POINTS]
    return modules + [path for folder in (*PACKAGES, "tests") for path in sorted((ROOT / folder).rglob("*.py"))]


def names(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def exempt(path: Path) -> bool:
    return path.is_relative_to(ROOT / "tests") or path.is_relative_to(ROOT / "migrations" / "versions")


def imported(path: Path) -> Iterator[str]:
    """The top-level name of everything the file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]


def test_every_top_level_name_is_known() -> None:
    there = {path.parent.name for path in ROOT.glob("*/__init__.py")} | {path.stem for path in ROOT.glob("*.py")}
    assert there == TOP_LEVEL


def test_files_are_short() -> None:
    sizes = {names(path): len(path.read_text().splitlines()) for path in sources() if not exempt(path)}
    assert {name: size for name, size in sizes.items() if size > FILE_LINES} == {}


def test_functions_are_short() -> None:
    long = {
        f"{names(path)}:{node.name}": length
        for path in sources()
        if not path.is_relative_to(ROOT / "migrations" / "versions")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES
    }
    assert long == {}


def test_names_say_what_is_inside() -> None:
    empty = [
        names(path)
        for path in sources()
        for part in path.relative_to(ROOT).with_suffix("").parts
        if any(word.removesuffix("s") in EMPTY_WORDS for word in part.split("_"))
    ]
    assert empty == []


def floats(tree: ast.AST) -> Iterator[int]:
    """Lines with a float: the name, a literal, or a true division, which makes one of two integers."""
    for node in ast.walk(tree):
        name = isinstance(node, ast.Name) and node.id in {"float", "Float"}
        literal = isinstance(node, ast.Constant) and isinstance(node.value, float)
        division = isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div)
        attribute = isinstance(node, ast.Attribute) and node.attr in {"Float", "REAL", "Double"}
        if name or literal or division or attribute:
            yield node.lineno


@pytest.mark.parametrize("folder", INTEGERS_ONLY)
def test_money_is_never_a_float(folder: str) -> None:
    found = [
        f"{names(path)}:{line}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line in floats(ast.parse(path.read_text()))
    ]
    assert found == []


@pytest.mark.parametrize(
    "code", ["x: float = 1", "x = float('1')", "x = 1.5", "x = a / 100", "x /= 2", "Column(Float)", "sa.Float()"]
)
def test_a_float_would_be_found(code: str) -> None:
    assert list(floats(ast.parse(code))) == [1]


def test_settings_import_nothing_of_ours() -> None:
    assert TOP_LEVEL.isdisjoint(imported(ROOT / "settings.py"))


def test_only_entry_points_read_the_environment() -> None:
    """Settings are one typed object; what reads `os.environ` besides it must say why here."""
    readers = {
        names(path)
        for path in sources()
        if not path.is_relative_to(ROOT / "tests")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    }
    allowed = {
        "commands/stack.py",  # ports and pace of the local stack, which is not part of the application
        "commands/doctor.py",  # says where each setting came from
        "migrations/env.py",  # alembic's own entry point
    }
    assert {name for name in readers if not name.startswith("sandbox/")} <= allowed


def test_no_dependency_shadows_a_name_of_ours() -> None:
    ours = {*TOP_LEVEL, "tests"}
    shadows = {name: found for name, found in packages_distributions().items() if name in ours}
    assert {name: found for name, found in shadows.items() if set(found) != {"prepay"}} == {}
    assert ours.isdisjoint(sys.stdlib_module_names)


def noun(stem: str) -> str:
    """Models are named in the singular (one class is one row), steps of the store in the plural."""
    return f"{stem[:-3]}y" if stem.endswith("ies") else stem.removesuffix("s")


def test_a_noun_has_the_same_file_name_in_models_and_store() -> None:
    models = {noun(path.stem) for path in (ROOT / "models").glob("*.py")} - {"__init__", "base", "ledger"}
    store = {noun(path.stem) for path in (ROOT / "store").glob("*.py")}
    assert models - store == set()
