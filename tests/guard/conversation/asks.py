"""Requests in the form of clients: what orders a summary, and what only looks so."""

from __future__ import annotations

import json

from seatrial.chat.endpoint import Request
from seatrial.core.message import Call, Message, ToolSchema

TASK = "Write add.py with a function add(a, b). It must return the sum. Do not touch other files."
BASH = ToolSchema(
    "bash",
    "Run a command.",
    {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]},
)
WRITE = ToolSchema(
    "write",
    "Write a file.",
    {
        "type": "object",
        "properties": {"path": {"type": "string"}, "content": {"type": "string"}},
        "required": ["path", "content"],
    },
)
TOOLS = (BASH, WRITE)
AGENT = "You are a coding agent. The conversation is summarized by itself when it is long. " * 60


def user(text: str) -> Message:
    return Message("user", text)


def bash(number: int, command: str, output: str = "ok") -> tuple[Message, Message]:
    call = Call(f"b{number}", "bash", f'{{"command": {_json(command)}}}')
    return Message("assistant", "", calls=(call,)), Message("tool", output, call_id=call.id)


def write(number: int, path: str, output: str = "written") -> tuple[Message, Message]:
    call = Call(f"w{number}", "write", f'{{"path": {_json(path)}, "content": "x = 1\\n"}}')
    return Message("assistant", "", calls=(call,)), Message("tool", output, call_id=call.id)


def _json(text: str) -> str:
    return json.dumps(text)


WORK = (
    *bash(1, "ls"),
    *write(2, "add.py"),
    *bash(3, "printf 'x' > notes/a.md"),
    *write(4, "locked.py", "Error: permission denied"),
)
HISTORY = (user(TASK), *WORK)

OPENCODE_TEXT = (
    f'[User]: "{TASK}"\n\n'
    '[Assistant tool call]: write({"filePath":"add.py","content":"x\\n"})\n'
    "[Tool result]: Wrote file\n\n"
    '[Assistant tool call]: bash({"command":"echo a > b.txt"})\n'
    "[Tool result]: done"
)
PI_TEXT = (
    f"[User]: {TASK}\n\n"
    '[Assistant tool calls]: write(path="add.py", content="a) = b"); bash(command="ls")\n\n'
    "[Tool result]: ok"
)

OPENCODE = Request(
    messages=(
        Message(
            "system",
            "You are a context summarization agent. Another coding agent reads the summary to "
            "continue the work. Do not continue the conversation.",
        ),
        user(
            f"Here is the conversation so far:\n\n<conversation>\n{OPENCODE_TEXT}\n"
            "</conversation>\n\nCreate a new anchored summary from the history in the tags above "
            "so another coding agent can continue the work.\n\n## Objective\n## Next Move"
        ),
    )
)
OPENCODE_OLD = Request(
    messages=(
        Message("system", "You are a helpful AI assistant tasked with summarizing conversations."),
        *HISTORY,
        user("Provide a detailed prompt for continuing our conversation above."),
    )
)
QWEN_ORDER = (
    "You are the component that summarizes a conversation when its context window is about to "
    "overflow. The summary is the agent's ONLY memory. <state_snapshot></state_snapshot>"
)
QWEN = Request(
    messages=(
        Message("system", AGENT),
        user(f"<system-reminder>\nSkills: none.\n</system-reminder>\n{TASK}"),
        *WORK,
        user(f"{QWEN_ORDER}\n\nDo not call tools; tool execution is disabled for this request."),
    ),
    tools=TOOLS,
)
QWEN_SLIM = Request(
    messages=(
        Message("system", QWEN_ORDER),
        *HISTORY,
        user("First, reason. Then, produce the <state_snapshot> XML."),
    )
)
CODEX = Request(
    messages=(
        Message("system", AGENT),
        user(f"<environment_context>\n<cwd>/w</cwd>\n</environment_context>\n{TASK}"),
        *WORK,
        user(
            "You are performing a CONTEXT CHECKPOINT COMPACTION. Create a handoff summary for "
            "another LLM that will resume the task.\n\nInclude:\n- Clear next steps"
        ),
    )
)
PI_SYSTEM = Message(
    "system", "You are a context summarization assistant. Do NOT continue the conversation."
)
PI = Request(
    messages=(
        PI_SYSTEM,
        user(
            f"<conversation>\n{PI_TEXT}\n</conversation>\n\nThe messages above are a conversation "
            "to summarize. Create a structured context checkpoint summary that another LLM will "
            "use to continue the work."
        ),
    )
)
PI_SPLIT = Request(
    messages=(
        PI_SYSTEM,
        user(
            f"# Conversation\n{PI_TEXT}\n\n# Instructions\nThe messages above are earlier context "
            "from an ongoing conversation. Create a concise checkpoint, so that the conversation "
            "can continue."
        ),
    )
)
CLAUDE = Request(
    messages=(
        Message("system", "You are a helpful AI assistant tasked with summarizing conversations."),
        *HISTORY,
        user(
            "Your task is to create a detailed summary of the conversation so far. It is essential "
            "for continuing development work without losing context."
        ),
    ),
    tools=(ToolSchema("Read", "Read a file.", {"type": "object", "properties": {}}),),
)
CLAUDE_TEXT_ONLY = Request(
    messages=(
        Message("system", AGENT),
        *HISTORY,
        user(
            "CRITICAL: Respond with TEXT ONLY. Do NOT call any tools.\n\nYour task is to create a "
            "detailed summary of the conversation so far, without losing context."
        ),
    ),
    tools=TOOLS,
)
CLINE = Request(
    messages=(
        Message("system", AGENT),
        user(f"<task>\n{TASK}\n</task>\n<environment_details>\ncwd\n</environment_details>"),
        *WORK,
        user(
            '<explicit_instructions type="summarize_task">\nThe current conversation is rapidly '
            "running out of context. You MUST ONLY respond to this message by using the "
            "summarize_task tool call.\n</explicit_instructions>"
        ),
    ),
    tools=TOOLS,
)
CLINE_SDK = Request(
    messages=(
        Message("system", "Summarize the provided coding session into a continuation note."),
        user(
            "Summarize this session for continuation. Be concise.\n\n## Goal\n\n## Files\n"
            f"Read: none\n\nConversation:\n[User]: {TASK}\n\n[Assistant]: I did."
        ),
    )
)
COMPACTIONS = {
    "opencode": OPENCODE,
    "opencode, older": OPENCODE_OLD,
    "qwen-code": QWEN,
    "qwen-code, slim": QWEN_SLIM,
    "codex": CODEX,
    "pi": PI,
    "pi, a split turn": PI_SPLIT,
    "Claude Code": CLAUDE,
    "Claude Code, text only": CLAUDE_TEXT_ONLY,
    "Cline": CLINE,
    "Cline, SDK": CLINE_SDK,
}

WORDS = (
    "Summarise this file.",
    "Summarize the conversation so far in one sentence.",
    "Write compact.py: it must create a summary of the conversation, so that another LLM can "
    "continue the work without losing context.",
    "Our compaction is broken: after it the model forgets the task. Find out why. The summary "
    "should let another agent resume the task.",
    "You are performing well. Go on.",
    "Why does codex say CONTEXT CHECKPOINT COMPACTION? Create a handoff summary test for it.",
    "Do not use tools. What is a context window?",
    "Summarize the provided log and continue the work.",
    "Generate a title for this conversation:",
    "Summarize what was done in this conversation. Write like a pull request description.",
    "Please write a 5-10 word title for the conversation.",
)
"""What people and clients also say."""


def ordinary() -> list[Request]:
    """Requests that are no compaction, with and without tools, at the beginning and later."""
    found = [
        Request(messages=(user("Generate a title for this conversation:\n"), user(TASK))),
        Request(
            messages=(
                Message("system", "You are a title generator. Output ONLY a thread title."),
                user(f"Generate a title for this conversation:\n{TASK}"),
            )
        ),
        Request(messages=(*HISTORY,), tools=TOOLS),
    ]
    for words in WORDS:
        for system in ((), (Message("system", AGENT),), (Message("system", "You help."),)):
            found.append(Request(messages=(*system, user(words)), tools=TOOLS))
            found.append(Request(messages=(*system, user(words))))
            found.append(Request(messages=(*system, *HISTORY, user(words)), tools=TOOLS))
    for quoted in (OPENCODE, PI, CODEX):
        # The agent reads a file with such a prompt in it.
        output = quoted.messages[-1].text
        found.append(Request(messages=(*HISTORY, *bash(9, "cat prompt.md", output)), tools=TOOLS))
    return found
