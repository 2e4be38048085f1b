"""The repairs of broken JSON: ids, what each one changes, and a turn that needs it.

Ids only: `tolerant_json` and `json_strings` decide where each is applied.
"""

from __future__ import annotations

from seatrial.toolcalls.repairs import declare


def _declare(id: str, summary: str, body: str) -> str:
    return declare(id, "json", summary, f"<tool_call>\n{body}\n</tool_call>")


TRAILING_COMMA = _declare(
    "trailing_comma",
    "A comma before a closing bracket is dropped.",
    '{"name": "view", "arguments": {"file": "a.py",}}',
)
SINGLE_QUOTES = _declare(
    "single_quotes",
    "Single quotes stand for double quotes; escapes that Python and JSON read differently are "
    "refused.",
    "{'name': 'view', 'arguments': {'file': 'a.py'}}",
)
PYTHON_LITERAL = _declare(
    "python_literal",
    "True, False and None are read as true, false and null.",
    '{"name": "find", "arguments": {"pattern": "x", "hidden": True}}',
)
CONTROL_ESCAPED = _declare(
    "control_escaped",
    "A raw newline, tab or other control character in a string is kept as that character.",
    '{"name": "save", "arguments": {"file": "a.py", "text": "x = 1\ny = 2\n"}}',
)
ESCAPE_DOUBLED = _declare(
    "escape_doubled",
    "A backslash that begins no escape of JSON stands for itself.",
    '{"name": "find", "arguments": {"pattern": "\\w+\\.rs"}}',
)
INNER_QUOTES = _declare(
    "inner_quotes",
    "Quotes inside the last free-text field were not escaped; exactly one end of the string is "
    "possible.",
    '{"name": "save", "arguments": {"file": "a.py", "text": "say("hi")"}}',
)
TRIPLE_QUOTES = _declare(
    "triple_quotes",
    "A value in Python's triple quotes is a string.",
    '{"name": "save", "arguments": {"file": "a.py", "text": """x = 1\ny = 2"""}}',
)
BRACKET_MISSING = _declare(
    "bracket_missing",
    "Closing brackets are missing at the end, where every value is closed.",
    '{"name": "sh", "arguments": {"cmd": "id"}',
)
BRACKET_EXTRA = _declare(
    "bracket_extra",
    "Closing brackets behind the end are dropped.",
    '{"name": "sh", "arguments": {"cmd": "id"}}}',
)
COMMA_MISSING = _declare(
    "comma_missing",
    "The comma before a quoted key, or between two bracketed items of a list, is missing.",
    '{"name": "sh", "arguments": {"cmd": "id" "secs": 3}}',
)
UNQUOTED = _declare(
    "unquoted",
    "A key or a simple value, one word or path, stands without quotes.",
    '{name: "view", arguments: {file: a.py}}',
)
KEY_QUOTE_MISSING = _declare(
    "key_quote_missing",
    "One of the two quotes of a key is missing.",
    '{"name": "view", "arguments": {file": "a.py"}}',
)
COMMENT_DROPPED = _declare(
    "comment_dropped",
    "A comment between two parts is dropped.",
    '{"name": "view", // the file\n"arguments": {"file": "a.py"}}',
)
PUNCTUATION_DROPPED = _declare(
    "punctuation_dropped",
    "A lone angle bracket between two parts, left over from markup, is dropped.",
    '{"name": "view">, "arguments": {"file": "a.py"}}',
)
NEWLINE_LITERAL = _declare(
    "newline_literal",
    "An escaped newline or tab between two parts, outside of strings, is read as a blank.",
    '{"name": "view",\\n "arguments": {"file": "a.py"}}',
)
CONCATENATION = _declare(
    "concatenation",
    "Strings that are joined with + are one string.",
    '{"name": "sh", "arguments": {"cmd": "echo " + "hi"}}',
)
BACKTICK_STRING = _declare(
    "backtick_string",
    "A template string in backticks, without ${, is a string.",
    '{"name": "sh", "arguments": {"cmd": `id`}}',
)
SMART_QUOTES = _declare(
    "smart_quotes",
    "Typographic quotes stand for straight ones.",
    "{“name”: “view”, “arguments”: {“file”: “a.py”}}",
)
NAME_KEY_BROKEN = _declare(
    "name_key_broken",
    "The quotes and colons around the key name are muddled; the name itself is clear.",
    '{"name":": "sh", "arguments": {"cmd": "id"}}',
)
