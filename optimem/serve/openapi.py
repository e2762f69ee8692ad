"""The OpenAPI document of the HTTP interface, made from its operations."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from optimem import __version__
from optimem.serve.operations import Operation
from optimem.serve.problems import MEDIA_TYPE
from optimem.serve.wire import Problem

Json = dict[str, Any]

VERSION = "3.1.0"
REFUSALS = {
    401: "No access key, or one that is not known.",
    403: "The key does not reach this, or a limit of what may be held.",
    408: "The request took too long to arrive.",
    413: "The request is too large.",
    422: "Something in the request cannot be used.",
    429: "Too many requests a second.",
    503: "Busy, or the store cannot be reached; try again.",
}
"""What every operation may answer."""
OF_BODIES = {
    400: "The body is not JSON.",
    409: "An id is held with another text.",
    415: "The body is not `application/json`.",
}
"""What operations with a body may answer besides."""
OF_PAGES = {404: "The scope holds no such page."}


def document(operations: Sequence[Operation]) -> Json:
    """The document: every operation with its parameters, answers and an example."""
    models = _Models(operations)
    paths: Json = {}
    for operation in operations:
        described = _described(operation, models)
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    return {
        "openapi": VERSION,
        "info": {
            "title": "optimem",
            "version": __version__,
            "description": "Optical memory for LLM agents. A scope is named by `session` and "
            "`user`; its namespace is that of the access key.",
            "license": {"name": "MIT"},
        },
        "security": [{"bearer": []}, {"key": []}],
        "paths": paths,
        "components": {
            "schemas": models.schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "X-Optimem-Key"},
            },
        },
    }


class _Models:
    """The schemas of all that travels. `schemas`: by name."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = [(Problem, "serialization")]
        for operation in operations:
            wanted.append((operation.takes, "validation"))
            if not isinstance(operation.gives, str):
                wanted.append((operation.gives, "serialization"))
        self._references, made = models_json_schema(
            list(dict.fromkeys(wanted)), ref_template="#/components/schemas/{model}"
        )
        self.schemas: Json = made["$defs"]

    def taken(self, model: type[BaseModel]) -> Json:
        """Refers to the schema of what is sent."""
        return self._references[model, "validation"]

    def given(self, model: type[BaseModel]) -> Json:
        """Refers to the schema of what comes back."""
        return self._references[model, "serialization"]

    def fields(self, model: type[BaseModel]) -> Json:
        """The schema itself of what is sent."""
        return dict(self.schemas[self.taken(model)["$ref"].rpartition("/")[2]])


def _described(operation: Operation, models: _Models) -> Json:
    described: Json = {
        "operationId": operation.name,
        "summary": operation.summary,
        "responses": dict(_answers(operation, models)),
    }
    if operation.method == "POST":
        content = {"schema": models.taken(operation.takes), "example": dict(operation.example)}
        described["requestBody"] = {"required": True, "content": {"application/json": content}}
    else:
        described["parameters"] = list(_parameters(operation, models))
    return described


def _parameters(operation: Operation, models: _Models) -> Iterator[Json]:
    fields = models.fields(operation.takes)
    for name, schema in fields["properties"].items():
        in_path = f"{{{name}}}" in operation.path
        parameter = {
            "name": name,
            "in": "path" if in_path else "query",
            "required": name in fields.get("required", ()),
            "schema": _plain(schema),
        }
        example = {"example": operation.example[name]} if name in operation.example else {}
        yield parameter | example


def _plain(schema: Json) -> Json:
    """The schema of a parameter, which is text or left out, never null."""
    choices = [each for each in schema.get("anyOf", []) if each != {"type": "null"}]
    plain = schema | choices[0] if len(choices) == 1 else schema
    return {name: value for name, value in plain.items() if name not in ("anyOf", "default")}


def _answers(operation: Operation, models: _Models) -> Iterator[tuple[str, Json]]:
    if isinstance(operation.gives, str):
        content: Json = {operation.gives: {"schema": {"type": "string", "format": "binary"}}}
    else:
        content = {"application/json": {"schema": models.given(operation.gives)}}
    yield "200", {"description": "Done.", "content": content}
    refusals = REFUSALS | (OF_BODIES if operation.method == "POST" else {})
    refusals |= OF_PAGES if operation.name == "page" else {}
    problem = {MEDIA_TYPE: {"schema": models.given(Problem)}}
    for status in sorted(refusals):
        yield str(status), {"description": refusals[status], "content": problem}
