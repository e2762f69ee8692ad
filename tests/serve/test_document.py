"""Requests made from the OpenAPI document, right and wrong ones: each is answered as the document
says, and none with an error of the service's own."""

import re

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.applications import Starlette

from optimem.protocols import Cells
from optimem.roles import Role
from optimem.serve.app import create_app
from optimem.serve.backend import Backend
from optimem.serve.http import HttpDoor
from optimem.serve.openapi import document
from optimem.serve.operations import OPERATIONS, Operation
from optimem.serve.settings import ServeSettings
from optimem.testing import open_memory, plain_codec
from optimem.testing.pages import PlainRenderer
from tests.serve.client import KEYS, WORK

EXAMPLES = 6
PATIENCE = 120.0
"""Seconds that a request may take on a busy machine."""
CHECKS = (
    not_a_server_error, status_code_conformance, content_type_conformance,
    response_schema_conformance, negative_data_rejection,
)  # fmt: skip


class AnyTextRenderer(PlainRenderer):
    """The fake renderer, which takes characters that it has no cell for too, as question marks."""

    def cells(self, text: str, role: Role | None = None) -> Cells:
        return super().cells(re.sub(r"[^\0-\ud7ff]", "?", text), role)


def application() -> Starlette:
    memory = open_memory(codec=plain_codec()._replace(renderer=AnyTextRenderer()))
    memory.append("work/ann/monday", [{"text": "Staging listens on port 8443.", "id": "m1"}])
    return create_app(memory, ServeSettings(keys=KEYS), [HttpDoor(Backend(memory))])


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_request_is_answered_as_the_document_says(
    operation: Operation, mode: GenerationMode
) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", application())
    strategy = schema[operation.path][operation.method].as_strategy(generation_mode=mode)

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[*HealthCheck])
    @given(case=strategy)
    def ask(case: schemathesis.Case) -> None:
        headers = {"Authorization": f"Bearer {WORK}"}
        case.call_and_validate(headers=headers, checks=CHECKS, timeout=PATIENCE)

    ask()


def test_ids_of_operations_and_names_of_schemas_are_unique() -> None:
    described = document(OPERATIONS)
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)
    assert not [name for name in described["components"]["schemas"] if "__" in name]
