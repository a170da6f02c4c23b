// Draws the charts of the report from the JSON in the page. It computes nothing that is not in there.
"use strict";
(function () {
  const report = JSON.parse(document.getElementById("report").textContent);
  const memory = report.memory || {};
  const points = memory.points || [];
  const tree = memory.tree || [];
  const primary = report.loops.find((loop) => loop.primary);
  const BYTES = "%{y:.3~s}B";

  // Plotly reads <b>, <a href> and entities in its labels: text of the run must not be read so.
  function plain(text, longest) {
    const shown = String(text)
      .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (c) => "\\u" + c.codePointAt(0).toString(16).padStart(4, "0"));
    const most = longest || 100;
    return (shown.length > most ? shown.slice(0, most - 1) + "…" : shown)
      .replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  }

  function title(text) {
    return { text, font: { size: 13 }, standoff: 8 };
  }

  function colours() {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue(name).trim();
    return {
      ink: of("--ink"), soft: of("--soft"), line: of("--line"), card: of("--card"), main: of("--chart-1"),
      second: of("--chart-2"), marks: [of("--chart-3"), of("--chart-4"), of("--chart-5"), of("--chart-6")],
      limit: of("--leak"),
    };
  }

  function layout(c, more) {
    const axis = { gridcolor: c.line, linecolor: c.line, zerolinecolor: c.line, automargin: true, fixedrange: true };
    const base = {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, sans-serif", size: 13, color: c.soft },
      margin: { l: 8, r: 12, t: 8, b: 8 }, hovermode: "x unified", dragmode: false,
      hoverlabel: { bgcolor: c.card, bordercolor: c.line, font: { color: c.ink } },
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
      xaxis: { ...axis, showgrid: false }, yaxis: { ...axis, tickformat: ".3~s", ticksuffix: "B", rangemode: "tozero" },
    };
    for (const [key, value] of Object.entries(more)) {
      base[key] = Array.isArray(value) ? value : { ...base[key], ...value };
    }
    return base;
  }

  function draw(id, traces, more, c) {
    const place = document.getElementById(id);
    if (!place || !traces.length) return;
    place.classList.add("drawn");
    Plotly.react(place, traces, layout(c, more), { displayModeBar: false, responsive: true });
  }

  function drawMemory(c) {
    if (!points.length) return;
    const x = points.map((point) => point.iteration);
    const labels = points.map((point) => (point.label ? plain(point.label) : ""));
    const traces = [{
      x, y: points.map((point) => point.rss), text: labels, name: "resident memory", mode: "lines",
      line: { color: c.main, width: 2.5 }, fill: "tozeroy", fillcolor: c.main + "1f",
      hovertemplate: BYTES + "  %{text}",
    }];
    if (points.some((point) => point.in_use !== null)) {
      traces.push({
        x, y: points.map((point) => point.in_use), name: "in use", mode: "lines",
        line: { color: c.second, width: 1.5, dash: "dot" }, hovertemplate: BYTES,
      });
    }
    report.findings.filter((f) => f.verdict !== "no-leak" && f.points.some((p) => p[2] !== null)).slice(0, 4)
      .forEach((finding, index) => traces.push({
        x: finding.points.map((p) => p[0]), y: finding.points.map((p) => p[2]), mode: "lines+markers",
        name: plain(finding.owner ? finding.owner.path : finding.title, 48),
        line: { color: c.marks[index], width: 2, dash: "dash" }, marker: { size: 9, symbol: "diamond" },
        hovertemplate: BYTES,
      }));
    const highest = Math.max(...points.map((point) => point.rss || 0));
    const limit = report.forecast && report.forecast.limit;
    const more = { xaxis: { title: title("completed iterations" + (primary && primary.variables.length ? " of " + plain(primary.variables.join(", "), 40) : "")) } };
    if (limit && highest && limit < highest * 1.6) {
      more.shapes = [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: limit, y1: limit, line: { color: c.limit, width: 1.5, dash: "dash" } }];
      more.annotations = [{ xref: "paper", x: 0, y: limit, yanchor: "bottom", xanchor: "left", showarrow: false, text: "memory limit", font: { color: c.limit } }];
      more.yaxis = { range: [0, Math.max(limit, highest) * 1.08] };
    }
    draw("chart-memory", traces, more, c);
  }

  function drawTree(c) {
    if (!tree.length) return;
    const longest = tree[tree.length - 1].seconds;
    const [unit, name] = longest > 7200 ? [3600, "hours"] : longest > 180 ? [60, "minutes"] : [1, "seconds"];
    draw("chart-tree", [{
      x: tree.map((point) => point.seconds / unit), y: tree.map((point) => point.rss), mode: "lines",
      line: { color: c.second, width: 2 }, fill: "tozeroy", fillcolor: c.second + "1f", name: "all processes",
      hovertemplate: BYTES,
    }], { xaxis: { title: title(name + " since the start"), hoverformat: ".1f" } }, c);
  }

  function drawFinding(finding, index, c) {
    const has = (at) => finding.points.filter((p) => p[at] !== null);
    const line = { color: c.marks[0], width: 2 };
    const marker = { size: 8 };
    const axis = { title: title("completed iterations") };
    const items = has(1), bytes = has(2);
    if (items.length > 1) {
      draw("chart-items-" + index, [{ x: items.map((p) => p[0]), y: items.map((p) => p[1]), mode: "lines+markers", line, marker, name: "items", hovertemplate: "%{y:,} items" }],
        { xaxis: axis, yaxis: { tickformat: "~s", ticksuffix: "" } }, c);
    }
    if (bytes.length > 1) {
      draw("chart-bytes-" + index, [{ x: bytes.map((p) => p[0]), y: bytes.map((p) => p[2]), mode: "lines+markers", line, marker, name: "bytes", hovertemplate: BYTES }],
        { xaxis: axis }, c);
    }
  }

  function drawAll() {
    const c = colours();
    drawMemory(c);
    drawTree(c);
    report.findings.forEach((finding, index) => drawFinding(finding, index, c));
    document.documentElement.dataset.drawn = String(document.querySelectorAll(".chart.drawn svg.main-svg").length);
  }

  function offerCopies() {
    document.querySelectorAll("pre.copy").forEach((code) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "Copy";
      button.addEventListener("click", () => {
        const done = () => { button.textContent = "Copied"; setTimeout(() => { button.textContent = "Copy"; }, 1500); };
        const text = code.querySelector("code").textContent;
        if (navigator.clipboard) { navigator.clipboard.writeText(text).then(done, () => select(code)); } else { select(code); }
      });
      code.parentElement.append(button);
    });
  }

  // Where a page may not write to the clipboard, the selected text is one key away from it.
  function select(code) {
    const range = document.createRange();
    range.selectNodeContents(code.querySelector("code"));
    const chosen = getSelection();
    chosen.removeAllRanges();
    chosen.addRange(range);
  }

  drawAll();
  offerCopies();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  matchMedia("print").addEventListener("change", drawAll);
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((d) => { d.open = true; }));
})();
