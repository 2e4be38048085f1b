"""Intent without a call: a turn that announces the next step, does not take it, and stops.

"I'll now create the file:" and the end: clients take it for the final answer, and the run is
over with nothing done (earendil-works/pi#1863). High precision comes before recall: a question, a
condition, an offer or a report is never taken for an announcement, and the model is told once.

Where no tools are declared, an announcement may be all that was wanted. There it counts only if
the model then went on into turns of others, which were cut: it has dreamt that it was done.

In: stream events. Out: one retry; where none is possible, the answer passes.
"""

from __future__ import annotations

import re

from seatrial.chat.endpoint import CallEvent, End, Event, Request, Text
from seatrial.chat.growing import GrowingText
from seatrial.core.config import GuardSpec
from seatrial.core.generation import Finish
from seatrial.guard.protocol import PASS, Decision, Finding, Mode, PassingRule
from seatrial.guard.rules.base import last_words
from seatrial.guard.rules.leaks import was_cut

NUDGE = (
    "You announced the next step but called no tool, so nothing was done. "
    "Call the tool now. If the task is already complete, say so instead."
)
NUDGE_IN_TEXT = (
    "You announced the next step and then wrote turns that are not yours, so nothing was done. "
    "Give your whole answer now, in the form that you were asked for."
)
_TAIL_CHARS = 600
_LONGEST_CHARS = 4_000
"""A longer turn is an answer, whatever it ends in."""

_VERBS = (
    r"(?:(?:creat|writ|read|check|look(?!\s+forward)|run|open|edit|updat|fix|add|implement|examin|"
    r"explor|inspect|list|search|find|view|modif|install|test|execut|build|replac|remov|delet|"
    r"renam|mov|refactor|review|analy[sz]|investigat|verif|fetch|grep|cat)(?:e|y|ing)?|"
    r"(?P<weak>(?:start|begin|us|call|mak|try|apply|set up|see what|get)(?:e|ing)?))"
)
"""The weak ones stand in many a sentence that announces nothing."""
_ENGLISH = re.compile(
    r"^(?:(?:ok(?:ay)?|great|good|perfect|sure|right|alright|now|first|next|then|so|and|but|"
    r"finally|also|yes|done|hmm|wait|actually)\b[,.!:]?\s+){0,3}"
    r"(?:i(?:'|’)ll|i will|i(?:'|’)m (?:now )?going to|i am (?:now )?going to|let me|let(?:'|’)s|"
    r"i need to|i should|i have to|i want to)\s+"
    r"(?:now |first |next |then |also |just |quickly |go ahead and |start by |begin by |try to |"
    r"proceed to |continue to |proceed by |take a ){0,2}" + _VERBS + r"\b",
    re.IGNORECASE,
)
_OTHERS = re.compile(
    r"(?:^|\b)(?:"
    r"ich werde (?:jetzt|nun|zuerst)|lass mich|"
    r"ich (?:erstelle|schreibe|lese|prüfe|öffne) (?:jetzt|nun)|"
    r"je vais (?:maintenant |d'abord )?(?:créer|écrire|lire|vérifier|ouvrir|exécuter|modifier)|"
    r"(?:ahora )?voy a (?:crear|escribir|leer|revisar|verificar|abrir|ejecutar|modificar)|"
    r"(?:agora )?vou (?:agora )?(?:criar|escrever|ler|verificar|abrir|executar|modificar)|"
    r"сейчас я|давайте|теперь я"
    r")|让我|我来|我将|我现在|接下来我|现在我",
    re.IGNORECASE,
)
_NOT_MEANT = re.compile(
    r"\?|\bif (?:you|that|this|it)\b|\bwould you\b|\bonce you\b|\bwhen you\b|\blet me know\b|"
    r"\bshould i\b|\bplease\b|\bunless\b|\bcan(?:not|'t|’t)\b|\bunable\b|\bwait for\b|"
    r"\bfeel free\b|\bas (?:soon|requested)\b|\bfuture\b|\bfrom now on\b|\bnext time\b|"
    r"\b(?:always|never)\b",
    re.IGNORECASE,
)
_OPEN_END = (":", "：", "...", "…")
_SENTENCE = re.compile(r"(?<=[.!?。！？])\s+|\n+")


class IntentRule(PassingRule):
    """Tells the model once that it has only announced what to do."""

    id = "intent_without_call"

    def __init__(self, spec: GuardSpec, mode: Mode = "enforce") -> None:
        super().__init__(spec, mode)
        self._watching = False
        self._may_call = False
        self._text = GrowingText()
        self._called = False

    def on_request(self, request: Request) -> Decision:
        self._may_call = bool(request.tools) and request.tool_choice != "none"
        self._watching = self._nudge not in last_words(request)
        return PASS

    def on_event(self, event: Event) -> Decision:
        if not self._watching:
            return PASS
        if isinstance(event, Text):
            self._text.add(event.text)
        elif isinstance(event, CallEvent):
            self._called = True
        elif isinstance(event, End):
            return self._judge(event)
        return PASS

    @property
    def _nudge(self) -> str:
        return NUDGE if self._may_call else NUDGE_IN_TEXT

    def _judge(self, end: End) -> Decision:
        if self._called or end.finish is not Finish.STOP or end.verdict != "no_call":
            return PASS
        if not self._may_call and not was_cut(end):
            return PASS
        text = self._text.whole()
        quote = announcement(text)
        if quote is None:
            return PASS
        finding = Finding(
            detector=self.id,
            mode_id="format.no_tool_call",
            channel="text",
            detail="the turn ends in an announcement and no call",
            quote=quote,
            start=text.rfind(quote),
        )
        return Decision("retry", finding, nudge=self._nudge, shown=text, otherwise="pass")


def announcement(text: str) -> str | None:
    """The last sentence of `text`, if it announces an action and nothing else."""
    text = text.rstrip()
    if not text or len(text) > _LONGEST_CHARS or text.endswith(("```", "~~~")):
        return None
    last = _SENTENCE.split(text[-_TAIL_CHARS:])[-1].strip()
    if _NOT_MEANT.search(last):
        return None
    plain = last.strip("*_#> ")
    open_end = plain.endswith(_OPEN_END)
    english = _ENGLISH.match(plain)
    if english and (open_end or (plain.endswith(".") and not english["weak"])):
        return last
    return last if open_end and _OTHERS.search(plain) else None
