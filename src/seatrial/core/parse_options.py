"""How freely text is taken for tool calls: the options of the parser, as a part of the config tree.

Values only; `toolcalls` gives them their meaning and checks them.
"""

from __future__ import annotations

from typing import Literal

import msgspec

READ_ONLY = (
    "cat", "check_status", "file_read", "find", "find_files", "find_references", "get_file",
    "git_diff", "git_log", "git_status", "glob", "goto_definition", "grep", "grep_search", "head",
    "hover", "list", "list_dir", "list_directory", "list_files", "ls", "open_file", "read",
    "read_dir", "read_file", "read_files", "search", "search_code", "search_files", "show_file",
    "stat", "status", "tail", "tree", "view", "view_file", "workspace_symbols",
)  # fmt: skip
"""Usual names of tools that change nothing."""


class CodeMode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A setup in which the model calls one tool only, with code that calls everything else."""

    tool: str = "execute_code"
    """The tool that runs the code."""
    argument: str = "code"
    """Its argument that holds the code."""
    functions: tuple[str, ...] = ()
    """The functions that exist inside. A direct call of one of them is wrapped into code."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How freely text is taken for calls. The defaults are those of the catalogue of repairs."""

    off: tuple[str, ...] = ()
    """Repairs that are switched off, by id. A call that needs one is asked for again."""
    loose: Literal["all", "read_only", "none"] = "all"
    """Whether calls without any envelope are taken: all, only those of `read_only`, or none."""
    read_only: tuple[str, ...] = READ_ONLY
    """The tools that change nothing, for `loose = "read_only"`."""
    fence_writes: bool = False
    """Take a code fence with a path as a call of the declared tool that writes files."""
    fence_edits: bool = False
    """Take SEARCH/REPLACE blocks with a path as calls of the declared tool that edits files."""
    code_mode: CodeMode | None = None
    """Set if tools are called from code; None = tools are called directly."""
    nonce: str = ""
    """If set, an envelope counts only if its opening tag carries this word."""
