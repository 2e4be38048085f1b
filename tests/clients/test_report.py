"""The table: cells replace older ones, totals count, and what got worse is named."""

from scripts.clients.report import Report, markdown, merged
from tests.clients.cell import Cell, Outcome


def cell(scenario: str, client: str, outcome: Outcome, *, gateway: bool = False) -> Cell:
    return Cell(scenario=scenario, client=client, gateway=gateway, outcome=outcome)


def test_new_cells_replace_old_ones_and_rows_keep_the_order():
    before = merged(Report(), [cell("text_loop", "pi", "hang")], {"codex": "no npm"}, "a")
    cells = [cell("text_loop", "pi", "done"), cell("healthy", "codex", "done")]
    report = merged(before, cells, {}, "b")
    assert [(each.scenario, each.outcome) for each in report.cells] == [
        ("healthy", "done"),
        ("text_loop", "done"),
    ]
    assert (report.skipped, report.commit) == ({}, "b")
    assert merged(report, [cell("gone", "pi", "done")], {}, "c").cells == report.cells


def test_the_page_counts_and_names_what_got_worse():
    cells = [
        cell("text_loop", "pi", "wrong end"),
        cell("text_loop", "pi", "done", gateway=True),
        cell("healthy", "pi", "done"),
        cell("healthy", "pi", "typed end", gateway=True),
        cell("text_loop_stubborn", "pi", "typed end", gateway=True),
        cell("xml_in_text", "aider", "not applicable"),
    ]
    page = markdown(merged(Report(), cells, {}, "a"))
    assert "| plain, can recover | 1 | 0 (0%) |" in page
    assert "| gateway, can recover | 1 | 1 (100%) |" in page
    assert "The control (`healthy`) is done in 1 of 2 runs." in page
    assert "| gateway, never | 1 | 0 (0%) |" in page
    assert "Worse with the gateway than without: healthy with pi." in page
    assert "| text_loop | sampler_changed | wrong end → done |  |" in page
    assert "| xml_in_text | parsed |  | – |" in page
