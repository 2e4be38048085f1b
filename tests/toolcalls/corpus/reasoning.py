"""Catalogue 87 to 92: reasoning, invented turns, repeated calls."""

from __future__ import annotations

from tests.toolcalls.corpus import forms, payloads
from tests.toolcalls.corpus.case import EITHER, Case, good, plain, reask, repair, trap
from tests.toolcalls.corpus.tools import CATALOGUE, FILES

VIEW = ("view", {"file": "lib/a.ml"})
SH = ("sh", {"cmd": "dune test"})
RM = ("sh", {"cmd": "rm -rf _build"})
SAVE = ("save", {"file": "m.py", "text": payloads.PYTHON + "\n"})
THINK = "<think>\n"
FORMS = {"hermes": forms.hermes, "xml": forms.xml, "glm": forms.glm, "dsml": forms.dsml}


def cases() -> list[Case]:
    return [
        *_never_closed(),
        *_drafts(),
        *_more_thought(),
        *_strays(),
        *_fiction(),
        *_fiction_after_prose(),
        *_repeats(),
    ]


def _never_closed() -> list[Case]:
    """87: the call is the last thing in reasoning that never ends."""
    found = []
    thought = "The user wants the module. I will open it.\n\n"
    for name, form in FORMS.items():
        raw = thought + form(VIEW)
        found += [
            repair(f"think-call-{name}", 87, raw, CATALOGUE, VIEW, prefill=THINK, text=""),
            repair(f"think-call-{name}-opener", 87, THINK + raw, CATALOGUE, VIEW, text=""),
            reask(f"think-call-{name}-length", 87, raw, CATALOGUE, prefill=THINK, finish="length"),
        ]
    for i, opener in enumerate(("<thinking>\n", "[THINK]")):
        raw = opener + thought + forms.hermes(SAVE)
        found.append(repair(f"think-call-other-{i}", 87, raw, CATALOGUE, SAVE))
    two = thought + forms.xml(VIEW)
    draft = f"Maybe {forms.hermes(RM)} is needed? No, the tests first.\n\n{forms.hermes(SH)}"
    return [
        *found,
        repair("think-call-only", 87, forms.xml(SAVE), CATALOGUE, SAVE, prefill=THINK),
        repair("think-call-blank-tail", 87, two + "\n\n", CATALOGUE, VIEW, prefill=THINK),
        repair("think-call-after-draft", 87, draft, CATALOGUE, SH, prefill=THINK),
    ]


def _drafts() -> list[Case]:
    """88: the draft is in the reasoning, the real thing comes after it."""
    found = []
    answer = "Nothing has to be deleted: the directory is empty."
    for name, form in FORMS.items():
        head = f"I could clean up:\n{form(RM)}\nbut first I have to see what is there.\n</think>"
        found += [
            trap(
                f"draft-then-call-{name}", 88, f"{head}\n\n{form(SH)}", CATALOGUE, SH, prefill=THINK
            ),
            plain(
                f"draft-then-answer-{name}",
                88,
                head + answer,
                CATALOGUE,
                prefill=THINK,
                text=answer,
            ),
            plain(
                f"draft-then-answer-{name}-opener",
                88,
                THINK + head + answer,
                CATALOGUE,
                text=answer,
            ),
        ]
    same = f"I will run\n{forms.hermes(SH)}\nnow.\n</think>\n\n{forms.hermes(SH)}"
    half = f'A call begins <tool_call>\n{{"name": "sh", but not now.\n</think>{answer}'
    loose = f"{forms.bare_json(RM)}\n</think>{answer}"
    closed = f"{forms.xml(RM)}\n</think>{answer}"
    only = f"{THINK}{forms.xml(RM)}\n</think>\n\n{forms.hermes(VIEW)}"
    return [
        *found,
        trap("draft-same-as-call", 88, same, CATALOGUE, SH, prefill=THINK),
        trap("draft-in-another-form", 88, only, CATALOGUE, VIEW),
        plain("draft-half", 88, half, CATALOGUE, prefill=THINK, text=answer),
        plain("draft-bare-json", 88, loose, CATALOGUE, prefill=THINK, text=answer),
        plain("draft-is-all-of-it", 88, closed, CATALOGUE, prefill=THINK, text=answer),
        plain(
            "draft-harmony",
            88,
            '<|channel|>analysis<|message|>Could call {"name": "sh", "arguments": {"cmd": "ls"}}.'
            f"<|end|><|start|>assistant<|channel|>final<|message|>{answer}",
            CATALOGUE,
            text=answer,
        ),
    ]


def _more_thought() -> list[Case]:
    """89: a draft, more reasoning, no end."""
    found = []
    for name, form in FORMS.items():
        raw = f"I could run\n{form(RM)}\nWait, that deletes the cache. Is it needed? Perhaps"
        found += [
            reask(f"draft-goes-on-{name}", 89, raw, CATALOGUE, prefill=THINK),
            reask(
                f"draft-goes-on-{name}-length", 89, raw, CATALOGUE, prefill=THINK, finish="length"
            ),
        ]
    return found


def _strays() -> list[Case]:
    """90: tags of reasoning where none belong."""
    call = forms.hermes(VIEW)
    answer = "The module defines a map over strings."
    found = []
    for i, raw in enumerate(
        (
            f"<think>Look.</think>\n</think>\n\n{call}",
            f"</think>\n\n{call}",
            f"{call}\n</think>",
            f"{call}\n<think>",
            f"{call}\n\n<think>\n",
            f"<think>\n\n</think>\n\n</think>\n\n{forms.xml(VIEW)}",
        )
    ):
        found.append(repair(f"stray-think-{i}", 90, raw, CATALOGUE, VIEW, verdict=EITHER))
    for i, (raw, text) in enumerate(
        (
            (f"<think>Easy.</think></think>{answer}", answer),
            (f"{answer}\n</think>", None),
            (f"{answer}\n<think>", None),
            (f"{answer}\n\n<think>\nShould I add something", None),
            (f"<think></think>{answer}", answer),
        )
    ):
        found.append(plain(f"stray-think-answer-{i}", 90, raw, CATALOGUE, text=text))
    closed = f"I will look.\n</think>\n\n{call}"
    marker = ("save", {"file": "t.py", "text": payloads.MARKERS["think"]})
    inside = f"I will write it.\n</think>\n\n{forms.xml(marker)}"
    return [
        *found,
        good("think-then-call", closed, CATALOGUE, VIEW, prefill=THINK),
        good("think-then-call-opener", THINK + closed, CATALOGUE, VIEW),
        trap("think-tags-in-value", 90, inside, CATALOGUE, marker, prefill=THINK),
    ]


def _fiction() -> list[Case]:
    """91: the model goes on and plays the other side."""
    found = []
    result = "let x = 1\n"
    more = f"Now I delete the rest.\n\n{forms.hermes(RM)}"
    for i, cut in enumerate(
        (
            f"\n<tool_response>\n{result}</tool_response>\n{more}",
            f"<|im_end|>\n<|im_start|>user\n<tool_response>\n{result}</tool_response>\n{more}",
            f"<|im_end|>\n<|im_start|>assistant\n{more}",
            f"\n\nHuman: looks good, go on\n\nAssistant: {more}",
            f"\nUser: thanks, and the build directory?\n{more}",
            f"\nObservation: {result}{more}",
            f"<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n{more}",
            f"<end_of_turn>\n<start_of_turn>user\n{more}",
        )
    ):
        for name, form in (("hermes", forms.hermes), ("xml", forms.xml)):
            raw = form(VIEW) + cut
            found.append(repair(f"fiction-{name}-{i}", 91, raw, CATALOGUE, VIEW, verdict=EITHER))
    roles = ("save", {"file": "chat.txt", "text": payloads.MARKERS["roles"]})
    response = ("save", {"file": "c.py", "text": payloads.MARKERS["response"]})
    chatml = ("save", {"file": "c.py", "text": payloads.MARKERS["chatml"]})
    react = f"{forms.react(*VIEW)}\nObservation: {result}Thought: done.\nFinal Answer: x is 1."
    gemma = f"{forms.gemma(VIEW)}<|tool_response>response:view{{result:1}}{forms.gemma(RM)}"
    return [
        *found,
        repair(
            "fiction-end-token", 91, forms.xml(VIEW) + "<|im_end|>", CATALOGUE, VIEW, verdict=EITHER
        ),
        repair("fiction-react", 91, react, CATALOGUE, VIEW, verdict=EITHER),
        repair("fiction-gemma", 91, gemma, CATALOGUE, VIEW, verdict=EITHER),
        trap("roles-in-value", 91, forms.xml(roles), CATALOGUE, roles),
        trap("response-tag-in-value", 91, forms.xml(response), CATALOGUE, response),
        trap("end-token-in-value", 91, forms.xml(chatml), CATALOGUE, chatml),
    ]


def _fiction_after_prose() -> list[Case]:
    answer = "Yes, the build is green."
    call = forms.hermes(RM)
    found = []
    for i, (raw, text) in enumerate(
        (
            (f"{answer}<|im_end|>\n<|im_start|>user\nGo on.<|im_end|>\n{call}", answer),
            (f"{answer}\n\nHuman: delete it then\n\nAssistant: {call}", None),
            (f"{answer}\n<tool_response>\nok\n</tool_response>\n{call}", None),
            (f"{answer}\nUser: clean up\nAssistant: sure\n{call}", None),
            (f"{answer}<|endoftext|>{call}", answer),
        )
    ):
        found.append(plain(f"fiction-answer-{i}", 91, raw, CATALOGUE, text=text))
    return found


def _repeats() -> list[Case]:
    """92: the same call more than once, one after the other."""
    read = ("read_file", {"path": "a.py"})
    compact = (
        forms.hermes(VIEW)
        + '\n<tool_call>{"arguments":{"file":"lib/a.ml"},"name":"view"}</tool_call>'
    )
    return [
        repair("repeat-hermes", 92, forms.hermes(VIEW, VIEW), CATALOGUE, VIEW),
        repair("repeat-xml", 92, forms.xml(SAVE, SAVE), CATALOGUE, SAVE),
        repair("repeat-three", 92, forms.hermes(read, read, read), FILES, read),
        repair("repeat-layout", 92, compact, CATALOGUE, VIEW),
        repair("repeat-mistral", 92, forms.mistral_args(SH, SH), CATALOGUE, SH),
        repair("repeat-then-other", 92, forms.xml(VIEW, VIEW, SH), CATALOGUE, VIEW, SH),
        trap("repeat-not-consecutive", 92, forms.hermes(SH, SAVE, SH), CATALOGUE, SH, SAVE, SH),
        trap("repeat-other-arguments", 92, forms.xml(SH, RM), CATALOGUE, SH, RM),
    ]
