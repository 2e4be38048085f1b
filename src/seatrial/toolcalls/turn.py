"""One whole turn: from raw text to a verdict. The one place that knows the order of the stages.

    role header -> reasoning and channels -> scan of envelopes -> orphan tail (in the scan)
    -> loose forms -> call in reasoning that was never closed -> options -> verdict

A looser stage runs only if the stricter ones found neither a call nor a broken attempt. Streams
end here too: `stream` only decides what may be shown early.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from seatrial.core.generation import Finish
from seatrial.core.message import Call, ToolSchema
from seatrial.toolcalls import fence_edits, loose
from seatrial.toolcalls.admit import Admission
from seatrial.toolcalls.channels import ChannelScan
from seatrial.toolcalls.dialects import harmony
from seatrial.toolcalls.loose import bare_gemma
from seatrial.toolcalls.loose.lead_in import introduces
from seatrial.toolcalls.options import DEFAULTS, Options
from seatrial.toolcalls.orphans import lost_call
from seatrial.toolcalls.reading import CUT_OFF, Broken, Parsed, Tail, Window
from seatrial.toolcalls.repairs import EXAMPLE_TURN, declare
from seatrial.toolcalls.scanned import Scanned
from seatrial.toolcalls.scanner import Scan
from seatrial.toolcalls.tokens import THINK_CLOSERS, THINK_OPENERS, Kind, tokens_for

ROLE_HEADER = re.compile(
    r"\s{0,32}+(?:<\|im_start\|>assistant\n|<\|start_header_id\|>assistant<\|end_header_id\|>\n*+"
    r"|<start_of_turn>model\n|<\|turn>model\n|<\|assistant\|>\n?|assistant\n++)"
)
ROLE_HEADER_STRIPPED = declare(
    "role_header_stripped",
    "turn",
    "The role header of the model's own turn, written once more at its beginning, is dropped.",
    f"<|im_start|>assistant\n{EXAMPLE_TURN}",
)
IN_REASONING = declare(
    "in_reasoning",
    "turn",
    "A complete call ends reasoning that was never closed, nothing follows, and the model stopped.",
    f"I look at the file first.\n{EXAMPLE_TURN}",
    prefill="<think>\n",
)


_LAST_WORDS = 200
_REFUSED = re.compile(
    r"(?<!\w)(?:never|must ?n['o’]t|must not|should ?n['’]t|should not|do not|don['’]t|will not|"
    r"won['’]t|not going to|not allowed to|forbidden to|instead of|rather than) (?:\w+ ){0,2}"
    r"(?:do|run|call|use|execute|write|make|send|try|repeat|issue|invoke|doing|running|calling|"
    r"using|executing|writing|making|sending)(?!\w)[^.!?\n]{0,120}\Z",
    re.IGNORECASE,
)
"""The sentence right before a call in reasoning speaks against it."""
_TOOL_CLOSER = re.compile(r"(?m)^[ \t]*</([\w.-]{1,200})>\s*\Z")
_LONGEST_CLOSER = 300
_ITEM = re.compile(r"(?:\A|\n)[ \t]*(?:[-*+]|\d{1,3}[.)])[ \t]*\Z")
"""A call as one item of a list, with more text behind it, is talked about."""


def parse(
    raw: str,
    tools: tuple[ToolSchema, ...],
    *,
    finish: Finish = Finish.STOP,
    prefill: str = "",
    options: Options = DEFAULTS,
    id_prefix: str = "call",
) -> Parsed:
    """Read one whole turn.

    `raw` is what the model wrote; `prefill` is what the template had written of the turn before
    (an opened `<think>`, the beginning of a forced call). Never raises on any text.
    """
    by_name = {tool.name: _usable(tool) for tool in tools}
    forced = forced_call(prefill, by_name, options.nonce)
    text = forced + raw
    window = Window(text, Tail.of(finish), by_name)
    admission = Admission(options, id_prefix, base=-len(forced))
    header = ROLE_HEADER.match(text)
    start = header.end() if header else 0
    scan: Scanned
    thinking = in_reasoning(prefill)
    channels = None if options.nonce or thinking else harmony.split_channels(text)
    if channels is not None:
        scan = ChannelScan(window, channels, admission)
    else:
        scan = Scan(window, start, admission)
        scan.run(thinking=thinking)
        _recover(scan, window, admission)
        _loosely(scan, window, admission)
    if header:
        scan.repairs.append(ROLE_HEADER_STRIPPED)
    return _verdict(scan, window, admission)


def _usable(tool: ToolSchema) -> ToolSchema:
    """`tool`, or one that refuses every call because its schema is none."""
    schema: object = tool.parameters
    properties = schema.get("properties", {}) if isinstance(schema, dict) else None
    if isinstance(properties, dict):
        return tool
    return msgspec.structs.replace(tool, parameters={"type": "not a JSON schema"})


def in_reasoning(prefill: str) -> bool:
    """Does the prefill end inside of reasoning?"""
    opened = max(prefill.rfind(opener) for opener in THINK_OPENERS)
    return opened > max(prefill.rfind(closer) for closer in THINK_CLOSERS)


def forced_call(prefill: str, tools: Mapping[str, ToolSchema], nonce: str) -> str:
    """The beginning of a call that the template wrote for the model, else nothing."""
    tokens = tokens_for(tools, nonce)
    at = 0
    while match := tokens.search(prefill, at):
        if tokens.kinds[match.group()] is Kind.OPENER:
            return prefill[match.start() :]
        at = match.end()
    return ""


def _recover(scan: Scan, window: Window, admission: Admission) -> None:
    """A turn that is nothing but reasoning: the call at its very end, if there is one."""
    nothing = not scan.calls and scan.broken is None and not scan.visible.text.strip()
    if scan.unclosed is None or not nothing:
        return
    inner = Scan(window, scan.unclosed, admission, drafts=True)
    inner.run(thinking=False)
    scan.dialect = inner.dialect
    if inner.broken is None and not inner.calls:
        return
    if not window.stopped:
        scan.broken = Broken(CUT_OFF)
    elif inner.broken is not None or inner.group == len(inner.calls):
        scan.broken = Broken("the call stands inside reasoning that was never closed")
    elif _REFUSED.search(inner.lead_in.rstrip()[-_LAST_WORDS:]):
        scan.broken = Broken("the reasoning says that the call is not to be made")
    elif off := admission.refused((IN_REASONING,), None):
        scan.broken = off
    else:
        scan.repairs += [*inner.repairs, IN_REASONING]
        scan.calls = [
            msgspec.structs.replace(call, source="reasoning") for call in inner.calls[inner.group :]
        ]


def _loosely(scan: Scan, window: Window, admission: Admission) -> None:
    """Calls without any envelope, at the very end of a turn that holds nothing else."""
    tried = scan.calls or scan.tags_left or scan.broken is not None or scan.dialect is not None
    if tried or not window.stopped or scan.unclosed is not None or admission.options.nonce:
        return
    start = scan.visible.piece_from
    shown = msgspec.structs.replace(window, text=window.text[start : scan.end])
    found = (
        loose.find(shown.text, window.tools, admission.options)
        or fence_edits.find(shown.text, window.tools, admission.options)
        or bare_gemma.find(shown, admission.options)
    )
    if found is None:
        return
    base = start + admission.base
    calls: list[Call] = []
    broken = found.broken
    if lost_call(shown, 0, found.start):
        broken = Broken("another call, without its envelope, stands before the call")
    for raw in found.calls:
        call = admission.moved(base).admit(raw, window.tools, calls, scan.repairs, "loose")
        if isinstance(call, Broken):
            broken = call
            break
        if call is not None:
            calls.append(call)
    scan.dialect = found.form
    scan.broken, scan.calls = broken, calls if broken is None else []
    if broken is None:
        scan.lead_in = scan.visible.take_out(start + found.start, start + found.end)


def _verdict(scan: Scanned, window: Window, admission: Admission) -> Parsed:
    text, calls, broken = scan.visible.text, scan.calls, scan.broken
    repairs = [repair for call in calls for repair in call.repairs] + scan.repairs
    if calls and (inside := _inside(scan, window, admission.base)):
        broken, calls = inside, []
    if calls and broken is None:
        broken = admission.refused(tuple(scan.repairs), None) or _example(scan, window)
        calls = [] if broken else calls
    if broken is not None:
        verdict = "reask"
    elif calls:
        verdict = "repaired" if repairs else "ok"
    else:
        verdict = "no_call"
    return Parsed(
        verdict=verdict,  # type: ignore[arg-type]
        calls=tuple(calls),
        text=text,
        think="".join(scan.think),
        repairs=tuple(repairs),
        reason=broken.reason if broken else None,
        tool=broken.name if broken else None,
        dialect=scan.dialect,
    )


def _inside(scan: Scanned, window: Window, base: int) -> Broken | None:
    """The tag at the end may close a call that lost its beginning, with these in a value of it."""
    text, last = window.text, scan.calls[-1].raw_span
    closer = _TOOL_CLOSER.search(text, max(0, len(text) - _LONGEST_CLOSER))
    if closer is None or closer[1] not in window.tools or last is None:
        return None
    behind = last[1] - base <= closer.start()
    return Broken(f"</{closer[1]}> without its beginning", closer[1]) if behind else None


def _example(scan: Scanned, window: Window) -> Broken | None:
    """A call that is announced as an example and explained behind is not certainly meant."""
    if scan.calls[0].source != "envelope":
        return None
    explained = not window.stopped or scan.group == len(scan.calls)
    if explained and (_ITEM.search(scan.lead_in) or not introduces(scan.lead_in)):
        return Broken("the call is announced as an example", scan.calls[0].name)
    return None
