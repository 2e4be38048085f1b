"""Endings are told so that clients try again where that may help, and only there."""

import json

import pytest

from seatrial.gateway.endings import reported, stopped

MINI = "openai-python"


def words(told):
    return json.loads(told.body)["error"]


def test_a_stop_without_a_retry_is_a_bad_request():
    told = stopped("final_error", "the same call 4 times", "pi")
    assert told.status == 400
    assert words(told)["code"] == "guard_stopped"
    assert "the same call 4 times" in words(told)["message"]


def test_a_library_that_tries_again_after_400_is_told_what_it_takes_as_final():
    told = stopped("final_error", "the same call 4 times", MINI)
    assert told.status == 404
    said = words(told)
    # LiteLLM makes a retryable error of every body with this word, whatever its status.
    assert "invalid_request_error" not in json.dumps(said)
    assert "stopped by the gateway: the same call 4 times" in said["message"]
    assert "nothing is missing" in said["message"]


def test_what_may_be_tried_again_stays_so_for_every_client():
    assert stopped("retryable_error", "a loop", MINI).status == 503
    assert stopped("overflow", "full", MINI).status == 400


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"code": 500, "message": "slot failed", "type": "server_error"}, 500),
        ({"code": "503", "message": "slot failed"}, 503),
        ({"code": "worker_died", "message": "slot failed"}, 502),
        ({"message": "slot failed"}, 502),
        ("slot failed", 502),
    ],
)
def test_an_error_of_the_server_inside_a_stream_is_told_so_that_clients_ask_again(error, status):
    told = reported(json.dumps({"error": error, "id": 1}).encode(), "pi")
    assert told is not None and told.status == status and not told.cut
    assert words(told)["message"] == "server error: terminated: slot failed"
    if isinstance(error, dict):
        assert words(told) == {"type": "server_error", **error, "message": words(told)["message"]}


def test_a_client_that_ends_at_an_error_in_a_stream_gets_a_cut_stream():
    told = reported(b'{"error":{"message":"slot failed"}}', "qwencode")
    assert told is not None and told.cut


@pytest.mark.parametrize(
    "data",
    [
        b'{"error":{"code":400,"message":"no such grammar","type":"invalid_request_error"}}',
        b'{"error":{"message":"no such grammar","type":"invalid_request_error"}}',
        b'{"error":{"code":401,"message":"no key"}}',
        b"not json",
        b'{"message":"no error"}',
    ],
)
def test_an_error_of_the_request_inside_a_stream_stays_as_it_came(data):
    assert reported(data, "pi") is None
