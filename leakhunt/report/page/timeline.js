// Draws memory over time from the JSON in the page: turns of the outer loop as bands, what happened as marks.
"use strict";
(function () {
  const story = JSON.parse(document.getElementById("report").textContent);
  const started = story.started || 0;
  const BYTES = "%{y:.3~s}B";
  const MOST_BANDS = 60, MOST_MARKS = 60;
  const MARKS = {
    brake: "brake", restart: "restart", resume: "started again", kernel: "kernel", kill: "killed",
    intent: "asked to end", death: "death", gap: "gap", "kernel-oom": "kernel", boot: "boot",
  };

  // Plotly reads <b>, <a href> and entities in its labels: text of the run must not be read so.
  function plain(text, longest) {
    const shown = String(text)
      .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (c) => "\\u" + c.codePointAt(0).toString(16).padStart(4, "0"));
    const most = longest || 100;
    return (shown.length > most ? shown.slice(0, most - 1) + "…" : shown)
      .replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  }

  function colours() {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue(name).trim();
    return {
      ink: of("--ink"), soft: of("--soft"), line: of("--line"), card: of("--card"), band: of("--chart-2") + "22",
      lines: ["--chart-1", "--chart-5", "--chart-6", "--chart-4", "--chart-2", "--chart-3"].map(of),
      loud: of("--leak"), mark: of("--chart-4"), limit: of("--leak"),
    };
  }

  // The same time of day as in the words of the page, whatever the browser's zone: plotly shows dates as given.
  const shift = story.utc_offset === null ? -60 * new Date(started * 1000).getTimezoneOffset() : story.utc_offset;
  const when = (seconds) => started ? new Date((started + shift + seconds) * 1000).toISOString().replace("Z", "") : seconds;

  function traces(c) {
    const found = [];
    if (story.course.length) {
      found.push({
        x: story.course.map((p) => when(p.seconds)), y: story.course.map((p) => p.rss), name: "all processes",
        mode: "lines", line: { color: c.lines[0], width: 2 }, fill: "tozeroy", fillcolor: c.lines[0] + "1f",
        hovertemplate: BYTES,
      });
      if (story.course.some((p) => p.main_rss !== null && p.rss !== null && p.main_rss < 0.9 * p.rss)) {
        found.push({
          x: story.course.map((p) => when(p.seconds)), y: story.course.map((p) => p.main_rss), name: "main process",
          mode: "lines", line: { color: c.lines[4], width: 1.5, dash: "dot" }, hovertemplate: BYTES,
        });
      }
    }
    story.series.slice(0, 12).forEach((one, at) => found.push({
      x: one.points.map((p) => when(p[0])), y: one.points.map((p) => p[1]), name: plain(one.name, 40), mode: "lines",
      line: { color: c.lines[(at + 1) % c.lines.length], width: 2 }, hovertemplate: BYTES,
    }));
    const table = story.iterations.filter((row) => row.ended !== null && row.end !== null);
    if (table.length && table.length <= 400) {
      found.push({
        x: table.map((row) => when(row.ended)), y: table.map((row) => row.end), mode: "markers", name: "end of a turn",
        text: table.map((row) => plain((row.label || "turn") + " (" + row.number + ")", 60)),
        marker: { color: c.lines[0], size: 6 }, hovertemplate: BYTES + "  %{text}",
      });
    }
    return found;
  }

  function bands(c) {
    const rows = story.iterations.filter((row) => row.began !== null && row.ended !== null);
    const step = Math.max(1, Math.ceil(rows.length / MOST_BANDS));
    const shapes = [];
    for (let at = 0; at < rows.length; at += 2 * step) {
      const last = rows[Math.min(at + step, rows.length) - 1];
      shapes.push({
        type: "rect", xref: "x", yref: "paper", x0: when(rows[at].began), x1: when(last.ended), y0: 0, y1: 1,
        fillcolor: c.band, line: { width: 0 }, layer: "below",
      });
    }
    return shapes;
  }

  function marks(c) {
    const shown = story.events.filter((e) => MARKS[e.kind] && e.seconds !== null).slice(-MOST_MARKS);
    const shapes = [], notes = [];
    const longest = Math.max(1, ...shown.map((event) => event.seconds));
    const named = [];
    // The last ones are what the chart is about: they get their names first, and no two lie over one another.
    shown.reverse().forEach((event) => {
      const colour = ["death", "kernel", "kill", "kernel-oom"].includes(event.kind) ? c.loud : c.mark;
      const x = when(event.seconds);
      shapes.push({ type: "line", xref: "x", yref: "paper", x0: x, x1: x, y0: 0, y1: 1, line: { color: colour, width: event.kind === "death" ? 2.5 : 1.2, dash: event.kind === "death" ? "solid" : "dot" } });
      if (named.every((other) => Math.abs(other - event.seconds) > 0.025 * longest)) {
        named.push(event.seconds);
        notes.push({
          xref: "x", yref: "paper", x, y: 1, yanchor: "top", xanchor: "right", showarrow: false, textangle: -90,
          text: MARKS[event.kind] + (event.count > 1 ? " ×" + event.count : ""), font: { color: colour, size: 11 },
          hovertext: plain(event.text, 160),
        });
      }
    });
    return [shapes, notes];
  }

  function draw() {
    const place = document.getElementById("chart-course");
    if (!place) { document.documentElement.dataset.drawn = "0"; return; }
    const c = colours();
    const [lines, notes] = marks(c);
    const shapes = bands(c).concat(lines);
    const highest = Math.max(1, ...story.course.map((p) => p.rss || 0), ...story.series.flatMap((s) => s.points.map((p) => p[1])));
    const limit = story.reach && story.reach.limit;
    const axis = { gridcolor: c.line, linecolor: c.line, zerolinecolor: c.line, automargin: true };
    if (limit && limit < 2.5 * highest) {
      shapes.push({ type: "line", xref: "paper", x0: 0, x1: 1, y0: limit, y1: limit, line: { color: c.limit, width: 1.5, dash: "dash" } });
      notes.push({ xref: "paper", x: 0, y: limit, yanchor: "bottom", xanchor: "left", showarrow: false, text: "limit", font: { color: c.limit } });
    }
    place.classList.add("drawn");
    Plotly.react(place, traces(c), {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, sans-serif", size: 13, color: c.soft },
      margin: { l: 8, r: 12, t: 8, b: 8 }, hovermode: "x unified", dragmode: "zoom",
      hoverlabel: { bgcolor: c.card, bordercolor: c.line, font: { color: c.ink } },
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
      xaxis: { ...axis, showgrid: false, type: started ? "date" : "linear" },
      yaxis: { ...axis, tickformat: ".3~s", ticksuffix: "B", range: [0, 1.1 * Math.max(highest, limit && limit < 2.5 * highest ? limit : 0)], fixedrange: true },
      shapes, annotations: notes,
    }, { displayModeBar: false, responsive: true });
    document.documentElement.dataset.drawn = String(document.querySelectorAll(".chart.drawn svg.main-svg").length);
  }

  function offerCopies() {
    document.querySelectorAll("pre.copy").forEach((code) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "Copy";
      button.addEventListener("click", () => {
        const done = () => { button.textContent = "Copied"; setTimeout(() => { button.textContent = "Copy"; }, 1500); };
        if (navigator.clipboard) { navigator.clipboard.writeText(code.querySelector("code").textContent).then(done, () => {}); }
      });
      code.parentElement.append(button);
    });
  }

  draw();
  offerCopies();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
