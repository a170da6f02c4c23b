"""The HTML report in a real browser: charts are drawn, nothing is loaded, nothing of the run is run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from cases import CASES, clean

from leakhunt.report.html import render_html

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-extensions",
    "--disable-default-apps", "--disable-dev-shm-usage", "--enable-logging=stderr", "--v=0",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=10000", "--window-size=1200,2400",
)  # fmt: skip


@dataclass
class Seen:
    """What the browser made of a page."""

    dom: str
    console: list[str]
    requests: list[str]


@pytest.fixture(scope="session")
def browser() -> str:
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    if os.environ.get("CI"):
        pytest.fail(f"CI must test the page in a browser, and none of {', '.join(BROWSERS)} is installed")
    pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")


def look(browser: str, page: str, folder: Path) -> Seen:
    """Open the page with every host blocked; return the DOM after its scripts, the console, the requests."""
    path, log = folder / "page.html", folder / "net.json"
    path.write_text(page, encoding="utf-8")
    own = [f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}", "--dump-dom", path.as_uri()]
    done = subprocess.run(
        [browser, *FLAGS, *own], capture_output=True, text=True, encoding="utf-8", timeout=100
    )
    console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    return Seen(done.stdout, console, page_requests(log))


def page_requests(log: Path) -> list[str]:
    """Return the addresses that the page asked for, of the network or not; the browser's own are left out."""
    text = log.read_text(encoding="utf-8").rstrip().rstrip(",")
    events = json.loads(text if text.endswith("}") else text + "]}")["events"]
    asked = [event["params"] for event in events if "url" in event.get("params", {})]
    return [
        params["url"]
        for params in asked
        if params.get("initiator", "not an origin") != "not an origin"
        and not params["url"].startswith("data:")
    ]


@pytest.mark.parametrize("case", ["leaking-sweep", "hostile"])
def test_the_page_draws_its_charts_loads_nothing_and_runs_nothing(
    case: str, browser: str, tmp_path: Path
) -> None:
    seen = look(browser, render_html(CASES[case]()), tmp_path)

    assert "data-drawn=" in seen.dom[:4000]
    body = re.sub(r"<script.*?</script>", "", seen.dom, flags=re.DOTALL)
    expected = {"leaking-sweep": {"chart-memory", "chart-tree", "chart-items-0", "chart-bytes-0"}}
    for chart in expected.get(case, {"chart-memory", "chart-items-0", "chart-bytes-0"}):
        assert re.search(rf'id="{chart}".*?<svg class="main-svg".*?class="scatterlayer', body, re.DOTALL), (
            chart
        )
    assert "data-owned" not in seen.dom
    assert len(re.findall(r"<script\b", seen.dom)) - plotly_mentions() == 3
    assert not re.search(r"<(img|a|iframe|object|link)\b", body)
    assert seen.console == []
    assert seen.requests == []


def plotly_mentions() -> int:
    """How often plotly's and our own text say "<script", which is not an element."""
    from leakhunt.report.html import plotly_script

    script, _ = plotly_script()
    return script.count("<script")


def test_the_browser_test_sees_a_request_an_injected_script_and_an_error(
    browser: str, tmp_path: Path
) -> None:
    page = render_html(clean())
    without_policy = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    attack = (
        '<img src="http://evil.example/x.png" onerror="document.documentElement.dataset.owned=1">'
        "<script>throw new Error('oh')</script>"
    )

    seen = look(browser, without_policy.replace("</main>", attack + "</main>"), tmp_path)

    assert "data-owned" in seen.dom[:4000]
    assert any("oh" in line for line in seen.console)
    assert seen.requests == ["http://evil.example/x.png"]


def test_the_policy_stops_what_an_escape_would_have_missed(browser: str, tmp_path: Path) -> None:
    attack = (
        '<img src="http://evil.example/x.png" onerror="document.documentElement.dataset.owned=1">'
        "<script>document.documentElement.dataset.owned=2</script>"
    )

    seen = look(browser, render_html(clean()).replace("</main>", attack + "</main>"), tmp_path)

    assert "data-owned" not in seen.dom[:4000]
    assert seen.requests == []
    assert any("Content Security Policy" in line for line in seen.console)
