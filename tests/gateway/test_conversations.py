"""Which conversation a request belongs to."""

import pytest

from seatrial.core.message import Call, Message
from seatrial.gateway.conversations import Conversation, Said

TASK = Message("user", "Fix the bug in main.py")
LONG = "I looked at the parser and changed how it reads the end of a line. " * 4


def turn(run, number):
    """An answer with a call, and what the tool said to it."""
    name = f"{run}{number}"
    call = Call(name, "bash", f'{{"command": "echo {name}"}}')
    return Message("assistant", "", calls=(call,)), Message("tool", f"out {name}", call_id=name)


def history(run, turns):
    return [TASK, *(message for number in range(turns) for message in turn(run, number))]


def place(requests, *, whole=True):
    """The conversation of each of `requests`, pairs of messages and the answer to them."""
    known, places = [], []
    for messages, answer in requests:
        said = Said(messages)
        fits = [(fit, n) for n, one in enumerate(known) if (fit := one.extended(said))]
        fits = fits or [(fit, n) for n, one in enumerate(known) if (fit := one.edited(said))]
        if not fits:
            known.append(Conversation())
        at = max(fits)[1] if fits else len(known) - 1
        known[at].asked(said, answer, whole=whole)
        places.append(at)
    return places


def step(run, number):
    return history(run, number), turn(run, number)[0]


def test_two_runs_of_one_task_one_after_the_other():
    order = [step("a", 0), step("a", 1), step("a", 2)]
    order += [step("b", 0), step("b", 1), step("b", 2), step("b", 3)]
    assert place(order) == [0, 0, 0, 1, 1, 1, 1]


def test_two_runs_of_one_task_side_by_side():
    order = [step("a", 0), step("b", 0), step("a", 1), step("b", 1), step("b", 2), step("a", 2)]
    assert place(order) == [0, 1, 0, 1, 1, 0]


def test_a_client_that_changes_the_answer():
    changed = [Message("assistant", "I run it."), Message("tool", "ok", call_id="own-id")]
    order = [step("a", 0), ([TASK, *changed], turn("a", 1)[0])]
    assert place(order) == [0, 0]


def test_other_system_prompts_are_the_same_conversation():
    first = [Message("system", "It is 10:00."), TASK]
    second = [Message("system", "It is 10:01."), *history("a", 1)]
    assert place([(first, turn("a", 0)[0]), (second, turn("a", 1)[0])]) == [0, 0]


@pytest.mark.parametrize(("whole", "places"), [(True, [0, 1]), (False, [0, 0])])
def test_what_failed_is_asked_again_and_what_was_answered_is_not(whole, places):
    assert place([step("a", 0), step("a", 0)], whole=whole) == places


def test_after_a_failure_a_client_may_say_something_else():
    more = [TASK, Message("user", "Please go on.")]
    order = [([TASK], Message("assistant", "")), (more, Message("assistant", "Yes."))]
    assert place(order, whole=False) == [0, 0]


def test_a_history_without_its_old_outputs():
    *_, last = messages = history("a", 3)
    pruned = [
        m if m is last or m.role != "tool" else Message("tool", "[cut]", call_id=m.call_id)
        for m in messages
    ]
    order = [step("a", 0), step("a", 1), step("a", 2), (pruned, turn("a", 3)[0])]
    assert place(order) == [0, 0, 0, 0]


def test_a_summary_in_place_of_the_history():
    asked = [*history("a", 1), Message("user", "Sum up what was done.")]
    summed = [Message("user", f"What was done so far:\n{LONG}\nGo on.")]
    order = [step("a", 0), (asked, Message("assistant", LONG)), (summed, turn("a", 2)[0])]
    assert place([*order, step("b", 0)]) == [0, 0, 0, 1]


def test_a_summary_that_was_made_beside_the_work():
    one = Conversation()
    one.asked(Said([TASK]), turn("a", 0)[0], whole=True)
    summed = Said([Message("user", f"Summary: {LONG}"), Message("user", "Go on.")])
    assert one.edited(summed) is None
    one.heard(Message("assistant", LONG))
    assert one.edited(summed)


def test_short_answers_say_nothing():
    answer = Message("assistant", "Done.")
    other = [Message("user", "Something else"), answer, Message("user", "more")]
    assert place([([TASK], answer), (other, answer)]) == [0, 1]
