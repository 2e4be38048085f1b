"""Does the text before a call-shaped ending say that it is meant as a call?

A closed list of cue words, in three steps: words that show an example wherever they stand; words
that do unless the sentence right before the call states an intention; and words that do only in
that sentence. Also the marks of quotation: block quotes, transcripts, code, open comments. Wrong
on the careful side: "Here is an example:" followed by a meant call is text.
"""

from __future__ import annotations

import re

MAX_LEAD_IN = 16 * 1024
"""What is longer is a document, not the words before a call."""


def _words(*alternatives: str) -> re.Pattern[str]:
    # Not in the name of a file: examples/main.rs, sample.csv.
    joined = "|".join(alternatives)
    return re.compile(rf"(?<![\w/.-])(?:{joined})(?![\w/]|\.\w)", re.IGNORECASE)


CUES = _words(
    "examples?", r"e\.\s?g\.", "for instance", "samples?", "demo", r"demonstrat\w*",
    r"illustrat\w*", "would(?! like to)", "(?:i|you|we|one|they|it|that)['’]d(?! like to)",
    "looks? like", "looked like", "looking like", "like (?:this|so)", "shapes?", "shaped",
    "formats?", "formatted", "such as", "literal(?:ly)?", "either", "hypothetical(?:ly)?",
    "suppose", "imagine", "pretend", "placeholders?", "pseudo-?code", "for reference",
    r"without (?:actually |really )?\w+ing", "alternatively", "alternatives?",
    "(?:you|users?|one|anyone|someone|developers?) "
    "(?:can|could|may|might|should|must|need to|have to|want to)",
    "(?:should|shall|may|can|could) i", "do you want", "let me know", "if you",
    "show(?:s|n|ing)? (?:you|how|what|the user|me)",
    "(?:won['’]t|will not|cannot|can['’]t|am not|['’]m not|not going to|refuse to|instead of|"
    r"rather than) (?:actually |really )?(?:call|run|execut|invok|us|do|send|mak)\w*",
    "quot(?:e|es|ed|ing|ation)", "verbatim", "excerpt", "snippets?", "transcripts?", "injections?",
    "malicious", "suspicious", "ignore (?:all|any|the|previous)",
    "zum beispiel", "beispiel(?:e|sweise)?", r"z\. ?b\.", "par exemple", "exemple", "por ejemplo",
    "ejemplo", "per esempio",
)  # fmt: skip
"""Text that shows; anywhere in the lead-in."""
_CUES_WITHOUT_SPACES = re.compile("例如|比如|示例|例子|格式|例えば|예를 들어")

SOFT_CUES = _words(
    "instead", "could", "might", "schemas?", "syntax", "templates?", "do not", "don['’]t", "never",
    "json", "structure", "structured",
)  # fmt: skip
"""Text that shows, unless the last sentence states an intention."""

LAST_CUES = _words(
    "contain(?:s|ed|ing)?", "says?", "said", "reads", "prints?", "printed", "logs?", "logged",
    "returns?", "returned", "outputs?", "responses?", "responds?", "responded", "repl(?:y|ies|ied)",
    "received", "sent", "wrote", "written", "expected", "usage", "signatures?", "definitions?",
    "payloads?", "bod(?:y|ies)", "wrong", "incorrect", "invalid", "malformed", "defined", "means",
)  # fmt: skip
"""The same in the last sentence only: it introduces what was said or is to be read."""

_INTENTION = re.compile(
    r"(?<![\w-])(?:let me|let['’]s|let us|i['’]ll|i will|(?:i am|i['’]m|we['’]re|we are) "
    r"(?:now |just |going to |about to )?\w+|(?:i|we)(?: first| now| also| just| still)? "
    r"(?:need to|want to|have to|must|should)|(?:now|next|first|then|so),? i|i (?:now |first |"
    r"also |just |then )?(?:look|read|check|run|open|view|list|search|write|save|start|begin|call|"
    r"use|try|fix|edit|create|inspect|examine)|(?:calling|reading|running|checking|looking|opening|"
    r"listing|searching|writing|saving|executing|invoking|using|editing|creating|fetching))"
    r"(?! (?:not|never|know|explain|describe|show|demonstrate|quote|paste|tell|summari[sz]e|answer)"
    r"(?!\w))(?!\w)",
    re.IGNORECASE,
)
_INSTRUCTION = re.compile(
    r"(?:to [^.!?\n]{0,200}, ?|(?:then|now|please|just|simply|next|first|finally),? )*+"
    r"(?:add|save|create|replace|put|insert|append|change|update|write|edit|copy|set|"
    r"run|use|call|execute|try|type|invoke|send|issue|enter|paste|copy|put|say|answer|"
    r"respond)(?!\w)",
    re.IGNORECASE,
)
_FILE = re.compile(r"\W*(?:(?:file|path|name)\W{1,3})?[\w./\\-]*[\w-]\.\w{1,8}\W*", re.IGNORECASE)
_CALL_LABEL = re.compile(
    r"(?:(?:ok(?:ay)?|sure|right|so),? ?)?(?:(?:here(?:['’]s| is)|this is|now) (?:the|my|a) )?"
    r"(?:next |first |last )?(?:(?:tool|function)[ -]?call|call|action|step|next|first|then)s?"
    r"(?: \d+)?\W*\Z",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?](?=\s)|\n")
_LAST_SENTENCE = 400

_SHOWN = re.compile(
    r"^[ \t]*(?:"
    r">"
    r"|`{3}|~{3}"
    r"|(?i:(?:\*\*)?(?:user|human|customer|system|agent|bot|ai|q|a|assistant)(?:\*\*)? ?:)"
    r"|(?:def|class|struct|fn|func|function|interface|enum|impl|async def) \w"
    r"|(?:import|package|use|using|include) [\w.:{}\"<>/]+;?$|from [\w.]+ import\b"
    r"|(?:if|for|while|elif|with|try|else|except)\b[^.!?\n]{0,200}[:{]$"
    r"|(?:return|raise|assert|const|let|var|export|yield|await|throw)\b[^.!?\n]{0,200}[;)\]}\"']$"
    r"|[\w.\[\]\"']{1,80} ?(?:[+*/-]|:)?= ?[^=\s]"
    r"|@\w+(?:\(|$)|#!|#include\b|//|/\*|\$ |>>> |\.\.\. "
    r"|[\w.]{1,80}\([^\n]{0,400}\)[;:]?[ \t]*$"
    r"|[{}()\[\]]+[;,]?[ \t]*$"
    r")",
    re.MULTILINE,
)
"""A line that is a quotation, a transcript, a fence or code."""
_SPEAKER = re.compile(r"\s*(?:\*\*)?assistant(?:\*\*)? ?:", re.IGNORECASE)
_CODE_SPAN = re.compile(r"`[^`\n]*+`")
_OPEN_QUOTES = "`“‘«„([{<|"


def introduces(lead_in: str, *, line: bool = False, thin: bool = False) -> bool:
    """May the text that follows `lead_in` be meant as a call?

    `line` = the call looks like a line of code or prose, so a sentence must have ended before it.
    `thin` = nothing marks the call but a name: an intention must be stated, or nothing at all.
    """
    if len(lead_in) > MAX_LEAD_IN:
        return False
    lead = lead_in.rstrip()
    if not lead:
        return True
    shown, ended = _shows(lead), _ended(lead_in, lead)
    # Names in code spans are no words.
    lead = _CODE_SPAN.sub("``", lead)
    last = _last_sentence(lead)
    intention = _INTENTION.search(last) is not None
    if not intention and lead[-1] in ":：" and not _CALL_LABEL.match(last):
        # A label, a file, a report: what follows is its content.
        return False
    if not intention and _FILE.fullmatch(last):
        return False
    if not intention and (thin or (line and not ended)):
        return False
    return not (shown or CUES.search(lead) or _CUES_WITHOUT_SPACES.search(lead)) and (
        intention
        or not (SOFT_CUES.search(lead) or LAST_CUES.search(last) or _INSTRUCTION.match(last))
    )


def _last_sentence(lead: str) -> str:
    tail = lead[-_LAST_SENTENCE:]
    ends = list(_SENTENCE_END.finditer(tail))
    return tail[ends[-1].end() :].strip(" \t*_-#>") if ends else tail.strip()


def _ended(lead_in: str, lead: str) -> bool:
    """Is `lead` a whole paragraph or sentence?"""
    return lead_in[len(lead) :].count("\n") > 1 or lead[-1] in ".:!…*。：！)"


def _shows(lead: str) -> bool:
    """Do marks, not words, say that what follows is shown?"""
    line = lead[lead.rfind("\n") + 1 :].lstrip()
    speaker = _SPEAKER.match(lead)
    return bool(
        _SHOWN.search(lead, speaker.end() if speaker else 0)
        or lead.rfind("<!--") > lead.rfind("-->")
        or lead.count("`") % 2
        or lead[-1] in _OPEN_QUOTES
        or lead.endswith(("?", "？"))
        or line.startswith("#")
    )
