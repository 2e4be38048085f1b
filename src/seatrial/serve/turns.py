"""Recorded turns for lint, read from the traces of a run or a session.

Only what rules need of a turn is taken, and texts are cut: a long trace stays small here. Not a
diagnosis: whether a failure is a turn's fault is the business of `diagnose`. In: a run folder,
or a folder with a trace. Out: `Turn`s in the order of the sessions.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from seatrial.core.errors import UserError
from seatrial.core.trace import Fault, MessageEvent, Request, Response, Tool, TraceEvent
from seatrial.serve.lint.subject import Turn
from seatrial.store import PACKED, PLAIN, read_events

HEAD_CHARS = 2_000
MAX_TURNS = 20_000
"""Turns of one folder that are looked at; the rules judge rates, not single turns."""


def recorded_turns(folder: Path) -> tuple[Turn, ...]:
    """Every turn of every trace below `folder`.

    Raises:
        UserError: there is no trace.
    """
    places = sorted({path.parent for name in (PLAIN, PACKED) for path in folder.rglob(name)})
    if not places:
        raise UserError(
            f"{folder}: no recorded turns", hint="give a run folder: `seatrial runs` lists them"
        )
    found: list[Turn] = []
    for place in places:
        for turn in _turns(read_events(place), place.relative_to(folder).as_posix()):
            if len(found) == MAX_TURNS:
                return tuple(found)
            found.append(turn)
    return tuple(found)


def _turns(events: Iterator[TraceEvent], session: str) -> Iterator[Turn]:
    requests: dict[str, Request] = {}
    messages: dict[str, MessageEvent] = {}
    pending: Turn | None = None
    number = 0
    for event in events:
        match event:
            case MessageEvent() if event.role == "assistant":
                messages[event.digest] = event
            case Request():
                requests[event.id] = event
            case Response():
                if pending is not None:
                    yield pending
                number += 1
                pending = _turn(
                    number,
                    session,
                    requests.pop(event.id, None),
                    event,
                    messages.pop(event.message, None),
                )
            case Tool() if pending is not None:
                pending = msgspec.structs.replace(pending, executed=True)
            case Fault() if event.channel == "server":
                number += 1
                yield Turn(
                    number=number,
                    session=session,
                    error=event.message[:HEAD_CHARS],
                    fault_boundary=event.boundary.value,
                )
            case _:
                continue
    if pending is not None:
        yield pending


def _turn(
    number: int,
    session: str,
    asked: Request | None,
    answer: Response,
    message: MessageEvent | None,
) -> Turn:
    return Turn(
        number=number,
        session=session,
        prompt=answer.usage.prompt or None,
        cached=answer.usage.cached if answer.usage.prompt else None,
        completion=answer.usage.completion,
        max_tokens=asked.caps.max_tokens if asked else None,
        finish=answer.raw_finish or answer.finish.value,
        seconds=answer.timings.total_seconds or None,
        tool_calls=len(message.calls) if message else 0,
        executed=False if message and message.calls else None,
        text=(message.text if message else answer.raw)[:HEAD_CHARS],
        thought=(message.think if message else "")[:HEAD_CHARS],
    )
