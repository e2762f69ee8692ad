"""compose.yaml and the Dockerfile, checked without docker: what they name exists, and ports,
variables and times agree with the code."""

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import yaml

from optimem.cli import cli
from optimem.serve.access import KEYS_FILE_VARIABLE
from optimem.serve.settings import PORT, ServeSettings
from tests.serve.client import KEYS

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]


def variables() -> set[str]:
    """All environment variables that the commands know."""
    found = (each.envvar for command in cli.commands.values() for each in command.params)
    return {str(name) for name in found if name}


def instructions(name: str) -> list[str]:
    joined = DOCKERFILE.replace("\\\n", " ")
    return re.findall(rf"^\s*{name} (.*)$", joined, re.M)


def test_the_commands_exist_and_take_their_arguments() -> None:
    assert json.loads(instructions("ENTRYPOINT")[0]) == ["optimem"]
    for called in (
        json.loads(instructions("CMD")[-1]),
        *(SERVICES[n]["command"] for n in ("serve", "worker")),
    ):
        cli.commands[called[0]].make_context(called[0], list(called[1:]))


def test_what_the_image_is_made_of_exists() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8")
    for copied in instructions("COPY"):
        for name in copied.split()[:-1]:
            assert (ROOT / name).exists()
            assert f"!{name}\n" in ignored
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    (extras,) = re.findall(r'"\.\[([\w,]+)\]"', DOCKERFILE)
    assert set(extras.split(",")) <= set(project["optional-dependencies"])


def test_ports_and_variables_are_those_of_the_code() -> None:
    given = dict(each.split("=") for each in shlex.split(instructions("ENV")[0]))
    assert int(given["OPTIMEM_PORT"]) == PORT == int(instructions("EXPOSE")[0])
    assert f":{PORT}/ready" in DOCKERFILE
    assert SERVICES["serve"]["ports"] == [f"127.0.0.1:{PORT}:{PORT}"]
    ServeSettings(host=given["OPTIMEM_HOST"], keys=KEYS)
    named = {*given, *SERVICES["serve"]["environment"]} - {"OMP_NUM_THREADS"}
    assert named <= variables()
    assert KEYS_FILE_VARIABLE in named


def test_every_service_waits_for_what_it_needs_and_is_watched() -> None:
    store = SERVICES["serve"]["environment"]["OPTIMEM_STORE"]
    assert re.fullmatch(r"redis://redis:6379/0", store)
    for name in ("serve", "worker"):
        assert SERVICES[name]["depends_on"] == {"redis": {"condition": "service_healthy"}}
        grace = int(SERVICES[name]["stop_grace_period"].removesuffix("s"))
        assert grace > ServeSettings().grace
    assert SERVICES["redis"]["healthcheck"]["test"][0] == "CMD"
    assert set(COMPOSE["secrets"]) == set(SERVICES["serve"]["secrets"])
    assert [volume.split(":")[0] for volume in SERVICES["redis"]["volumes"]] == [
        *COMPOSE["volumes"]
    ]
