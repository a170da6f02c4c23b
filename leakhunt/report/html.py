"""The report as one HTML file that needs no network: words from Python, charts by plotly from the JSON in it.

The page carries the same JSON as `to_json`, escaped so that no string of the run can end its script
element. A Content-Security-Policy allows the page's own two scripts by their hash and nothing from
elsewhere, so that text of the run stays text even where an escape were forgotten.
"""

from __future__ import annotations

import base64
import hashlib
from contextlib import suppress
from functools import lru_cache
from html import escape
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from leakhunt.findings.diagnosis import Diagnosis
from leakhunt.report import wording
from leakhunt.report.html_body import report_body
from leakhunt.report.json_report import to_json
from leakhunt.report.text import drawable, one_line


def render_html(diagnosis: Diagnosis) -> str:
    """Return the report as one HTML file (to be written as UTF-8)."""
    shown = drawable(diagnosis)
    return html_page(_title(shown), report_body(shown), to_json(diagnosis, indent=None), "charts.js")


def html_page(title: str, body: str, content: str, script: str) -> str:
    """Return a whole page: `title` and `body` are HTML, `content` the JSON that our `script` draws from."""
    plotly, plotly_hash = plotly_script()
    drawing = _part_of_page(script)
    head = [
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(plotly_hash, _hash(drawing))}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>{title}</title>",
        f"<style>{_part_of_page('report.css')}</style>",
        "<noscript><style>figure { display: none; }</style></noscript>",
    ]
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        *head,
        "</head>",
        "<body>",
        body,
        f'<script type="application/json" id="report">{embedded(content)}</script>',
        f"<script>{plotly}</script>",
        f"<script>{drawing}</script>",
        "</body>",
        "</html>",
        "",
    ]
    return "\n".join(parts)


def embedded(json_text: str) -> str:
    """Return JSON that nothing in an HTML page can take for markup."""
    signs = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
    return json_text.translate({ord(sign): code for sign, code in signs.items()})


@lru_cache(maxsize=1)
def plotly_script() -> tuple[str, str]:
    """Return the plotly.js that its Python package carries (it ships one bundle, 4.8 MB), and its hash."""
    script = _bundle()
    # A page normalises line ends, and the hash in the policy is of what the page has.
    script = script.replace("\r\n", "\n").replace("\r", "\n")
    # Neither may stand inside a script element, whatever it means in JavaScript.
    script = script.replace("</script", "<\\/script").replace("<!--", "<\\!--")
    return script, _hash(script)


def _bundle() -> str:
    """Read the bundle from where `get_plotlyjs` has it, if it is still there: importing plotly takes far longer."""
    spec = find_spec("plotly")
    for directory in (spec.submodule_search_locations or ()) if spec is not None else ():
        with suppress(OSError):
            return Path(directory, "package_data", "plotly.min.js").read_text(encoding="utf-8")
    from plotly.offline import get_plotlyjs

    script: str = get_plotlyjs()
    return script


def _part_of_page(name: str) -> str:
    return files("leakhunt.report.page").joinpath(name).read_text(encoding="utf-8").replace("\r\n", "\n")


def _hash(script: str) -> str:
    """Return the script's hash as a policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _policy(*hashes: str) -> str:
    return (
        f"default-src 'none'; script-src {' '.join(hashes)}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _title(diagnosis: Diagnosis) -> str:
    verdict = wording.VERDICTS[diagnosis.verdict].lower()
    return escape(f"leakhunt: {verdict}, {one_line(diagnosis.run.target, 60)}")
