"""The plots: well-formed, escaped, and true to the numbers."""

import re
from xml.etree import ElementTree

import pytest

from seatrial.report.model import Rate
from seatrial.report.svg import bars, interval_plot
from seatrial.stats import wilson

HOSTILE = '</text><script>alert("x")</script>\u202e\x1b&'
NO_DATA = Rate.of(wilson(0, 0))


def rate(k, n):
    return Rate.of(wilson(k, n))


def test_the_dot_is_the_rate_and_the_bar_the_interval():
    tree = ElementTree.fromstring(interval_plot([("a", rate(3, 4))], "t"))
    ticks = [float(line.get("x1")) for line in tree.iter("line") if line.get("class") == "grid"]
    zero, hundred = ticks[0], ticks[-1]

    def at(x):
        return (float(x) - zero) / (hundred - zero)

    (dot,) = tree.iter("circle")
    (bar,) = [line for line in tree.iter("line") if line.get("class") == "bar"]
    assert at(dot.get("cx")) == pytest.approx(0.75, abs=0.001)
    assert at(bar.get("x1")) == pytest.approx(wilson(3, 4).low, abs=0.001)
    assert at(bar.get("x2")) == pytest.approx(wilson(3, 4).high, abs=0.001)


def test_each_row_has_a_title_of_its_own():
    tree = ElementTree.fromstring(interval_plot([("a", rate(1, 2)), ("b", rate(2, 2))], "plot"))
    assert tree.find("title").text == "plot"
    assert [g.find("title").text.partition(":")[0] for g in tree.iter("g")] == ["a", "b"]


def test_no_data_draws_no_dot():
    tree = ElementTree.fromstring(interval_plot([("a", NO_DATA)], "t"))
    assert list(tree.iter("circle")) == []


@pytest.mark.parametrize(
    "plot", [interval_plot([(HOSTILE, rate(1, 2))], HOSTILE), bars([(HOSTILE, 3)], "t")]
)
def test_a_hostile_name_is_only_text(plot):
    assert "<script" not in plot
    assert "\u202e" not in plot.replace(HOSTILE, "")[plot.find("</title>") :]
    names = re.findall(r"<text[^>]*>([^<]*)</text>", plot)
    assert any(name.startswith("&lt;/text&gt;") for name in names)


def test_bars_are_in_proportion():
    tree = ElementTree.fromstring(bars([("a", 4), ("b", 1), ("c", 0)], "t"))
    wide, narrow, none = [float(rect.get("width")) for rect in tree.iter("rect")]
    assert (narrow / wide, none) == (0.25, 0)


def test_nothing_to_draw_is_an_empty_plot():
    assert ElementTree.fromstring(bars([], "t")).find("rect") is None
    assert ElementTree.fromstring(interval_plot([], "t")).find("circle") is None
