"""Is this request a client's compaction: "summarise the conversation, so that work can go on"?

Recognised by four short facts that come together, never by one long quote: the last words are a
user's; they order a summary of the conversation (`_SUBJECT`); they say that somebody will go on
from it (`_PURPOSE`); and nothing but words can be the answer (no tools, or tools ruled out). The
facts are those of opencode 1.18, qwen-code 0.24, codex 0.169, pi 0.73 and 0.87, Claude Code 2.0
and Cline. A title, a recap or a file to be summarised lacks at least one of them.

In: a request. Out: a `Compaction`, or None.
"""

from __future__ import annotations

import re

import msgspec

from seatrial.chat.endpoint import Request

_SUBJECT = re.compile(
    r"(?:^|[.!?:>]\s{1,3}|\n[ \t>#*-]{0,8})(?:Now, )?(?:"
    r"You are (?:an?|the|performing a)\s[^.\n]{0,80}?"
    r"(?:summari[sz]\w*[^.\n]{0,20}\b(?:conversation|session)|context summari[sz]|compaction)"
    r"|your (?:\w+ )?task is to create (?:a|an) [^.\n]{0,40}\bsummary of [^.\n]{0,40}\bconversation"
    r"|(?:create|provide|produce|write|generate|construct) (?:a|an|the) (?:[\w-]+,? ){0,4}"
    r"(?:summary|checkpoint|prompt for continuing our conversation)\b"
    r"|summari[sz]e (?:this|the|our) (?:provided )?(?:coding )?(?:session|conversation)\b"
    r"|the messages above are (?:a conversation to summari[sz]e|new conversation messages"
    r"|earlier context from)"
    r"|the current conversation is rapidly running out of context"
    r"|the user has explicitly asked you to create a [^.\n]{0,40}\bsummary of the conversation"
    r")",
    re.IGNORECASE,
)
_PURPOSE = re.compile(
    r"\b(?:another|next) (?:coding )?(?:language )?(?:LLM|model|agent|assistant)\b[^.\n]{0,60}"
    r"\b(?:continue|resume|take over)"
    r"|\bfor continuation\b|\bconversation can continue\b|\bwithout losing context\b"
    r"|\bcontext when returning later\b|\bcontext for the retained\b"
    r"|\bonly memory\b|\bcontext window is about to overflow\b|\brunning out of context\b"
    r"|\bcompact the current context window\b|\bcontinuing our conversation\b"
    r"|\bcontinuing (?:the |with the |development )(?:new )?(?:work|task)\b"
    r"|\bresume the (?:task|work)\b|<previous-summary> tags|\bthen, produce the <state_snapshot>",
    re.IGNORECASE,
)
_NO_CALLS = re.compile(
    r"\bdo not (?:call|use) (?:any )?tools\b|\btool execution is disabled\b"
    r"|\brespond with text only\b|\bmust only respond to this message by using the \w+ tool",
    re.IGNORECASE,
)
_FLATTENED = (
    ("<conversation>\n", "\n</conversation>"),
    ("# Conversation\n", "\n# Instructions\n"),
    ("\n\nConversation:\n", ""),
)
"""How clients mark a conversation that they send as one text; "" = to the end."""
_HEAD_CHARS = 4_000
_TAIL_CHARS = 12_000
_SYSTEM_CHARS = 8_000
"""A longer system prompt is that of an agent, which may speak of compaction, too."""
_SHORT_SYSTEM_CHARS = 2_000


class Compaction(msgspec.Struct, frozen=True):
    """A request for a summary to go on from."""

    quote: str
    """The words that order it."""
    conversation: str | None
    """What the last message holds of the conversation as one text; None = it stands in the
    messages before."""
    before: str
    """What stands before it in the last message: often an earlier summary."""
    after: str


def read_compaction(request: Request) -> Compaction | None:
    """What `request` asks to be summarised, or None if it is no compaction."""
    messages = request.messages
    if not messages or messages[-1].role != "user":
        return None
    text = messages[-1].text
    before, conversation, after = _split(text)
    if conversation is None and not any(message.role == "assistant" for message in messages):
        return None
    own = f"{before[:_HEAD_CHARS]}\n{after[-_TAIL_CHARS:]}" if conversation is not None else text
    if len(own) > _HEAD_CHARS + _TAIL_CHARS:
        own = f"{own[:_HEAD_CHARS]}\n{own[-_TAIL_CHARS:]}"
    system = messages[0].text if messages[0].role == "system" else ""
    if request.tools and request.tool_choice != "none":
        system = system if len(system) <= _SHORT_SYSTEM_CHARS else ""
        if not _NO_CALLS.search(own) and not _SUBJECT.search(system):
            return None
    asked = f"{own}\n{system}" if len(system) <= _SYSTEM_CHARS else own
    subject = _SUBJECT.search(asked)
    if subject is None or not _PURPOSE.search(asked):
        return None
    return Compaction(subject.group().strip(" \n.:!?>"), conversation, before, after)


def _split(text: str) -> tuple[str, str | None, str]:
    """What stands before, in and behind the conversation that `text` holds, if it holds one."""
    for opener, closer in _FLATTENED:
        start = text.find(opener)
        if start < 0:
            continue
        begin = start + len(opener)
        end = text.rfind(closer) if closer else len(text)
        if end >= begin:
            return text[:start], text[begin:end], text[end + len(closer) :]
    return text, None, ""
