"""Names of tools: closed changes that hit one tool, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.core.message import ToolSchema
from seatrial.toolcalls.names import resolve, unknown_tool


def offered(*names):
    return {name: ToolSchema(name=name, description="", parameters={}) for name in names}


TOOLS = offered("read_file", "sh", "web-search", "listDir", "python_tool")


@pytest.mark.parametrize("name", TOOLS)
def test_a_declared_name_is_taken_as_it_is(name):
    assert resolve(name, TOOLS) == (name, ())


@pytest.mark.parametrize(
    ("written", "name", "repairs"),
    [
        (" sh\n", "sh", ["name_trimmed"]),
        ("`sh`", "sh", ["name_trimmed"]),
        ("'read_file'", "read_file", ["name_trimmed"]),
        ("read_file()", "read_file", ["name_trimmed"]),
        ("\u200b`sh()`", "sh", ["name_trimmed"]),
        ("sh<|channel|>commentary", "sh", ["name_marker"]),
        ("sh<|constrain|>json", "sh", ["name_marker"]),
        ("read_file<|message|>", "read_file", ["name_marker"]),
        ("sh<|channel|>commentary <|constrain|>json", "sh", ["name_marker"]),
        ("functions.sh", "sh", ["name_prefix"]),
        ("default_api.read_file", "read_file", ["name_prefix"]),
        ("repo_browser.listDir", "listDir", ["name_prefix"]),
        ("tools.web-search", "web-search", ["name_prefix"]),
        ("functions.sh:0", "sh", ["name_id", "name_prefix"]),
        ("read_file:12", "read_file", ["name_id"]),
        ("sh_tool", "sh", ["name_suffix"]),
        ("read_file_direct", "read_file", ["name_suffix"]),
        ("web-search_call", "web-search", ["name_suffix"]),
        ("python_tool_function", "python_tool", ["name_suffix"]),
        ("ReadFile", "read_file", ["name_case"]),
        ("readFile", "read_file", ["name_case"]),
        ("read-file", "read_file", ["name_case"]),
        ("Read File", "read_file", ["name_case"]),
        ("READ_FILE", "read_file", ["name_case"]),
        ("SH", "sh", ["name_case"]),
        ("web_search", "web-search", ["name_case"]),
        ("list_dir", "listDir", ["name_case"]),
        ("listdir", "listDir", ["name_case"]),
        ("functions.ReadFile", "read_file", ["name_prefix", "name_case"]),
        ("Functions.Sh", "sh", ["name_prefix", "name_case"]),
        ("ShTool", "sh", ["name_suffix", "name_case"]),
        ("`functions.Read-File()`", "read_file", ["name_trimmed", "name_prefix", "name_case"]),
    ],
)
def test_closed_changes(written, name, repairs):
    found = resolve(written, TOOLS)
    assert found is not None
    assert (found[0], sorted(found[1])) == (name, sorted(repairs))


@pytest.mark.parametrize(
    "written",
    [
        "",
        "()",
        "bash",
        "shell",
        "readfiles",
        "read_files",
        "read_fil",
        "red_file",
        "readfile",
        "read",
        "file",
        "functions.",
        "functions",
        "sh:x",
        "sh.functions",
        "my.sh",
        "functions.bash",
        "sh(cmd='id')",
        'sh({"cmd": "id"})',
        "sh id",
        "sh<arg_key>cmd</arg_key>",
        "read_file<|message|>{}",
        'sh<|channel|>commentary<|message|>{"cmd":"id"}',
        "sh<",
        "tool_sh",
        "sh_tools",
        "_tool",
        "\ud800",
        "sh\0",
    ],
)
def test_what_is_no_name_of_a_tool(written):
    assert resolve(written, TOOLS) is None


def test_the_smallest_change_counts():
    tools = offered("bash", "bash_tool", "Bash")
    assert resolve("bash_tool", tools) == ("bash_tool", ())
    assert resolve("functions.bash_tool", tools) == ("bash_tool", ("name_prefix",))
    assert resolve("BashTool", tools) == ("bash_tool", ("name_case",))
    assert resolve("`Bash`", tools) == ("Bash", ("name_trimmed",))


@pytest.mark.parametrize("written", ["BASH", "functions.BASH", "BASH_tool", " bAsH"])
def test_two_tools_that_differ_in_case_are_never_guessed(written):
    assert resolve(written, offered("bash", "Bash")) is None


@given(st.text(max_size=12), st.lists(st.text(min_size=1, max_size=8), max_size=4))
def test_whatever_is_found_is_declared(written, names):
    found = resolve(written, offered(*names))
    if found is not None:
        assert found[0] in names
        assert bool(found[1]) == (found[0] != written)
    assert "\n" not in unknown_tool(written, TOOLS).reason


@given(st.sampled_from(["functions.", "`", "tool."]), st.sampled_from(["_tool", "`", "()"]))
def test_a_tool_that_is_not_offered_is_never_found(before, after):
    assert resolve(f"{before}sh{after}", offered("read_file")) is None


def test_long_names_cost_nothing():
    for text in ("`", "functions.", "<|channel|>", "aB", "sh:0", "_tool", " "):
        assert resolve(text * 400_000, TOOLS) is None
