"""Loops across turns: what is found at which grade, and all that looks like one and is none."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.core.loop_limits import CallLimits
from seatrial.core.message import Call, Message
from seatrial.guard.loops import Step, TurnLoop, recent_steps, turn_loop

LIMITS = CallLimits()


def step(name, result="done", **arguments):
    return Step.of(Call(id="1", name=name, arguments=json.dumps(arguments)), result)


def sh(command, result=""):
    return step("bash", result, command=command)


def ends_in(steps):
    found = turn_loop(steps, LIMITS)
    return None if found is None else (found.grade, found.finding.mode_id, found.finding.count)


def talk(steps, between=()):
    """`steps` as messages; `between` maps a place to what a person says before it."""
    messages = [Message("user", "Fix the bug.")]
    for place, (name, arguments, result) in enumerate(steps):
        if place in dict(between):
            messages.append(Message("user", dict(between)[place]))
        call = Call(id="c", name=name, arguments=arguments)
        messages += [Message("assistant", calls=(call,)), Message("tool", result, call_id="c")]
    return messages


class TestTheSameAgain:
    def test_the_same_call_with_the_same_result(self):
        same = [sh("ls src", "a.py")]
        assert ends_in(same * 2) is None
        assert ends_in(same * 3) == ("nudge", "gen.action_loop", 3)
        assert ends_in([sh("pwd"), *same * 5]) == ("nudge", "gen.action_loop", 5)
        assert ends_in(same * 6) == ("stop", "gen.action_loop", 6)
        assert ends_in([*same * 6, sh("pwd")]) is None

    def test_results_that_differ_in_their_digits(self):
        steps = [sh("./x", f"bash: line {n}: x: not found") for n in range(8)]
        assert ends_in(steps[:3]) is None
        assert ends_in(steps[:4]) == ("nudge", "gen.action_loop", 4)
        assert ends_in(steps) == ("stop", "gen.action_loop", 8)

    @pytest.mark.parametrize("period", range(2, 9))
    def test_cycles(self, period):
        cycle = [sh(f"cat {'abcdefgh'[n]}", "no") for n in range(period)]
        assert ends_in(cycle * 2) is None
        assert ends_in([sh("pwd"), *cycle * 3]) == ("nudge", "gen.action_cycle", 3)
        assert ends_in(cycle * 6) == ("stop", "gen.action_cycle", 6)

    def test_the_quote_is_the_call_as_it_stands(self):
        found = turn_loop([sh("pwd"), *[sh("ls", "x")] * 4], LIMITS).finding
        assert found.quote == 'bash({"command": "ls"})'
        assert (found.detector, found.channel) == ("turn_loop", "calls")


class TestProgress:
    def test_a_pager_moves_on(self):
        def page(n):
            return step("read", f"{n}: text " + "xyz"[n % 3] * 9, path="a.py", offset=n * 100)

        assert ends_in([page(n) for n in range(40)]) is None
        pages = [sh(f"sed -n '{n},{n + 9}p' a.py", "same line\n" * 9) for n in range(1, 400, 10)]
        assert ends_in(pages) is None
        scrolled = [step("scroll_down", "abcdefgh"[n] * 50) for n in range(8)]
        assert ends_in(scrolled) is None

    def test_a_poller_may_look_more_often(self):
        pending = [sh("sleep 30; ./state", "pending")]
        assert ends_in(pending * 8) is None
        assert ends_in(pending * 9) == ("nudge", "gen.action_loop", 9)
        assert ends_in(pending * 18) == ("stop", "gen.action_loop", 18)
        answers = [step("job_status", f"{word} of it is done", id=7) for word in "abcdefghijkl"]
        assert ends_in(answers) is None

    def test_tests_between_edits(self):
        steps = []
        for n in range(12):
            steps.append(step("edit", "ok", path="a.py", old_str="x" * 9, new_str=f"y{'z' * n}"))
            steps.append(sh("pytest -q", f"{n + 1} failed: {'abcdefghijkl'[n]}"))
        assert ends_in(steps) is None

    def test_the_same_failing_tests_between_other_edits(self):
        steps = []
        for n in range(12):
            steps.append(step("edit", "ok", path="a.py", old_str="x", new_str="y" * (n + 1)))
            steps.append(sh("pytest -q", "FAILED tests/test_a.py - 1 failed"))
        assert ends_in(steps) is None

    def test_the_same_command_whose_numbers_move_one_way(self):
        percent = [sh("fetch", f"download at {n}%") for n in range(64)]
        assert ends_in(percent) is None
        slow = [sh("fetch", f"12:00:{n} {n // 2} of 50 files") for n in range(10, 70)]
        assert ends_in(slow) is None
        fewer = [sh("pytest -q", f"FAILED: {60 - n} failed, {n} passed") for n in range(60)]
        assert ends_in(fewer) is None
        log = [sh("cat build.log", "compiling\n" * 50 + f"file {n}\n" * n) for n in range(60)]
        assert ends_in(log) is None

    def test_numbers_that_only_pass_are_no_progress(self):
        for result in ("12:00:{} connection lost", "[1] 41{}", "1 broken in 0.{}s", "17635{}00000"):
            steps = [sh("./serve", result.format(n)) for n in range(10, 18)]
            assert ends_in(steps) == ("stop", "gen.action_loop", 8), result
        worse = [sh("make", f"error: {n} errors") for n in range(8)]
        assert ends_in(worse) == ("stop", "gen.action_loop", 8)

    def test_a_poll_whose_answer_changes_in_digits_only_may_go_on_for_long(self):
        answers = [sh("sleep 5; ./state", f"{n * 37 % 100} working") for n in range(60)]
        assert ends_in(answers[:47]) is None
        assert ends_in(answers[:48]) == ("nudge", "gen.action_loop", 48)
        assert ends_in(answers) == ("stop", "gen.action_loop", 60)

    @pytest.mark.parametrize(
        ("edit", "test", "result"),
        [
            ("echo 'def f{n}(): return {n}' >> lib.py", "pytest", "{n} passed, {m} failed"),
            ("sed -i 's/lr = .*/lr = 0.{n}/' conf.toml", "./train", "score: 0.91"),
            ("touch mod_{n}.py; sed -i 's/old/new/' mod_{n}.py", "make", "ok"),
            ("echo 'x = {n}' > m.py", "python3 -c 'import m; print(m.x)'", "{n}"),
            ("echo '# {n}' >> m.py", "./check", "FAILED 1 test"),
        ],
    )
    def test_edits_by_commands_that_differ_in_digits_and_their_test(self, edit, test, result):
        steps = []
        for n in range(32):
            steps += [sh(edit.format(n=n)), sh(test, result.format(n=n, m=40 - n))]
            assert ends_in(steps) is None and ends_in(steps[:-1]) is None

    def test_calls_in_which_only_a_counter_changes_end_late(self):
        for command, result in (("echo attempt {}", "attempt {}"), ("true # try {}", "")):
            steps = [sh(command.format(n), result.format(n)) for n in range(60)]
            assert ends_in(steps[:47]) is None
            assert ends_in(steps[:48]) == ("nudge", "gen.action_loop.near", 48)
            assert ends_in(steps) == ("stop", "gen.action_loop.near", 60)

    def test_calls_in_which_only_a_counter_changes_and_that_fail_end_earlier(self):
        missing = "cat: nothing_{}.txt: No such file or directory"
        steps = [sh(f"cat nothing_{n}.txt", missing.format(n)) for n in range(24)]
        assert ends_in(steps[:11]) is None
        assert ends_in(steps[:12]) == ("nudge", "gen.action_loop.near", 12)
        assert ends_in(steps) == ("stop", "gen.action_loop.near", 24)

    def test_a_sweep_with_results_of_its_own(self):
        steps = [sh(f"./train --seed {n}", f"loss 0.{n * 37 % 100}") for n in range(64)]
        assert ends_in(steps) is None

    def test_a_sweep(self):
        assert ends_in([sh(f"python train.py --seed {n}", "ok") for n in range(20)]) is None

    def test_the_same_text_into_other_files(self):
        steps = [
            step("write", "ok", path=f"pkg/m{n}/__init__.py", content='"""Part of it."""\n')
            for n in range(20)
        ]
        assert ends_in(steps) is None

    def test_what_a_person_asks_for_again(self):
        one = ("bash", '{"command": "make"}', "ok")
        asked = {n: f"Once more please, {word}." for n, word in enumerate("abcdefgh")}
        assert turn_loop(recent_steps(talk([one] * 8, asked), 64), LIMITS) is None
        injected = dict.fromkeys(range(8), "<system-reminder>Go on.</system-reminder>")
        found = turn_loop(recent_steps(talk([one] * 8, injected), 64), LIMITS)
        assert found is not None and found.grade == "stop"
        harness = {n: f"Turn {n} of 30." for n in range(8)}
        assert turn_loop(recent_steps(talk([one] * 8, harness), 64), LIMITS) is not None


class TestAPersonGoesOn:
    LOOP = (("bash", '{"command": "make"}', "error: nope"),) * 8

    def judged(self, *said):
        messages = talk(self.LOOP) + [Message("user", text) for text in said]
        return turn_loop(recent_steps(messages, 64), LIMITS)

    @pytest.mark.parametrize(
        "text",
        [
            "continue",
            "<html> is broken, please stop running make",
            "<my-widget> shows nothing.</my-widget> Look there.",
            "<system-reminder>Be brief.</system-reminder>\nStop. Read the Makefile.",
            "<user_query>Go on.</user_query>",
        ],
    )
    def test_what_a_person_says_behind_a_loop_ends_it(self, text):
        assert self.judged(text) is None

    @pytest.mark.parametrize(
        "text",
        [
            "<system-reminder>Go on.</system-reminder>",
            "<environment_context>\n<cwd>/x</cwd>\n</environment_context>\n",
            "<permissions instructions>None.</permissions instructions>",
            "<system-reminder>One.</system-reminder> <task-notification>2</task-notification>",
            "<system-reminder>Cut off",
            " ",
        ],
    )
    def test_what_a_client_injects_does_not(self, text):
        found = self.judged(text)
        assert found is not None and found.grade == "stop"

    def test_the_same_word_is_heard_again_once_calls_lie_between(self):
        messages = [*talk(self.LOOP), Message("user", "continue")]
        again = talk(self.LOOP)[1:]
        assert turn_loop(recent_steps([*messages, *again], 64), LIMITS).grade == "stop"
        messages += [*again, Message("user", "continue")]
        assert turn_loop(recent_steps(messages, 64), LIMITS) is None

    def test_what_a_harness_says_after_every_call_is_not_heard(self):
        messages = talk(self.LOOP, dict.fromkeys(range(8), "Please continue."))
        messages.append(Message("user", "Please continue."))
        assert turn_loop(recent_steps(messages, 64), LIMITS).grade == "stop"


class TestEdits:
    def test_edits_that_pile_up(self):
        text = "    logger.info('here we are')\n" * 3
        steps = [
            step("insert", f"The file has {100 + 3 * n} lines {'abcdefghi'[n] * 9}", path="a.py",
                 insert_line=40, text=text)
            for n in range(8)
        ]  # fmt: skip
        assert ends_in(steps[:4]) is None
        assert ends_in(steps[:5]) == ("nudge", "gen.action_loop.accumulating", 5)
        assert ends_in(steps) == ("stop", "gen.action_loop.accumulating", 8)

    def test_the_same_edit_with_other_steps_in_between(self):
        steps = []
        for n in range(8):
            steps.append(step("write", "ok", path="a.py", content="print('hello')\n"))
            steps.append(sh(f"cat {'abcdefgh'[n]}", "abcdefgh"[n]))
        assert ends_in(steps[:-1]) == ("stop", "gen.action_loop.accumulating", 8)

    def test_the_same_edit_fails_each_time(self):
        edit = step("edit", "ERROR: old_str was not found", path="a.py", old_str="x", new_str="y")
        steps = [edit, sh("cat a.py", "a"), edit, sh("cat b.py", "b"), edit]
        assert ends_in(steps[:3]) is None
        assert ends_in(steps) == ("nudge", "gen.action_loop", 3)

    def test_drifting_line_numbers(self):
        text = "import os\nimport sys\nimport json\n"
        steps = [
            step("insert", f"inserted at {n}", path="a.py", insert_line=n, text=text)
            for n in range(10, 60, 4)
        ]
        assert ends_in(steps[:6]) is None
        assert ends_in(steps[:7]) == ("nudge", "gen.action_loop.near", 7)
        assert ends_in(steps[:12]) == ("stop", "gen.action_loop.near", 12)

    def test_failures_on_one_target_are_told_and_never_stopped(self):
        steps = []
        for n in range(20):
            steps.append(
                step("edit", "No replacement was performed", path="a.py", old_str="abc" * (n + 1))
            )
            steps.append(step("view", "text" + "x" * n, path="a.py"))
        assert ends_in(steps[:8]) is None
        assert ends_in(steps[:9]) == ("nudge", "behaviour.error_streak", 5)
        assert ends_in(steps[:-1]) == ("nudge", "behaviour.error_streak", 20)


class TestHistory:
    def test_unanswered_calls_and_odd_arguments(self):
        call = Call(id="x", name="sh", arguments="not json")
        messages = [Message("assistant", calls=(call,)), Message("user", "no")]
        assert recent_steps(messages, 9) == []
        messages.append(Message("tool", "r", call_id="x"))
        (only,) = recent_steps(messages, 9)
        assert (only.name, only.edit, only.aim) == ("sh", None, "")

    def test_only_the_end_of_a_long_history_is_read(self):
        steps = [("bash", json.dumps({"command": f"echo {n}"}), str(n)) for n in range(300)]
        messages = talk(steps)
        assert [one.head for one in recent_steps(messages, 7)] == [str(n) for n in range(293, 300)]
        assert len(recent_steps(messages, 999)) == 300

    def test_parallel_calls_stay_whole(self):
        calls = tuple(Call(id=str(n), name="read", arguments=f"[{n}]") for n in range(4))
        messages = [Message("assistant", calls=calls)]
        messages += [Message("tool", str(n), call_id=str(n)) for n in range(4)]
        assert [one.arguments for one in recent_steps(messages, 2)] == ["[2]", "[3]"]

    @given(st.lists(st.sampled_from("aab"), max_size=60))
    def test_a_restart_changes_no_decision(self, names):
        steps = [(name, "{}", "r") for name in names]
        online, last = TurnLoop(LIMITS), None
        for one in recent_steps(talk(steps), 999):
            last = online.feed(one)
        rebuilt = turn_loop(recent_steps(talk(steps), 64), LIMITS)
        assert (last is None) == (rebuilt is None)
        if last is not None and rebuilt is not None:
            assert (last.grade, last.finding.mode_id) == (rebuilt.grade, rebuilt.finding.mode_id)

    @given(
        st.lists(
            st.builds(
                lambda name, number, result, first: Step.of(
                    Call("1", name, f'{{"n": {number}}}'), result, first
                ),
                st.sampled_from("aab"),
                st.integers(0, 1),
                st.sampled_from(["ok", "ok 1", "ok 2", "no"]),
                st.sampled_from([False] * 20 + [True]),
            ),
            max_size=64,
        )
    )
    def test_a_history_learned_at_once_is_the_one_learned_step_by_step(self, steps):
        online, last = TurnLoop(LIMITS), None
        for one in steps:
            last = online.feed(one)
        assert turn_loop(steps, LIMITS) == last

    @given(st.lists(st.tuples(st.sampled_from("ab"), st.text(max_size=20), st.text(max_size=9))))
    def test_any_history_is_read(self, steps):
        turn_loop(recent_steps(talk(steps), 64), LIMITS)


def test_what_a_client_writes_above_a_result_makes_no_difference():
    call = Call(id="1", name="exec_command", arguments='{"cmd": "ls"}')
    shown = "Chunk ID: {}\nWall time: {} seconds\nProcess exited with code 0\nOutput:\na.txt\n"
    one, other = (
        Step.of(call, shown.format(*head)) for head in (("5a3f", "0.05"), ("c0de", "1.2"))
    )
    assert one.result == other.result
    assert one.result != Step.of(call, shown.format("c0de", "1.2") + "b.txt\n").result


def test_the_length_of_what_a_client_writes_above_a_result_makes_no_difference():
    long = "the same words again " * 40
    steps = [sh("make", f"Wall time: {10**n} seconds\n{long}{n}") for n in range(LIMITS.near.nudge)]
    assert ends_in(steps) == ("nudge", "gen.action_loop", LIMITS.near.nudge)
