"""Each detector: a trial that shows its mode, and the nearest one that does not."""

import asyncio
from types import SimpleNamespace

import aiohttp
import pytest

from seatrial.chat import Transport
from seatrial.chat.failures import connection_failure
from seatrial.core.generation import Finish
from seatrial.core.message import tools_digest

LOOP = "and again and again we go " * 40
LS = ("run_command", '{"command":"ls"}')
FENCE = "Here it is:\n```python\nprint(1)\n```\n"
LENGTH = Finish.LENGTH


def _not_connected(number, words):
    key = SimpleNamespace(host="127.0.0.1", port=1, ssl=None)
    return aiohttp.ClientConnectorError(key, OSError(number, words))


def ids(found):
    return [finding.id for finding in found.modes]


def finding(found, mode):
    (only,) = [finding for finding in found.modes if finding.id == mode]
    return only


class TestInfra:
    def test_agent_not_started(self, story):
        story.fault("InfraError", "bwrap: No such file or directory", "harness", "infra")
        found = story.diagnosis("not_run")
        assert (found.outcome, found.primary) == ("unscored", "infra.agent_not_started")

    def test_not_started_is_quoted_from_the_result_where_the_trace_says_nothing(self, story):
        found = story.diagnosis("not_run", ended="not_started")
        (evidence,) = finding(found, "infra.agent_not_started").evidence
        assert (evidence.file, evidence.quote) == ("result.json", '"ended":"not_started"')

    def test_an_agent_that_asks_no_model_has_started(self, story):
        story.end("finished").oracle()
        assert story.diagnosis().primary == "inconclusive"

    def test_a_fault_after_a_request_is_no_failed_start(self, story):
        story.runs("ls").fault("OSError", "sandbox: broken pipe", "harness", "infra")
        found = story.diagnosis("not_run", ended="env_error")
        assert ids(found) == []

    def test_disk_full_comes_before_its_consequence(self, story):
        story.fault("InfraError", "workspace: No space left on device", "disk", "infra")
        found = story.diagnosis("not_run", ended="env_error")
        assert found.primary == "infra.disk_full"
        assert "infra.agent_not_started" in ids(found)

    def test_a_full_disk_in_tool_output_is_not_ours(self, story):
        story.runs("make", "No space left on device", 1).end("gave_up").oracle()
        assert "infra.disk_full" not in ids(story.diagnosis())

    def test_verifier_error(self, story):
        story.edits().finishes("Fixed it.").end("finished").oracle("no reward", None)
        found = story.diagnosis("error")
        assert (found.outcome, found.primary) == ("unscored", "infra.verifier_error")

    def test_a_failed_oracle_is_no_error(self, story):
        story.edits().finishes("Fixed it.").end("finished").oracle("Traceback: error")
        assert "infra.verifier_error" not in ids(story.diagnosis())


class TestStack:
    def test_length_by_context(self, story):
        story.runs("ls").reply("I was about", finish=Finish.CONTEXT).end("context_overflow")
        found = story.diagnosis()
        assert found.primary == "stack.length_by_context"

    def test_length_far_from_the_cap_in_a_full_window(self, story):
        story.reply("So", finish=LENGTH, tokens=10, prompt=390).end("runaway_length")
        found = story.diagnosis()
        assert found.primary == "stack.length_by_context"
        assert finding(found, "stack.length_by_context").confidence == "medium"

    def test_length_far_from_both_is_nobodys(self, story):
        story.reply("So", finish=LENGTH, tokens=10, prompt=50).end("runaway_length")
        assert story.diagnosis().primary == "inconclusive"

    def test_a_loop_that_fills_the_window_is_the_models(self, story):
        story.reply(LOOP, finish=Finish.CONTEXT).end("context_overflow")
        assert ids(story.diagnosis()) == ["gen.text_loop.exact"]

    def test_think_truncated(self, story):
        story.reply("", think="hm, what now", finish=LENGTH, tokens=99).end("runaway_length")
        assert story.diagnosis().primary == "stack.think_truncated"

    def test_an_empty_reply_without_reasoning_is_not_truncated(self, story):
        story.reply("").end("empty_completion")
        assert story.diagnosis().primary == "inconclusive"

    @pytest.mark.parametrize(
        ("message", "mode"),
        [
            ("http://127.0.0.1:1: Connection refused", "stack.backend_unreachable"),
            ("Request timed out after 60 s", "stack.request_timeout"),
        ],
    )
    def test_server_faults(self, story, message, mode):
        story.runs("ls").ask().fault("EngineError", message, "server").end("engine_error")
        assert story.diagnosis("not_run").primary == mode

    @pytest.mark.parametrize(
        ("error", "mode"),
        [
            (aiohttp.ServerDisconnectedError(), "stack.backend_unreachable"),
            (ConnectionResetError(104, "reset"), "stack.backend_unreachable"),
            (_not_connected(111, "refused"), "stack.backend_unreachable"),
            (_not_connected(113, "No route to host"), "stack.backend_unreachable"),
            (aiohttp.ServerTimeoutError(), "stack.request_timeout"),
        ],
    )
    def test_our_own_words_for_a_lost_server_are_known(self, story, error, mode):
        said = connection_failure(error, "http://127.0.0.1:1")
        story.runs("ls").ask().fault(type(said).__name__, said.message, "server")
        assert story.end("engine_error").diagnosis("not_run").primary == mode

    @pytest.mark.parametrize("seconds_left", [0.0, 99.0])
    def test_our_own_words_for_a_server_that_hangs_are_known(self, story, seconds_left):
        async def said():
            deadline = asyncio.get_running_loop().time() + seconds_left
            transport = Transport("http://127.0.0.1:1")
            return transport._failure(TimeoutError(), "silence from", deadline)

        story.runs("ls").ask().fault("TimedOutError", asyncio.run(said()).message, "server")
        primary = story.end("engine_error").diagnosis("not_run").primary
        assert primary == "stack.request_timeout"

    def test_a_refused_connection_of_a_tool_is_not_the_servers(self, story):
        story.runs("curl x", "Connection refused", 7).end("max_turns")
        assert "stack.backend_unreachable" not in ids(story.diagnosis())


class TestConfig:
    def test_max_tokens_text(self, story):
        story.reply("A long and winding text", finish=LENGTH, tokens=100).end("runaway_length")
        found = story.diagnosis()
        assert found.primary == "config.max_tokens.text"
        assert finding(found, "config.max_tokens.text").confidence == "high"

    def test_a_looping_text_is_no_small_cap(self, story):
        story.reply(LOOP, finish=LENGTH, tokens=100).end("runaway_length")
        assert ids(story.diagnosis()) == ["gen.text_loop.exact"]

    def test_one_recovered_cut_explains_nothing(self, story):
        story.reply("A long text", finish=LENGTH, tokens=100).edits().end("max_turns")
        found = story.diagnosis()
        assert not finding(found, "config.max_tokens.text").sufficient
        assert found.primary == "inconclusive"

    def test_max_tokens_tool_args(self, story):
        cut = '<tool_call>\n{"name": "write_file", "arguments": {"content": "a = 1\\nb'
        story.reply(cut, finish=LENGTH, tokens=100, verdict="reask", reason="cut off")
        found = story.end("runaway_length").diagnosis()
        assert found.primary == "config.max_tokens.tool_args"
        assert "format.malformed_call" not in ids(found)
        assert finding(found, "config.max_tokens.tool_args").evidence[1].quote == cut

    def test_max_tokens_tool_args_where_the_server_parses(self, story):
        call = ("write_file", '{"path":"a","content":"x = 1')
        story.reply("", call, finish=LENGTH, tokens=100, raw="").end("runaway_length")
        found = story.diagnosis()
        assert found.primary == "config.max_tokens.tool_args"

    def test_a_cut_after_a_complete_call_is_in_the_text(self, story):
        story.reply("And now for more", LS, finish=LENGTH, tokens=100).end("runaway_length")
        found = story.diagnosis()
        assert ids(found) == ["config.max_tokens.text"]

    @pytest.mark.parametrize(
        ("type_", "message"),
        [
            ("EngineError", "HTTP 400: the request exceeds the available context size"),
            ("ContextOverflowError", "prompt has 9000 tokens, the window 4096"),
        ],
    )
    def test_context_400(self, story, type_, message):
        story.runs("ls").ask().fault(type_, message, "server").end("context_overflow")
        assert story.diagnosis().primary == "config.context_400"

    @pytest.mark.parametrize("where", ["tool", "user", "text", "harness"])
    def test_context_400_needs_the_servers_own_words(self, story, where):
        words = "the request exceeds the available context size, maximum context length"
        if where == "tool":
            story.runs("cat server.log", words)
        elif where == "user":
            story.reply(f"You said: {words}").edits()
        elif where == "text":
            story.reply(words, LS).shows("app.py")
        else:
            story.runs("ls").fault("HarnessError", words, "harness", "harness")
        story.end("context_overflow")
        assert "config.context_400" not in ids(story.diagnosis())


class TestHarness:
    @pytest.mark.parametrize(
        ("ended", "mode"),
        [("max_turns", "harness.budget_steps"), ("budget", "harness.budget_cost")],
    )
    def test_a_bound_is_a_symptom(self, story, ended, mode):
        story.runs("ls").runs("cat app.py").end(ended)
        found = story.diagnosis()
        assert (ids(found), found.primary) == ([mode], "inconclusive")

    def test_steps_that_led_nowhere_new_explain_a_spent_budget(self, story):
        story.runs("ls").runs("cat app.py").runs("pytest")
        for _ in range(2):
            story.runs("cat app.py").runs("pytest").runs("ls")
        found = story.end("max_turns").diagnosis()
        assert found.primary == "capability.incomplete"

    def test_a_trial_that_still_gets_somewhere_is_not_called_incomplete(self, story):
        for number in range(9):
            story.runs(f"sed -n {number}p app.py", f"line {number}")
        assert story.end("max_turns").diagnosis().primary == "inconclusive"

    def test_wall_timeout_while_generating(self, story):
        story.runs("ls").reply("", finish=Finish.CANCELLED, tokens=0).end("wall_timeout")
        assert ids(story.diagnosis()) == ["harness.wall_timeout.generating"]

    def test_wall_timeout_in_a_tool(self, story):
        story.reply("", LS).end("wall_timeout")
        assert ids(story.diagnosis()) == ["harness.wall_timeout.tool"]

    def test_wall_timeout_after_success(self, story):
        story.edits().runs("pytest -q", "1 passed").end("wall_timeout", "yes")
        assert ids(story.diagnosis()) == ["harness.wall_timeout.after_success"]

    def test_wall_timeout_that_does_not_say_where(self, story):
        story.runs("ls").end("wall_timeout")
        assert ids(story.diagnosis()) == ["harness.wall_timeout"]

    def test_another_end_is_no_timeout(self, story):
        story.reply("", LS).end("cancelled")
        assert ids(story.diagnosis()) == []


class TestFormat:
    def test_no_tool_call(self, story):
        story.reply("The bug is in line 3.").reply("You should edit it.").end("gave_up").oracle()
        found = story.diagnosis()
        assert (ids(found), found.primary) == (["format.no_tool_call"], "format.no_tool_call")
        assert found.modes[0].count == 2

    def test_prose_after_work_is_a_legitimate_end(self, story):
        story.edits().reply("The value is one.").end("finished").oracle()
        assert "format.no_tool_call" not in ids(story.diagnosis())

    def test_prose_after_work_that_announces_a_call(self, story):
        story.edits().reply("Now I'll run the tests.").end("gave_up").oracle()
        assert story.diagnosis().primary == "format.no_tool_call"

    def test_prose_without_tools_on_offer_is_right(self, story):
        story.reply("I'll answer.", tools=tools_digest(())).end("gave_up").oracle()
        assert "format.no_tool_call" not in ids(story.diagnosis())

    def test_one_nudge_that_helped(self, story):
        story.reply("I'll look.").edits().finishes("Tried.").end("finished").oracle()
        assert "format.no_tool_call" not in ids(story.diagnosis())

    def test_markdown_instead_of_call(self, story):
        story.reply(FENCE).reply(FENCE).end("gave_up").oracle()
        found = story.diagnosis()
        assert found.primary == "format.markdown_instead_of_call"
        assert "format.no_tool_call" in ids(found)
        evidence = finding(found, "format.markdown_instead_of_call").evidence
        assert evidence[0].quote == "```python\nprint(1)\n```"

    def test_code_block_in_the_summary_of_done_work(self, story):
        story.edits().reply(FENCE).end("finished").oracle()
        assert "format.markdown_instead_of_call" not in ids(story.diagnosis())

    def test_code_block_at_the_end_of_a_trial_that_changed_nothing(self, story):
        story.runs("cat app.py", "x = 0").reply(FENCE).end("gave_up").oracle()
        assert story.diagnosis().primary == "format.markdown_instead_of_call"

    def test_code_block_beside_a_call(self, story):
        story.reply(FENCE, LS).shows("app.py").end("max_turns")
        assert "format.markdown_instead_of_call" not in ids(story.diagnosis())

    def test_inline_code_is_no_block(self, story):
        story.reply("Use ```x = 1``` there.").end("gave_up").oracle()
        assert story.diagnosis().primary == "format.no_tool_call"

    def test_malformed_call(self, story):
        bad = '<tool_call>{"name": "ls", }</tool_call>'
        for _ in range(2):
            story.reply(bad, verdict="reask", reason="the JSON is not closed")
        found = story.end("gave_up").oracle().diagnosis()
        assert found.primary == "format.malformed_call"
        assert finding(found, "format.malformed_call").evidence[0].quote == bad

    def test_a_malformed_call_that_was_mended(self, story):
        story.reply("{", verdict="reask", reason="x").edits().finishes("Tried.").end("finished")
        found = story.oracle().diagnosis()
        assert not finding(found, "format.malformed_call").sufficient
        assert found.primary == "capability.wrong_solution"

    def test_a_repaired_call_is_not_malformed(self, story):
        story.reply("", LS, verdict="repaired").shows("app.py").end("max_turns")
        assert "format.malformed_call" not in ids(story.diagnosis())

    def test_unknown_tool(self, story):
        story.reply("<tool_call>…", verdict="reask", reason="unknown tool: bash").end("gave_up")
        found = story.oracle().diagnosis()
        assert ids(found) == ["format.unknown_tool"]


class TestGen:
    def test_text_loop(self, story):
        story.reply("Well. " + LOOP, finish=Finish.GUARD).stops("text", "26 characters, 40 times")
        found = story.end("text_loop").diagnosis()
        assert found.primary == "gen.text_loop.exact"

    def test_a_loop_that_ended_by_itself_is_a_list(self, story):
        story.reply(LOOP, LS).shows("app.py").end("max_turns")
        assert "gen.text_loop.exact" not in ids(story.diagnosis())

    def test_a_loop_that_was_left_again(self, story):
        text = LOOP + "and that was that, so on with the work in another way"
        story.reply(text, finish=LENGTH, tokens=100).end("runaway_length")
        assert ids(story.diagnosis()) == ["config.max_tokens.text"]

    def test_a_loop_in_tool_output_is_not_the_models(self, story):
        story.runs("yes", LOOP).reply("I see", finish=Finish.CANCELLED).end("cancelled")
        assert ids(story.diagnosis()) == []

    def test_a_loop_in_reasoning(self, story):
        story.reply("", think=LOOP, raw=LOOP, finish=Finish.GUARD).end("text_loop")
        assert story.diagnosis().primary == "gen.think_runaway"

    def test_a_stop_that_left_no_text(self, story):
        story.reply("", finish=Finish.GUARD).stops("text", "a text repeats").end("text_loop")
        assert story.diagnosis().primary == "gen.text_loop.exact"

    def test_action_loop(self, story):
        for _ in range(3):
            story.runs("cat app.py", "x = 0")
        story.stops("calls", "the same call").reply("", finish=Finish.GUARD, tokens=0)
        found = story.end("repeat_call_loop").diagnosis()
        assert found.primary == "gen.action_loop"
        assert finding(found, "gen.action_loop").evidence[0].quote == '{"command":"cat app.py"}'

    def test_same_call_with_other_results_is_waiting(self, story):
        for word in ("red", "green", "blue", "white", "black"):
            story.runs("cat status", f"the status is {word}")
        assert "gen.action_loop" not in ids(story.end("max_turns").diagnosis())

    def test_the_request_that_was_refused_is_no_turn(self, story):
        story.reply("I'll look.").reply("I'll look.").stops("calls", "the same call")
        story.reply("", finish=Finish.GUARD, tokens=0).end("repeat_call_loop")
        assert story.diagnosis().primary == "format.no_tool_call"

    def test_action_cycle(self, story):
        for _ in range(4):
            story.runs("cat a", "x").runs("cat b", "y")
        found = story.end("repeat_call_loop").diagnosis()
        assert found.primary == "gen.action_cycle"
        quotes = [item.quote for item in finding(found, "gen.action_cycle").evidence]
        assert sorted(quotes) == ['{"command":"cat a"}', '{"command":"cat b"}']

    def test_three_rounds_are_no_cycle(self, story):
        for _ in range(3):
            story.runs("cat a", "x").runs("cat b", "y")
        assert "gen.action_cycle" not in ids(story.end("max_turns").diagnosis())


class TestClaim:
    def test_unverified(self, story):
        story.edits().finishes("Fixed the bug in app.py.").end("finished", "no").oracle()
        found = story.diagnosis()
        assert found.primary == "claim.false_success.unverified"
        assert "Fixed the bug" in found.modes[0].evidence[0].quote

    def test_a_check_before_the_last_change_verifies_nothing(self, story):
        story.runs("pytest -q", "1 passed").edits().finishes("Fixed it.").end("finished", "no")
        assert story.oracle().diagnosis().primary == "claim.false_success.unverified"

    def test_contradicted(self, story):
        story.edits().runs("pytest -q", "1 failed", 1).finishes("All done.").end("finished", "no")
        found = story.oracle().diagnosis()
        assert found.primary == "claim.false_success.contradicted"
        assert found.modes[0].evidence[1].quote == "1 failed"

    def test_a_pipe_does_not_hide_a_failure(self, story):
        story.edits().runs("pytest -q | tail -1", "2 failed, 1 passed").finishes("Fixed it.")
        found = story.end("finished", "no").oracle().diagnosis()
        assert found.primary == "claim.false_success.contradicted"

    def test_hidden_tests(self, story):
        story.edits().runs("pytest -q", "1 passed").finishes("Fixed it.").end("finished", "yes")
        assert story.oracle().diagnosis().primary == "claim.false_success.hidden_tests"

    def test_blocked(self, story):
        story.edits().runs("pytest -q", "pytest: command not found", 127).finishes("Fixed it.")
        found = story.end("finished", "no").oracle().diagnosis()
        assert found.primary == "claim.false_success.verification_blocked"

    def test_nothing_to_check_with(self, story):
        story.edits().finishes("Fixed it.").end("finished").oracle()
        assert story.diagnosis().primary == "claim.false_success"

    def test_writing_about_a_test_is_no_check(self, story):
        story.edits("test_app.py", "pytest").runs("grep pytest setup.cfg", "").finishes("Fixed it.")
        found = story.end("finished", "no").oracle().diagnosis()
        assert found.primary == "claim.false_success.unverified"

    @pytest.mark.parametrize(
        "summary",
        ["I could not get it fixed.", "The tests should pass.", "Not done.", "Looked at app.py."],
    )
    def test_an_honest_end_is_no_claim(self, story, summary):
        story.edits().finishes(summary).end("finished", "no").oracle()
        assert story.diagnosis().primary == "capability.wrong_solution"

    @pytest.mark.parametrize(
        ("text", "claimed"),
        [
            ("All tests pass. Task complete.", True),
            ("I'll make sure it is done.", False),
            ("The function works on lists and is created in app.py.", False),
        ],
    )
    def test_prose_must_be_plainer_than_a_summary(self, story, text, claimed):
        story.edits().reply(text).reply(text).end("gave_up", "no").oracle()
        assert ("claim.false_success.unverified" in ids(story.diagnosis())) is claimed

    def test_a_true_claim(self, story):
        story.edits().finishes("Fixed it.").end("finished", "no").oracle("ok", 1.0)
        found = story.diagnosis("passed")
        assert (found.outcome, found.primary, ids(found)) == ("passed", "none", [])


class TestCapability:
    def test_quotes_the_oracle(self, story):
        story.edits().finishes("Tried my best.").end("finished").oracle()
        (only,) = story.diagnosis().modes
        assert (only.id, only.confidence) == ("capability.wrong_solution", "medium")
        assert only.evidence[0].quote == "FAILED test_app.py::test_x\n"

    def test_is_less_sure_where_nothing_was_changed(self, story):
        story.runs("ls").finishes("Tried my best.").end("finished").oracle()
        (only,) = story.diagnosis().modes
        assert only.confidence == "low"

    def test_is_not_said_beside_an_explanation(self, story):
        story.edits().finishes("Fixed it.").end("finished").oracle()
        assert "capability.wrong_solution" not in ids(story.diagnosis())
