"""Writes docs/cli.md from the commands and docs/api.md from the public names: `make reference`.

Nothing in these pages is typed by hand. Signatures come from the source, so that they read as they
were written; the values of defaults come from the interpreter.
"""

import ast
import inspect
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import MISSING
from enum import Enum
from functools import cache
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any

import click
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from optimem.cli import EXIT_CODES, cli

DOCS = Path(__file__).parent
NOTE = "<!-- Written by `make reference`; do not edit. -->"
MODULES = (
    "optimem", "optimem.results", "optimem.reports", "optimem.errors", "optimem.prompts",
    "optimem.adapters", "optimem.telemetry", "optimem.testing",
)  # fmt: skip
LINE = 88  # characters of a signature on one line
LONGEST_DEFAULT = 64  # characters of a value that is shown instead of its name
SEE = re.compile(r"See `\w+`\.")  # the docstring of a method that a protocol describes
TWIN = re.compile(r"Async twin of `\w+`\.")


def main() -> None:
    """Write both pages."""
    (DOCS / "cli.md").write_text(cli_page(), "utf-8")
    (DOCS / "api.md").write_text(api_page(), "utf-8")


def cli_page() -> str:
    """Every command: its usage, options, defaults and examples; and the exit codes."""
    names = sorted(cli.commands)
    codes = [[f"{code}", meaning] for code, meaning in EXIT_CODES.items()]
    return _page(
        "# Command line",
        _one_line_paragraphs(cli.help or ""),
        " · ".join(f"[`{name}`](#optimem-{name})" for name in names),
        "Each command shows this with `--help`. Progress and errors go to standard error.",
        _table(["Exit code", "Meaning"], codes),
        _examples(cli),
        *(_command_section(cli.commands[name]) for name in names),
    )


def _command_section(command: click.Command, above: str = "optimem", mark: str = "##") -> str:
    context = click.Context(command, info_name=f"{above} {command.name}")
    usage = " ".join([f"{context.info_name}", *command.collect_usage_pieces(context)])
    options = [
        [_option_names(option, context), _option_default(option), _cell(option.help or "")]
        for option in command.params
        if isinstance(option, click.Option)
    ]
    return "\n\n".join([
        f"{mark} {context.info_name}",
        _one_line_paragraphs(command.help or ""),
        _code("text", usage),
        _table(["Option", "Default", "Meaning"], options),
        _examples(command),
        *(_command_section(each, f"{context.info_name}", "###") for each in _below(command)),
    ])  # fmt: skip


def _below(command: click.Command) -> list[click.Command]:
    """The commands of a group, by name."""
    if not isinstance(command, click.Group):
        return []
    return [each for _, each in sorted(command.commands.items())]


def _option_names(option: click.Option, context: click.Context) -> str:
    names = ", ".join(f"`{name}`" for name in option.opts)
    return names if option.is_flag else f"{names} `{_cell(option.make_metavar(context))}`"


def _option_default(option: click.Option) -> str:
    """The default, and the environment variable that sets it."""
    parts = []
    if isinstance(option.show_default, str):
        parts.append(option.show_default)
    elif option.required:
        parts.append("required")
    elif option.show_default:
        parts.append(f"`{option.default}`")
    if option.envvar:
        parts.append(f"environment: `{option.envvar}`")
    return "; ".join(parts)


def _examples(command: click.Command) -> str:
    """The examples of an epilog: the first block, below its heading."""
    block = (command.epilog or "").split("\n\n")[0]
    return _code("sh", dedent(block.partition("Example")[2].partition("\n")[2]).strip())


def _one_line_paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def api_page() -> str:
    """Every public name: its signature and docstring."""
    return _page("# Python API", _links(MODULES), *map(_module_section, MODULES))


def _module_section(name: str) -> str:
    module = import_module(name)
    if name == "optimem.errors":
        return f"## {name}\n\nAll can be imported from `optimem`.\n\n{_error_tree(module)}"
    names = [each for each in _public_names(module) if _home(module, each) == name]
    sections = [_object_section(module, each) for each in names]
    return "\n\n".join([f"## {name}", _doc(module), _links(names), *sections])


def _public_names(module: ModuleType) -> list[str]:
    """`__all__`, or else the classes that the module defines."""
    return list(getattr(module, "__all__", [cls.__name__ for cls in _own_classes(module)]))


def _own_classes(module: ModuleType) -> list[type]:
    classes = [each for each in vars(module).values() if isinstance(each, type)]
    return [
        cls
        for cls in classes
        if cls.__module__ == module.__name__ and not cls.__name__.startswith("_")
    ]


def _home(module: ModuleType, name: str) -> str:
    """The module that describes a name which several may offer."""
    own = getattr(getattr(module, name), "__module__", "")
    return own if own in MODULES else module.__name__


def _error_tree(module: ModuleType) -> str:
    def branch(parent: type, depth: int) -> Iterator[str]:
        yield f"{'  ' * depth}- `{parent.__name__}`: {' '.join(_doc(parent).split())}"
        for child in _own_classes(module):
            if child.__bases__[0] is parent:
                yield from branch(child, depth + 1)

    return "\n".join(branch(module.OptimemError, 0))


def _object_section(module: ModuleType, name: str) -> str:
    thing = getattr(module, name)
    if isinstance(thing, type):
        return _class_section(thing)
    if callable(thing):
        return f"### {name}\n\n{_code('python', _signature(thing, name))}\n\n{_doc(thing)}"
    annotation, doc = _constant(module, name)
    return f"### {name}\n\n{_code('python', f'{name}: {annotation}')}\n\n{doc}"


def _constant(module: ModuleType, name: str) -> tuple[str, str]:
    """The annotation of a module's constant, and the string below it."""
    body = _parse(module).body
    for statement, below in pairwise(body):
        imports = isinstance(statement, ast.ImportFrom) and statement.module
        if imports and name in [alias.name for alias in statement.names]:
            return _constant(import_module(imports), name)
        if isinstance(statement, ast.AnnAssign) and ast.unparse(statement.target) == name:
            return _annotation(statement.annotation), ast.literal_eval(below.value)
    raise LookupError(f"{module.__name__} has no constant {name} with annotation and docstring")


def _class_section(cls: type) -> str:
    members = _members(cls)
    methods = [name for name, member in members.items() if _is_described(name, member)]
    twins = [name for name in methods if TWIN.fullmatch(_doc(members[name]))]
    sections = [_method_section(cls, name) for name in methods if name not in twins]
    if twins:
        names = ", ".join(f"`{name}`" for name in twins)
        sections.append(f"Async twins with the same parameters: {names}.")
    return "\n\n".join(
        [f"### {cls.__name__}", _code("python", _class_header(cls)), _doc(cls), *sections]
    )


def _members(cls: type) -> dict[str, Any]:
    """The members of a class, and of those of its bases that only divide it among files."""
    parts = [base for base in cls.__mro__[1:] if base.__module__.startswith("optimem.api")]
    return {name: member for part in (cls, *parts) for name, member in vars(part).items()}


def _is_described(name: str, member: Any) -> bool:
    """Whether a member is a public method or property with a docstring of its own."""
    function = _function(member)
    if name.startswith("_") or not inspect.isfunction(function):
        return False
    own = function.__module__.startswith("optimem")
    return own and bool(_doc(function)) and not SEE.fullmatch(_doc(function))


def _function(member: Any) -> Any:
    """The function behind a method or a property."""
    return getattr(member, "fget", None) or getattr(member, "__func__", member)


def _method_section(cls: type, name: str) -> str:
    member = _members(cls)[name]
    decorator = "" if inspect.isfunction(member) else f"@{type(member).__name__}\n"
    bound = not isinstance(member, staticmethod)
    code = decorator + _signature(_function(member), name, bound=bound)
    return f"#### {cls.__name__}.{name}\n\n{_code('python', code)}\n\n{_doc(member)}"


def _class_header(cls: type) -> str:
    """A class with its fields or members; one without, with the parameters that make it."""
    fields = list(_fields(cls))
    if not fields and "__init__" in _members(cls):
        signature = _signature(_members(cls)["__init__"], cls.__name__, bound=True)
        return signature.removeprefix("def ").removesuffix(" -> None")
    bases = ", ".join(base.__name__ for base in cls.__bases__ if _is_shown(base))
    header = f"class {cls.__name__}({bases})" if bases else f"class {cls.__name__}"
    return ":\n    ".join([header, "\n    ".join(fields)]) if fields else header


def _is_shown(base: type) -> bool:
    if base in (object, tuple, BaseModel):
        return False
    return base.__module__ in MODULES or not base.__module__.startswith("optimem")


def _fields(cls: Any) -> Iterator[str]:
    if issubclass(cls, Enum):
        yield from (f"{member.name} = {_literal(member.value)}" for member in cls)
    elif issubclass(cls, BaseModel | tuple) or hasattr(cls, "__dataclass_fields__"):
        for statement in _parse(cls).body:
            if isinstance(statement, ast.AnnAssign) and "ClassVar" not in ast.unparse(statement):
                name = ast.unparse(statement.target)
                default = _field_default(cls, name, statement.value)
                if not name.startswith("_"):
                    yield f"{name}: {_annotation(statement.annotation)}{default}"


def _field_default(cls: Any, name: str, written: ast.expr | None) -> str:
    if written is None:
        return ""
    if issubclass(cls, BaseModel):
        default = cls.model_fields[name].default
    elif hasattr(cls, "__dataclass_fields__"):
        default = cls.__dataclass_fields__[name].default
    else:
        default = cls._field_defaults[name]
    if default is PydanticUndefined or default is MISSING:
        return " = …" if "factory" in ast.unparse(written) else ""
    return f" = {_literal(default) or ast.unparse(written)}"


def _signature(function: Any, name: str, *, bound: bool = False) -> str:
    """`def name(…) -> …`, on one line if it fits, else with a line for each parameter. `bound`:
    without the first, which is the object."""
    definition = _parse(function)
    prefix = "async def" if isinstance(definition, ast.AsyncFunctionDef) else "def"
    returns = f" -> {_annotation(definition.returns)}" if definition.returns else ""
    parameters = list(_parameters(definition.args, inspect.signature(function)))[bound:]
    line = f"{prefix} {name}({', '.join(parameters)}){returns}"
    if len(line) <= LINE:
        return line
    lines = "".join(f"    {parameter},\n" for parameter in parameters)
    return f"{prefix} {name}(\n{lines}){returns}"


def _parameters(arguments: ast.arguments, signature: inspect.Signature) -> Iterator[str]:
    positional = [*arguments.posonlyargs, *arguments.args]
    padding = [None] * (len(positional) - len(arguments.defaults))
    written = dict(
        zip(
            [argument.arg for argument in (*positional, *arguments.kwonlyargs)],
            [*padding, *arguments.defaults, *arguments.kw_defaults],
            strict=True,
        )
    )

    def parameter(argument: ast.arg, stars: str = "") -> str:
        annotation = f": {_annotation(argument.annotation)}" if argument.annotation else ""
        default = ""
        if expression := written.get(argument.arg):
            value = signature.parameters[argument.arg].default
            default = f" = {_literal(value) or ast.unparse(expression)}"
        return f"{stars}{argument.arg}{annotation}{default}"

    yield from map(parameter, arguments.posonlyargs)
    if arguments.posonlyargs:
        yield "/"
    yield from map(parameter, arguments.args)
    if arguments.vararg:
        yield parameter(arguments.vararg, "*")
    elif arguments.kwonlyargs:
        yield "*"
    yield from map(parameter, arguments.kwonlyargs)
    if arguments.kwarg:
        yield parameter(arguments.kwarg, "**")


def _literal(value: object) -> str:
    """A value as one would type it; empty for one that is long, or no literal."""
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, tuple):
        parts = [_literal(part) for part in value]
        shown = f"({', '.join(parts)}{',' * (len(parts) == 1)})" if all(parts) else ""
    elif isinstance(value, str):
        shown = json.dumps(value, ensure_ascii=False)
    else:
        shown = repr(value) if isinstance(value, int | float | None) else ""
    return shown if len(shown) <= LONGEST_DEFAULT else ""


class _Unquote(ast.NodeTransformer):
    """Takes names out of the quotes that are there for the interpreter."""

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        return node if ast.unparse(node.value) == "Literal" else self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if not isinstance(node.value, str):
            return node
        name: ast.AST = self.visit(ast.parse(node.value, mode="eval").body)
        return name


def _annotation(node: ast.expr) -> str:
    return ast.unparse(_Unquote().visit(node)).replace("'", '"')


@cache
def _parse(thing: Any) -> Any:
    """The syntax tree of a module, or the definition of a class or a function."""
    tree = ast.parse(dedent(inspect.getsource(thing)))
    return tree if isinstance(thing, ModuleType) else tree.body[0]


def _doc(thing: Any) -> str:
    """The docstring of its own as Markdown: "<" is escaped outside of code."""
    text = inspect.cleandoc(getattr(thing, "__doc__", None) or "")
    parts = re.split(r"(`[^`]*`|\n\n(?: {4}.*\n?|\n)+)", text)
    return "".join(part if at % 2 else part.replace("<", r"\<") for at, part in enumerate(parts))


def _links(headings: Iterable[str]) -> str:
    """Links to sections, by the anchors that GitHub gives them."""
    return " · ".join(f"[`{each}`](#{each.lower().replace('.', '')})" for each in headings)


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")


def _code(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"


def _page(title: str, *parts: str) -> str:
    return "\n\n".join([title, NOTE, *parts]) + "\n"


if __name__ == "__main__":
    main()
