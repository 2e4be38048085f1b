"""The demo's page in a real browser: it renders, asks nobody for anything, fits a phone.

About one minute. Needs Chromium; `SEATRIAL_CHROMIUM` names another binary.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from seatrial.models import model_path
from seatrial.sandbox import probe
from tests.proof.conftest import seatrial_json

pytestmark = [pytest.mark.proof, pytest.mark.engine, pytest.mark.bwrap]

CHROMIUM = os.environ.get("SEATRIAL_CHROMIUM") or shutil.which("chromium")


@pytest.fixture
def page(tmp_path: Path) -> Path:
    if CHROMIUM is None:
        pytest.skip("no Chromium: apt-get install chromium")
    if not probe("bwrap").works or not model_path("dinghy").is_file():
        pytest.skip("the demo cannot run here")
    seatrial_json("demo", "--count", "8", cwd=tmp_path)
    (found,) = tmp_path.glob("runs/*/report.html")
    return found


def browse(page: Path, *words: str) -> subprocess.CompletedProcess[str]:
    assert CHROMIUM is not None
    return subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-sync",
            "--no-first-run",
            f"--user-data-dir={page.parent / 'profile'}",
            *words,
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_it_renders_as_it_was_written(page: Path) -> None:
    seen = browse(page, "--dump-dom").stdout
    assert "dinghy" in seen
    assert seen.count("<details") == page.read_text().count("<details")
    assert re.search(r"<mark[ >]", seen), "evidence is highlighted"


def asked_by_the_page(page: Path) -> set[str]:
    """What the page itself made the browser ask for; the browser's own errands left out."""
    log = page.parent / f"{page.stem}-net.json"
    browse(page, f"--log-net-log={log}", "--dump-dom")
    found = set()
    for event in json.loads(log.read_text())["events"]:
        params = event.get("params", {})
        url, initiator = params.get("url", ""), params.get("initiator", "not an origin")
        if url.startswith(("http:", "https:")) and initiator != "not an origin":
            found.add(url)
    return found


def test_it_asks_nobody_for_anything(page: Path) -> None:
    control = page.with_name("control.html")
    control.write_text('<img src="http://127.0.0.1:9/seen.png">')
    assert asked_by_the_page(control) == {"http://127.0.0.1:9/seen.png"}
    assert asked_by_the_page(page) == set()


@pytest.mark.parametrize(("name", "size"), [("desktop", "1280,1800"), ("phone", "390,2400")])
def test_it_can_be_looked_at(page: Path, name: str, size: str) -> None:
    picture = page.parent / f"{name}.png"
    browse(page, f"--screenshot={picture}", f"--window-size={size}", "--hide-scrollbars")
    assert picture.stat().st_size > 20_000
