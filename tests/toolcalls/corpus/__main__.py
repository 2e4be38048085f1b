"""`python -m tests.toolcalls.corpus`: checks the corpus against itself and counts it."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

from tests.toolcalls.corpus import MODULES, Case, cases

LABELS = ("ok", "O", "R", "Q", "N")
VERDICTS = {"ok", "repaired", "reask", "no_call"}
KINDS = set(range(1, 98)) - {42}
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def main() -> int:
    problems = [*_ids(), *_kinds(), *_shares(), *(p for case in cases() for p in _case(case))]
    width = max(len(_name(module)) for module in MODULES)
    print(f"{'':{width}} " + "".join(f"{label:>6}" for label in (*LABELS, "all")))
    for module in MODULES:
        print(f"{_name(module):{width}} " + _row(module.cases()))
    print(f"{'all':{width}} " + _row(cases()))
    print(f"\nnothing may be executed: {sum(not case.calls for case in cases())} of {len(cases())}")
    print("\n".join(problems) or "no problems")
    return 1 if problems else 0


def _name(module: Any) -> str:
    return module.__name__.rpartition(".")[2]


def _row(rows: Any) -> str:
    counts = Counter(case.label for case in rows)
    return "".join(f"{n:6}" for n in (*(counts[label] for label in LABELS), len(rows)))


def _ids() -> list[str]:
    counts = Counter(case.id for case in cases())
    return [f"{id}: used {n} times" for id, n in counts.items() if n > 1]


def _kinds() -> list[str]:
    counts = Counter(case.kind for case in cases())
    return [f"kind {kind}: {counts[kind]} cases" for kind in sorted(KINDS) if counts[kind] < 3]


def _shares() -> list[str]:
    """A corpus of calls only would reward a parser that finds calls everywhere."""
    idle = [case for case in cases() if not case.calls]
    answers = [case for case in idle if case.label == "N" and case.verdict == ("no_call",)]
    found = []
    if 4 * len(idle) < len(cases()):
        found.append("less than a quarter of the cases are negative")
    if len(answers) < 80:
        found.append(f"only {len(answers)} plain answers")
    return found


def _case(case: Case) -> list[str]:
    found = []
    if not set(case.verdict) <= VERDICTS or not case.verdict:
        found.append(f"verdict {case.verdict}")
    if case.label == "N" and case.calls:
        found.append("a plain answer with a call")
    if not case.calls and set(case.verdict) & {"ok", "repaired"}:
        found.append("verdict of a call without one")
    if case.calls and "no_call" in case.verdict:
        found.append("no_call with a call")
    for name, args in case.calls:
        schema = next((tool.parameters for tool in case.tools if tool.name == name), None)
        found += [f"{name} is not declared"] if schema is None else _misfits(name, args, schema)
    return [f"{case.id}: {problem}" for problem in found]


def _misfits(at: str, value: Any, schema: dict[str, Any]) -> list[str]:
    kinds = schema.get("type", [])
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if type(value) not in {each for kind in kinds for each in TYPES[kind]}:
        return [f"{at} is {value!r}"]
    if value not in schema.get("enum", [value]):
        return [f"{at} is {value!r}"]
    found = []
    if isinstance(value, list):
        for i, each in enumerate(value):
            found += _misfits(f"{at}[{i}]", each, schema["items"])
    if isinstance(value, dict):
        known = schema["properties"]
        found += [f"{at} lacks {key}" for key in schema["required"] if key not in value]
        found += [f"{at} has {key}" for key in value if key not in known]
        for key in value.keys() & known.keys():
            found += _misfits(f"{at}.{key}", value[key], known[key])
    return found


if __name__ == "__main__":
    sys.exit(main())
