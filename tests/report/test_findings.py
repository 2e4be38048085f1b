"""Findings as people read them."""

from seatrial.report.findings import findings_text, not_checked_text, summary
from seatrial.serve.lint.rule import Finding, Severity
from seatrial.serve.lint.subject import Place


def finding(
    rule="W02", severity=Severity.ERROR, line=3, seen="-np 4 splits -c 32768", fix="set -np 1"
):
    return Finding(
        rule=rule, severity=severity, title="slots divide the window", seen=seen,
        why="Each request gets a part of the window only.", fix=fix, source="x",
        place=Place("start.sh", line),
    )  # fmt: skip


def test_a_finding_says_what_why_and_what_to_change():
    assert findings_text([finding()]) == (
        "error W02: slots divide the window\n"
        "  seen:  -np 4 splits -c 32768\n"
        "  where: start.sh:3\n"
        "  fix:   set -np 1\n"
        "  why:   Each request gets a part of the window only.\n\n"
    )


def test_a_rule_says_once_why_and_the_same_words_once():
    text = findings_text([finding(), finding(line=9), finding(seen="other"), finding(rule="W03")])
    assert text.count("error W02") == 1 and "start.sh:3, start.sh:9" in text
    assert text.count("why:") == 2 and text.count("fix:") == 2 and "seen:  other" in text


def test_what_differs_in_its_fix_has_its_own():
    text = findings_text([finding(), finding(seen="other", fix="set -np 2")])
    assert text.index("set -np 1") < text.index("seen:  other") < text.index("set -np 2")


def test_a_mistake_in_a_macro_does_not_fill_the_screen():
    text = findings_text([finding(seen=f"model {n}") for n in range(30)])
    assert text.count("seen:") == 5 and "and 25 more like these" in text


def test_colour_is_only_for_the_severity():
    assert "\x1b[31;1merror\x1b[0m W02" in findings_text([finding()], color=True)
    assert "\x1b" not in findings_text([finding()])


def test_what_a_file_says_cannot_act_on_the_terminal():
    text = findings_text([finding(seen="a\x1b[2Jb\nc\u202e"), finding(severity=Severity.INFO)])
    assert "\x1b" not in text and "\\x1b[2Jb c\\u202e" in text


def test_long_texts_are_wrapped_but_flags_are_not_broken():
    flag = "--chat-template-kwargs='" + "x" * 120 + "'"
    text = findings_text([finding(seen=f"{'word ' * 30}{flag}")])
    assert flag in text
    assert all(len(line) <= 97 for line in text.split("\n") if flag not in line)


def test_the_summary_counts():
    found = [finding(), finding(severity=Severity.WARNING), finding(severity=Severity.INFO)]
    assert summary(found, 80) == "1 error, 1 warning, 1 note by 80 rules\n"
    assert summary([], 80) == "nothing found by 80 rules\n"


def test_what_was_not_checked_is_one_line():
    missing = {"A": "facts", "B": "turns+facts or log", "C": "facts+config"}
    text = not_checked_text(missing, {"config"})
    assert text == (
        "not checked: 3 rules; more would be with --url of the running server (3), "
        "the server's log (1), recorded turns (1)\n"
    )
    assert not_checked_text({}) == ""
