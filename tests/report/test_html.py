"""The page: static, small whatever the run's size, and safe with hostile text in it."""

from html.parser import HTMLParser

import msgspec
import pytest

from seatrial.core.message import Call
from seatrial.report import build_report, write_html
from seatrial.report.html import MAX_BYTES, render_html

VOID = {"meta", "br", "circle", "line", "rect"}
ATTRIBUTES = {"href", "src", "action", "srcset", "data", "style", "xlink:href", "background"}


class Page(HTMLParser):
    """Tags, attributes and text; refuses a page whose elements do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.marked: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open in ([], ["p"]), self._open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID and tag != "p":
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag != "p":
            assert self._open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)
        if self._open and self._open[-1] == "mark":
            self.marked.append(data)


def page_of(folder) -> Page:
    return Page(render_html(build_report(folder), folder))


HOSTILE = [
    "</pre><script>alert(1)</script>",
    "]]><!--",
    "</style></title></details>",
    '"><img src=x onerror=alert(1)>',
    "<a href='http://evil.example/'>x</a>",
    "{{ 7 * 7 }}{% raw %}",
    "\x00\x0b\x1b[31m\x7f",
    "\u202egnp.exe\u2066\u200f",
    "&lt;script&gt;&amp;",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_only_text(bench, text):
    made = bench(tasks=1)
    call = Call("c1", text, f'{{"path": "{text}"}}')
    made.trial(
        status="failed", text=f"```python\n{text}\n```", calls=(call,), ended="gave_up",
        detail=text, output=text, family=text,
    )  # fmt: skip
    clean = bench(tasks=1)
    clean.trial(
        status="failed", text="```python\nx\n```", calls=(Call("c1", "x", '{"path": "x"}'),),
        ended="gave_up", detail="x", output="x", family="x",
    )  # fmt: skip
    page, plain = page_of(made.finish()), page_of(clean.finish())
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in plain.tags], "same elements"
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert all(c in "\n\t" or c.isprintable() for c in page.text)
    if text.isprintable():
        assert text in "".join(page.words)


def test_nothing_is_asked_of_anybody(bench):
    made = bench(arms=("dinghy", "other"))
    made.trial(status="failed", text="see https://example.org/x", ended="gave_up")
    page = page_of(made.finish())
    assert not {"script", "link", "img", "iframe", "object", "embed", "form", "base"} & {
        tag for tag, _ in page.tags
    }
    links = {a: v for _, attrs in page.tags for a, v in attrs.items() if a in ATTRIBUTES}
    assert all(value.startswith("#") for value in links.values()), links
    assert "url(" not in page.text
    assert "@import" not in page.text


def test_the_policy_forbids_what_is_not_there_anyway(bench):
    made = bench()
    made.trial()
    page = page_of(made.finish())
    (policy,) = [
        a["content"] for t, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"
    tags = [tag for tag, _ in page.tags]
    assert tags.index("meta") < tags.index("style")


def test_evidence_is_marked_where_it_stands(bench):
    made = bench(tasks=1)
    made.trial(status="failed", text="Sure:\n```python\nx = 1\n```\n", ended="gave_up")
    page = page_of(made.finish())
    assert any("```python\nx = 1\n```" in text for text in page.marked)
    assert all(a["title"] for tag, a in page.tags if tag == "mark")


def test_every_link_on_the_page_leads_somewhere(bench):
    made = bench(tasks=3)
    for number in range(3):
        made.trial(f"task-{number}", status="failed")
    page = page_of(made.finish())
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    assert {attrs["href"] for tag, attrs in page.tags if tag == "a"} == {f"#{i}" for i in ids}


def test_ten_megabytes_of_text_stay_small(bench):
    made = bench(tasks=1)
    made.trial(status="failed", ended="gave_up")
    report = build_report(made.path)
    large = made.trial(status="failed", text="<&\x1b" * 3_500_000, ended="gave_up")
    # The text is the page's business here, not the detectors'.
    trial = msgspec.structs.replace(report.trials[0], path=str(large.relative_to(made.path)))
    page = Page(render_html(msgspec.structs.replace(report, trials=(trial,)), made.path))
    assert len(page.text.encode()) < MAX_BYTES == 300_000
    assert "characters left out" in page.text


def test_a_long_name_of_a_call_stays_small(bench):
    made = bench(tasks=1)
    made.trial(status="failed", calls=(Call("c", "x" * 400_000, "{}"),))
    assert len(page_of(made.finish()).text.encode()) < MAX_BYTES


def test_many_transcripts_leave_the_passed_ones_out_first(bench):
    made = bench(tasks=40)
    for number in range(40):
        status = "failed" if number % 2 else "passed"
        words = "".join(f"{number} is {n}. " for n in range(250))
        calls = tuple(Call(f"c{n}", "write_file", words) for n in range(5))
        made.trial(f"task-{number}", status=status, text=words, calls=calls)
    page = page_of(made.finish())
    assert 100_000 < len(page.text.encode()) < MAX_BYTES
    assert "transcripts are left out to keep this page small" in page.text
    report = build_report(made.path)
    left_out = page.text.split("<details><summary>")[1 : 1 + len(report.trials)]
    assert len(left_out) == len(report.trials) == 40
    shown = [piece for piece in left_out if "left out to keep" not in piece]
    passed_shown = [piece for piece in shown if ">passed<" in piece]
    failed_left = [p for p in left_out if "left out to keep" in p and ">failed_oracle<" in p]
    assert shown
    assert not (passed_shown and failed_left)


def test_thousands_of_trials_stay_small_and_the_rest_is_counted(bench):
    made = bench(tasks=1)
    folder = made.trial(status="failed", text="no", ended="gave_up", detail="d" * 900)
    report = build_report(made.finish())
    (one,) = report.trials
    many = tuple(
        msgspec.structs.replace(
            one, task=f"task-{n:05}-{'x' * 60}", outcome="passed" if n % 3 else "failed_oracle"
        )
        for n in range(2_000)
    )
    page = Page(render_html(msgspec.structs.replace(report, trials=many), made.path))
    assert len(page.text.encode()) < MAX_BYTES
    listed = page.text.count('<div id="t')
    assert 50 < listed < 2_000
    assert f"{2_000 - listed} more trials are not listed" in page.text
    assert ">passed<" not in page.text, "failures come first"
    assert folder.exists()


def test_the_page_is_written_whole_beside_nothing_else(bench, tmp_path):
    made = bench()
    made.trial()
    folder = made.finish()
    page = tmp_path / "out" / "page.html"
    page.parent.mkdir()
    write_html(build_report(folder), folder, page)
    assert [path.name for path in page.parent.iterdir()] == ["page.html"]
    assert page.read_text(encoding="utf-8").rstrip().endswith("</html>")


def test_a_run_without_trials_has_a_page(bench):
    made = bench()
    made.run.journal("calibration_failed", oracle_passed=0, nop_failed=1, tasks=1, problems=["why"])
    page = page_of(made.path)
    assert "INVALID: the meter failed its calibration" in page.text
    assert "not attested again" in page.text or "Not every launch" in page.text
