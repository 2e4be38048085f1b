"""`seatrial parse` as a user runs it: rows in, rows out, and what a person is told."""

import json
import subprocess
import sys
from pathlib import Path

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "view",
            "parameters": {
                "type": "object",
                "properties": {"file": {"type": "string"}},
                "required": ["file"],
            },
        },
    }
]
CALL = '<tool_call>\n{"name": "view", "arguments": {"file": "é.py"}}\n</tool_call>'


def parse(*words, input=b""):
    command = [sys.executable, "-m", "seatrial", "parse", *words]
    return subprocess.run(command, input=input, capture_output=True, check=False)


def rows(*items):
    return b"".join(json.dumps({"tools": TOOLS, **item}).encode() + b"\n" for item in items)


def test_a_row_for_a_row():
    done = parse(
        input=rows(
            {"id": 1, "raw": f"I look.\n{CALL}"},
            {"id": "b", "raw": CALL[:-5], "finish_reason": "length"},
            {"id": None, "raw": "hm</think>Hello.", "prefill": "<think>\n"},
            {"id": 4, "raw": CALL.replace("arguments", "input")},
        )
    )
    first, cut, plain, repaired = map(json.loads, done.stdout.splitlines())
    assert (done.returncode, done.stderr) == (0, b"")
    assert (first["id"], first["verdict"], first["text"]) == (1, "ok", "I look.")
    call = first["calls"][0]
    assert (call["name"], call["arguments"], call["source"]) == (
        "view",
        {"file": "é.py"},
        "envelope",
    )
    assert call["span"] == [8, 8 + len(CALL)] and call["bytes"] == [8, 8 + len(CALL.encode())]
    assert (cut["id"], cut["verdict"], cut["calls"], cut["reason"]) == ("b", "reask", [], "cut off")
    assert (plain["verdict"], plain["text"], plain["calls"]) == ("no_call", "Hello.", [])
    assert (repaired["verdict"], repaired["repairs"]) == ("repaired", ["arguments_key"])


def test_a_repair_that_is_off_asks_again():
    done = parse("--off", "arguments_key", input=rows({"raw": CALL.replace("arguments", "input")}))
    row = json.loads(done.stdout)
    assert (row["verdict"], row["calls"]) == ("reask", []) and "arguments_key" in row["reason"]
    wrong = parse("--off", "arguments_kye", input=b"")
    assert wrong.returncode == 64 and b"arguments_key" in wrong.stderr


def test_a_row_that_cannot_be_used_does_not_stop_the_others():
    good = rows({"id": 2, "raw": CALL})
    bad = [b"{\n", b"[1]\n", b'{"id": 7, "raw": 3}\n', b'{"id": 8, "raw": "", "tools": {}}\n']
    bad.append(b'{"id": 9, "raw": "", "tools": [{"function": {}}]}\n')
    done = parse(input=b"".join(bad) + good)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 64 and len(answers) == 6
    assert all(answer["error"].startswith(f"row {n}: ") for n, answer in enumerate(answers[:5], 1))
    assert answers[5]["verdict"] == "ok" and b"Traceback" not in done.stderr


def test_hostile_bytes_and_schemas_give_verdicts():
    broken = {"raw": CALL, "tools": [{"function": {"name": "view", "parameters": ["no"]}}]}
    surrogate = {"raw": CALL.replace("é", "\ud800")}
    raw = b'{"raw": "caf\xe9 \xff", "tools": []}\n'
    done = parse(input=rows(broken, surrogate) + raw)
    schema, half, text = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 0
    assert schema["verdict"] == "reask" and "schema of the tool is broken" in schema["reason"]
    assert (half["verdict"], half["calls"]) == ("reask", [])
    assert text["verdict"] == "no_call"
    assert text["text"].encode("utf-8", "surrogateescape") == b"caf\xe9 \xff"


def test_one_turn_explained_to_a_person(tmp_path):
    tools = tmp_path / "tools.json"
    tools.write_text(json.dumps(TOOLS))
    turn = f"I look.\n{CALL.removesuffix('</tool_call>')}".encode()
    done = parse("--explain", "--raw", "--tools", str(tools), input=turn)
    out = done.stdout.decode()
    assert done.returncode == 0
    assert 'view {"file": "é.py"}' in out and "closer_missing" in out and "I look." in out
    assert "repaired" in out and "closing tag is missing" in out
    cut = parse("--explain", "--raw", "--tools", str(tools), "--finish", "length", input=turn)
    assert "cut off" in cut.stdout.decode() and "call 1" not in cut.stdout.decode()
    tools.write_text("[")
    broken = parse("--raw", "--tools", str(tools), input=turn)
    assert broken.returncode == 64 and b"is not JSON" in broken.stderr
    missing = parse("--raw", "--tools", str(tmp_path / "no.json"), input=turn)
    assert missing.returncode == 64 and b"no.json" in missing.stderr
    needs = parse("--raw", input=turn)
    assert needs.returncode == 64 and b"hint: --tools FILE" in needs.stderr


def test_options_by_key():
    turn = {"raw": '{"name": "view", "arguments": {"file": "a"}}'}
    assert json.loads(parse(input=rows(turn)).stdout)["verdict"] == "repaired"
    assert json.loads(parse("-c", "loose=none", input=rows(turn)).stdout)["calls"] == []
    wrong = parse("-c", "losse=none", input=b"")
    assert wrong.returncode == 64 and b"losse" in wrong.stderr


def test_the_example_of_the_readme(tmp_path):
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    block = text.partition("## What a model writes")[2].partition("```console\n")[2]
    commands = [line[2:] for line in block.partition("```")[0].splitlines() if line[:2] == "$ "]
    assert commands[-1].startswith("seatrial parse")
    commands[-1] = commands[-1].replace("seatrial", f"{sys.executable} -m seatrial", 1)
    done = subprocess.run(
        ["bash", "-ec", "\n".join(commands)], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert 'view {"file": "a.py"}' in done.stdout.decode()


def test_an_unknown_option_names_the_known_ones():
    wrong = parse("-c", "foo=1", input=b"")
    assert wrong.returncode == 64 and b"hint: the options are off, loose" in wrong.stderr
