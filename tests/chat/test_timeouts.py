"""Wall timeouts from measured speed."""

import pytest

from seatrial.chat.timeouts import Pace, TimeoutPolicy
from seatrial.core.generation import Timings, Usage

POLICY = TimeoutPolicy(first_call_seconds=600, floor_seconds=30, safety_factor=4)


def timings(prompt: float | None, generated: float | None, first: float = 0.0) -> Timings:
    return Timings(
        first_byte_seconds=first,
        total_seconds=first + 10,
        prompt_tokens_per_second=prompt,
        generated_tokens_per_second=generated,
    )


def test_the_first_call_gets_the_default():
    assert Pace(POLICY).timeout_seconds(10**6, 10**5) == 600


def test_needed_time_times_safety():
    pace = Pace(POLICY)
    pace.update(Usage(prompt=1000, completion=100), timings(100.0, 10.0, first=10.0))
    # 2,000 characters = 1,000 tokens at 100/s, 500 tokens at 10/s
    assert pace.timeout_seconds(2000, 500) == pytest.approx(4 * (10 + 50))


def test_the_default_forgives_a_machine_that_slows_down():
    pace = Pace()
    pace.update(Usage(prompt=500, completion=500), timings(5000.0, 2000.0))
    # Seen: the next 500 tokens came at 23 a second.
    assert pace.timeout_seconds(2000, 512) > 512 / 23


def test_a_fast_server_gets_the_floor_and_a_slow_one_the_ceiling():
    pace = Pace(POLICY)
    pace.update(Usage(prompt=1000, completion=100), timings(5000.0, 2000.0, first=0.2))
    assert pace.timeout_seconds(2000, 100) == 30
    pace.update(Usage(prompt=1000, completion=100), timings(1.0, 0.1, first=1000.0))
    assert pace.timeout_seconds(2000, 100_000) == POLICY.ceiling_seconds


def test_the_slowest_recent_call_counts_and_is_forgotten():
    pace = Pace(POLICY)
    for rate in [1.0] + [100.0] * 8:
        slow = pace.timeout_seconds(0, 1000)
        pace.update(Usage(prompt=50, completion=100), timings(1000.0, rate, first=0.05))
    assert slow == 3600
    assert pace.timeout_seconds(0, 1000) == pytest.approx(40)


def test_a_short_cached_prefill_measures_nothing():
    pace = Pace(POLICY)
    pace.update(Usage(prompt=1000, completion=100), timings(1000.0, 100.0, first=1.0))
    before = pace.timeout_seconds(100_000, 1000)
    pace.update(Usage(prompt=1000, cached=999, completion=100), timings(5.0, 100.0, first=0.2))
    assert pace.timeout_seconds(100_000, 1000) == before


def test_waits_in_the_queue_count():
    pace = Pace(POLICY)
    pace.update(Usage(prompt=100, completion=100), timings(100.0, 100.0, first=21.0))
    assert pace.timeout_seconds(0, 100) == pytest.approx(4 * (1 + 20))


def test_a_server_without_timings_is_timed_by_the_client():
    pace = Pace(POLICY)
    pace.update(Usage(prompt=100, completion=100), timings(None, None))
    assert pace.timeout_seconds(0, 1000) == pytest.approx(400)
