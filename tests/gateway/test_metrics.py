"""The counters, from several threads."""

import sys
from concurrent.futures import ThreadPoolExecutor

from seatrial.gateway.metrics import Metrics


def test_no_count_is_lost_between_threads():
    metrics, before = Metrics(), sys.getswitchinterval()

    def count(name):
        for number in range(2_000):
            metrics.add("requests_total", client=f"{name}{number % 50}")
            metrics.add("recorded_total")

    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            done = [threads.submit(count, name) for name in "abcd"]
            while not all(one.done() for one in done):
                metrics.text()
        [one.result() for one in done]
    finally:
        sys.setswitchinterval(before)
    assert metrics.total("recorded_total") == 8_000
    assert metrics.total("requests_total", client="a1") == 40
