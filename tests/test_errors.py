"""The tree that the docstring draws is the tree of the classes."""

import inspect
import re

import pytest

import optimem
from optimem import errors
from optimem.errors import MissingExtraError, NoGainError, OptimemError, PromptError

LINE = re.compile(r"^(?P<branches>[│├└─ ]*)(?P<name>\w+Error)\b", re.MULTILINE)
CLASSES = [
    member
    for _, member in inspect.getmembers(errors, inspect.isclass)
    if issubclass(member, OptimemError)
]


def drawn_tree() -> dict[str, str | None]:
    """Each class of the docstring's tree and its parent; a level is four columns."""
    tree: dict[str, str | None] = {}
    path: list[str] = []
    for line in LINE.finditer(str(errors.__doc__).split("\n\n")[1]):
        depth = len(line["branches"]) // 4
        path = [*path[:depth], line["name"]]
        tree[line["name"]] = path[-2] if depth else None
    return tree


def test_the_docstring_draws_every_class_under_its_base() -> None:
    bases = {each.__name__: each.__bases__[0].__name__ for each in CLASSES}
    assert drawn_tree() == bases | {"OptimemError": None}


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_every_error_can_be_imported_from_the_package(error: type[OptimemError]) -> None:
    assert getattr(optimem, error.__name__) is error
    assert error.__doc__


def test_no_error_is_a_value_error_that_pydantic_would_wrap() -> None:
    assert not [error for error in CLASSES if issubclass(error, ValueError | AssertionError)]


def test_a_missing_extra_is_an_import_error() -> None:
    assert issubclass(MissingExtraError, ImportError)


def test_a_prompt_error_carries_its_plan() -> None:
    assert PromptError("too dear").plan is None
    assert NoGainError("too dear", plan="the plan").plan == "the plan"
