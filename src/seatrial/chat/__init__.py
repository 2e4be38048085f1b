"""Speak to one endpoint: streams, wires, overflow, token counts, capture."""

from seatrial.chat.capture import OnExchange, Redactor
from seatrial.chat.endpoint import (
    CallEvent,
    End,
    Endpoint,
    Event,
    Exchange,
    Facts,
    Request,
    Text,
    Think,
    UsageEvent,
)
from seatrial.chat.failures import RefusedError, TimedOutError
from seatrial.chat.llamacpp import LlamaCppEndpoint
from seatrial.chat.overflow import ContextOverflowError, finish_of, read_overflow
from seatrial.chat.sse import SseDecoder, SseEvent
from seatrial.chat.timeouts import Pace, TimeoutPolicy
from seatrial.chat.transport import Limits, Transport

__all__ = [
    "CallEvent",
    "ContextOverflowError",
    "End",
    "Endpoint",
    "Event",
    "Exchange",
    "Facts",
    "Limits",
    "LlamaCppEndpoint",
    "OnExchange",
    "Pace",
    "Redactor",
    "RefusedError",
    "Request",
    "SseDecoder",
    "SseEvent",
    "Text",
    "Think",
    "TimedOutError",
    "TimeoutPolicy",
    "Transport",
    "UsageEvent",
    "finish_of",
    "read_overflow",
]
