"""A member changed in place in JSON with comments."""

import json

import pytest

from optimem.serve.jsonc import member, with_member, without_member

ENTRY = {"command": "optimem", "args": ["mcp"]}
FILES = {
    "others": '{\n  "mcpServers": {\n    "a": {"command": "x"}\n  },\n  "n": 1.50\n}\n',
    "empty object": '{\n    "theme": "d\\u00e4rk",\n    "mcpServers": {}\n}',
    "comments": '// mine\n{\n  "mcpServers": { // all\n    "a": 1 /* one */ // last\n  }\n}\n',
    "tabs": '{\n\t"mcpServers": {\n\t\t"a": {"url": "http://x//y"}\n\t}\n}\n',
    "one line": '{"mcpServers":{"a":{}}}',
    "trailing commas": '{\n\t// mine\n\t"mcpServers": {\n\t\t"a": {}, // last\n\t},\n}\n',
    "trailing comma": '{"mcpServers": {"a": {},}}',
    "comma behind a comment": '{"mcpServers": {"a": {} /* one */ , // two\n}}',
    "carriage returns": '{\r\n  "mcpServers": {\r\n    "a": {} // one\r\n  }\r\n}\r\n',
    "byte order mark": '\ufeff{"mcpServers": {"a": "}\\"{"}}',
}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_setting_and_taking_out_gives_the_same_bytes(text: str) -> None:
    changed = with_member(text, "mcpServers", "optimem", ENTRY)
    assert member(changed, "mcpServers", "optimem") == ENTRY
    assert with_member(changed, "mcpServers", "optimem", ENTRY) == changed
    back = without_member(changed, "mcpServers", "optimem")
    assert back == text


def test_an_entry_is_written_as_the_file_is() -> None:
    tabs = with_member(FILES["trailing commas"], "mcpServers", "optimem", ENTRY)
    assert '"a": {}, // last\n\t\t"optimem": {\n\t\t\t"command": "optimem",\n' in tabs
    assert tabs.endswith("\n\t\t},\n\t},\n}\n")
    returns = with_member(FILES["carriage returns"], "mcpServers", "optimem", ENTRY)
    assert '"a": {}, // one\r\n    "optimem": {\r\n      "command"' in returns
    assert returns.count("\n") == returns.count("\r\n")
    again = with_member(returns, "mcpServers", "optimem", {"command": "x", "args": []})
    assert again.count("\n") == again.count("\r\n")


@pytest.mark.parametrize(
    "text", ["", " \n", "{}", '{"b": 1}', '{ "b": [1, 2,], }', '{"mcpServers": {"a": 1,}}']
)
def test_what_is_not_there_is_made(text: str) -> None:
    changed = with_member(text, "mcpServers", "optimem", ENTRY)
    assert member(changed, "mcpServers", "optimem") == ENTRY
    back = without_member(changed, "mcpServers", "optimem")
    assert member(back, "mcpServers", "optimem") is None


def test_a_member_is_taken_out_from_before_others_and_behind_comments() -> None:
    first = '{"s": {\n  "optimem": {"a": 1},\n  "b": 2}}'
    assert json.loads(without_member(first, "s", "optimem")) == {"s": {"b": 2}}
    behind = '{"s": { // note\n  "optimem": 1 }}'
    left = without_member(behind, "s", "optimem")
    assert "// note\n" in left
    assert member(left, "s", "optimem") is None


@pytest.mark.parametrize(
    "text",
    [
        "[]", "{", '{"s": [}', '{"s": {}} x', '{"s": 1}', "{a: 1}", '{"s": {}, "s": {}}',
        '{"s": {"a" 1}}', '{"s": {"a": }}', '{"s": {"a": 1 "b": 2}}', "null", '{"s": {"a": "x\n"}}',
    ],
)  # fmt: skip
def test_what_is_not_such_a_file_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        with_member(text, "s", "optimem", ENTRY)
