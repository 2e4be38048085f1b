"""Rules on what the survey saw a server do, one row each; D01 to D29, and D38.

What a bad observation means for somebody who works with that server, and what to change. Not
here: observations that a rule of another topic judges together with settings. In: a survey.
Out: problems that quote it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from seatrial.serve.lint.rule import Problem, Severity, rule
from seatrial.serve.lint.subject import Subject
from seatrial.serve.survey.survey import Observation

_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO
_MEASURED = "measured on this server by the survey"


class _Row(msgspec.Struct, frozen=True):
    """One rule: the observations that it judges, and its words."""

    id: str
    severity: Severity
    observations: tuple[str, ...]
    title: str
    why: str
    fix: str


_ROWS = (
    _Row(
        "D01",
        _E,
        ("answers.alive", "answers.chat", "answers.stream"),
        "the server does not answer",
        "A server that does not answer a plain question, in one piece and as a stream, is of no "
        "use to a client: nearly all of them stream.",
        "read the end of the server's log, start it again and look at what it says; if only a "
        "stream fails, ask it without the proxy in front of it",
    ),
    _Row(
        "D02",
        _E,
        ("identity.answers_depend",),
        "the same text comes back whatever is asked",
        "A stub or a placeholder answers instead of a model, and reports success: every result "
        "of it is false.",
        "load the model; look in the log for `mock`, `stub`, `fallback` or a failed load",
    ),
    _Row(
        "D03",
        _E,
        ("identity.same_model",),
        "the model changed while it was asked",
        "Another model answers some of the requests, so results are those of a mixture.",
        "stop what swaps models on this server (routing, profiles, a shared port), or give one "
        "model its own server",
    ),
    _Row(
        "D04",
        _E,
        ("system.reaches_model", "system.template"),
        "the system prompt does not reach the model",
        "The client's instructions, tools and rules are in the system prompt; without them the "
        "model cannot behave as the client expects.",
        "use the model's own chat template, and no server option that sets a system prompt",
    ),
    _Row(
        "D05",
        _E,
        ("tools.reach_model",),
        "tools do not reach the model",
        "The server accepts the list of tools and drops it: the model is never told that it may "
        "call any.",
        "llama.cpp: start with --jinja and a template that knows tools; vLLM: "
        "--enable-auto-tool-choice and --tool-call-parser; else let a gateway write them into the "
        "prompt",
    ),
    _Row(
        "D06",
        _E,
        ("tools.accepted",),
        "a request with tools is refused",
        "A coding agent sends tools with every request, so none of its requests would work.",
        "llama.cpp: --jinja; vLLM: --enable-auto-tool-choice and --tool-call-parser",
    ),
    _Row(
        "D07",
        _W,
        ("tools.call",),
        "a tool call arrives as text",
        "Clients take a call that is printed as text for the final answer and stop as if the work "
        "were done.",
        "set the tool-call parser of this model's family, or put `seatrial gateway` in front",
    ),
    _Row(
        "D08",
        _E,
        ("tools.arguments", "tools.streamed"),
        "a tool call arrives damaged",
        "What the client executes would not be what the model wrote.",
        "update the server; until then ask for answers in one piece, or read calls from raw text",
    ),
    _Row(
        "D09",
        _E,
        ("tools.parse_failure",),
        "the server fails on a call that it cannot parse",
        "The model's mistake comes back as HTTP 500, which a client counts as a broken server: it "
        "retries the same request or ends the run.",
        "llama.cpp: --skip-chat-parsing with a client that parses, or a gateway that repairs calls",
    ),
    _Row(
        "D10",
        _E,
        ("stops.stream_finish", "stops.stream_done"),
        "a stream does not say how it ended",
        "Some clients take such a stream for a complete final answer, others repeat the request.",
        "update the server or the proxy in front of it, which may cut the stream",
    ),
    _Row(
        "D11",
        _E,
        ("stops.paths_agree", "stops.string", "stops.string_stream", "stops.completion"),
        "a stream and an answer in one piece are not the same",
        "The same request ends, or says what it says, in one way when it is streamed and in "
        "another when it is not: the way without stops writes on until its cap, and text under "
        "another key is not read.",
        "use the way that is right (see what was seen), and report the other to the server's "
        "makers; a reasoning parser of another model's family does this too",
    ),
    _Row(
        "D12",
        _E,
        ("stops.max_tokens",),
        "max_tokens is not kept",
        "Nothing but the window bounds an answer then: one loop costs hours.",
        "set a cap on the server (llama.cpp: -n), and a guard in front of it",
    ),
    _Row(
        "D13",
        _E,
        ("leaks.control_tokens",),
        "control tokens stand in the answer",
        "They end up in files that the model writes, and confuse the next turn.",
        "llama.cpp: do not use --special; check that the end-of-turn token of the template is the "
        "one of the tokenizer",
    ),
    _Row(
        "D14",
        _E,
        ("sampler.greedy_repeats",),
        "temperature 0 does not repeat",
        "Two runs of one configuration differ for no reason that could be found, so no comparison "
        "on this server is a fair one.",
        "one slot (-np 1) and no speculative decoding for measurements; else compare many runs",
    ),
    _Row(
        "D15",
        _W,
        ("sampler.seed_repeats", "sampler.seeds_differ"),
        "the seed has no effect, or not the right one",
        "Runs cannot be repeated, or runs that should be independent are copies of each other.",
        "do not rely on seeds with this server: repeat runs, and say so",
    ),
    _Row(
        "D16",
        _E,
        ("window.whole_prompt",),
        "a long prompt is cut without a word",
        "The model answers without the beginning of the task and nobody is told. What was cut "
        "is mostly the instructions.",
        "raise the window of the server (Ollama: OLLAMA_CONTEXT_LENGTH or num_ctx in a Modelfile), "
        "and let the client compact before",
    ),
    _Row(
        "D17",
        _E,
        ("overflow.window",),
        "the window is smaller than the server states",
        "A client that believes the stated number runs into the real one in the middle of a task.",
        "set the client's window to the measured one",
    ),
    _Row(
        "D18",
        _W,
        ("speed.device",),
        "the model is slower than its size explains, as on a CPU",
        "It answers, many times slower than it should: time limits end tasks that would pass.",
        "look in the log for `offloaded 0` or `no usable GPU`; llama.cpp: -ngl 999 and a build for "
        "your card; Ollama: `ollama ps` shows the processor",
    ),
    _Row(
        "D19",
        _W,
        ("speed.first_token",),
        "the first token comes late although the prompt is known",
        "Every turn of an agent pays this wait again.",
        "keep the prompt cache on (llama.cpp: --cache-ram), one slot per client, no model swaps",
    ),
    _Row(
        "D20",
        _W,
        ("cache.prefix",),
        "a prompt that came before is not reused",
        "Each turn then reads the whole conversation again: with long contexts that is most of "
        "the time.",
        "llama.cpp: leave cache_prompt on and give -np 1; vLLM: --enable-prefix-caching; SGLang "
        "reports it only with --enable-cache-report",
    ),
    _Row(
        "D21",
        _E,
        ("conc.two",),
        "two requests at once do not both get an answer",
        "Clients send side requests (titles, summaries) while the main one runs.",
        "more slots, or a gateway that queues",
    ),
    _Row(
        "D22",
        _I,
        ("identity.made_up_name",),
        "a model name that does not exist is accepted",
        "The name in requests and answers proves nothing on this server: who answers has to be "
        "proven in another way.",
        "attest the server (`seatrial attest`) instead of trusting the name",
    ),
    _Row(
        "D23",
        _I,
        ("reasoning.off",),
        "reasoning cannot be switched off by a request",
        "Short side requests pay for reasoning too.",
        "switch it off on the server, or use a template that knows enable_thinking",
    ),
    _Row(
        "D28",
        _E,
        ("stops.length",),
        "a cut answer says that it is whole",
        "Clients continue or retry an answer that was cut by its cap, if they are told: here half "
        "a file or half a call counts as the final answer.",
        "update the server or the proxy in front of it; until then give a cap that no answer "
        "reaches, and treat an answer with as many tokens as the cap as cut",
    ),
    _Row(
        "D29",
        _E,
        ("answers.steady",),
        "requests fail now and then",
        "The same request fails once and is answered when it is sent again: a long task meets "
        "such a failure for certain, and a measurement counts it against the model.",
        "read the server's log at the time of the failure; out of memory: a smaller window, fewer "
        "slots (-np 1) or fewer layers on the card",
    ),
    _Row(
        "D38",
        _W,
        ("usage.counts",),
        "usage counts nothing",
        "Clients compact by the number of prompt tokens in usage: with a zero they never do, and "
        "the conversation runs into the window.",
        "update the server or the proxy in front of it; let the client count for itself",
    ),
)


def _register(row: _Row) -> None:
    @rule(row.id, row.severity, row.title, ("survey",), why=row.why, source=_MEASURED)
    def check(subject: Subject) -> Iterator[Problem]:
        for id_ in row.observations:
            seen = subject.survey.bad(id_) if subject.survey is not None else None
            if seen is not None:
                yield Problem(seen=seen.said, fix=row.fix)


for _row in _ROWS:
    _register(_row)


@rule(
    "D24",
    _W,
    "a sampler setting is accepted and has no effect",
    ("survey",),
    why="Whoever sets it believes in a change that never reached the model: a comparison of two "
    "values of it compares nothing.",
    source=_MEASURED,
)
def no_op_knob(subject: Subject) -> Iterator[Problem]:
    for seen in _knobs(subject, documented=False):
        knob = seen.id.rpartition(".")[2]
        yield Problem(
            seen=seen.said,
            fix=f"do not rely on {knob} with this server: set it where the server reads it "
            "(its command line or model file), or use another engine",
        )


@rule(
    "D25",
    _I,
    "a sampler setting is not supported by this kind of server",
    ("survey",),
    why="The server takes the field and ignores it, as its documentation says or leaves open.",
    source=_MEASURED,
)
def documented_no_op(subject: Subject) -> Iterator[Problem]:
    names = [seen.id.rpartition(".")[2] for seen in _knobs(subject, documented=True)]
    if names:
        yield Problem(
            seen=f"ignored in chat requests: {', '.join(names)}",
            fix="leave them out of requests; where you need one, set it in the server's own "
            "configuration or use an engine that has it",
        )


@rule(
    "D26",
    _E,
    "a prompt that does not fit is cut in silence",
    ("survey",),
    why="The server drops the oldest messages and answers the rest: the task itself goes first.",
    source=_MEASURED,
)
def silent_overflow(subject: Subject) -> Iterator[Problem]:
    seen = _shape(subject, "truncates")
    if seen is not None and not seen.values.get("documented"):
        yield Problem(
            seen=seen.said,
            fix="keep the client's window below the server's, or put a gateway in front that "
            "refuses such a prompt; Ollama: the native API takes truncate=false",
        )


@rule(
    "D27",
    _W,
    "a prompt that does not fit is cut, as this kind of server does",
    ("survey",),
    why="Nobody is told: the model answers without the beginning of the task.",
    source="ollama server/prompt.go; measured on this server by the survey",
)
def documented_overflow(subject: Subject) -> Iterator[Problem]:
    seen = _shape(subject, "truncates")
    if seen is not None and seen.values.get("documented"):
        yield Problem(
            seen=seen.said,
            fix="set the client's window below the server's, so that it compacts before; the "
            "native API of Ollama takes truncate=false",
        )


@rule(
    "D37",
    _E,
    "one prompt that does not fit ends every answer under way",
    ("survey",),
    why="The slots share one pool of tokens: whoever fills it takes the others down, too, and no "
    "client can tell this error from a broken server.",
    source="llama.cpp tools/server/server-context.cpp; measured on this server by the survey",
)
def pool_overflow(subject: Subject) -> Iterator[Problem]:
    seen = _shape(subject, "fails_all")
    if seen is not None:
        yield Problem(
            seen=seen.said,
            fix="-np 1; or --kv-unified-per-slot with the share of each; or -c times -np, no -kvu",
        )


def _shape(subject: Subject, shape: str) -> Observation | None:
    """The bad observation of that kind of overflow."""
    seen = subject.survey.bad("overflow.shape") if subject.survey is not None else None
    return seen if seen is not None and seen.values.get("shape") == shape else None


def _knobs(subject: Subject, *, documented: bool) -> Iterable[Observation]:
    observations = subject.survey.observations if subject.survey is not None else ()
    for one in observations:
        no_op = one.id.startswith("sampler.knob.") and one.verdict == "bad"
        if no_op and bool(one.values.get("documented")) is documented:
            yield one
