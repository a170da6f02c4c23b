// Draws the resident set of the compared runs from the JSON in the page. It computes nothing that is not in there.
"use strict";
(function () {
  const report = JSON.parse(document.getElementById("report").textContent);

  // Plotly reads <b>, <a href> and entities in its labels: text of a run must not be read so.
  function plain(text) {
    return String(text).slice(0, 60)
      .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (c) => "\\u" + c.codePointAt(0).toString(16).padStart(4, "0"))
      .replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  }

  function draw() {
    const place = document.getElementById("courses");
    const courses = report.courses.filter((course) => course.points.length);
    if (!place || !courses.length) return;
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue(name).trim();
    const colours = ["--chart-1", "--chart-2", "--chart-3", "--chart-4", "--chart-5", "--chart-6"].map(of);
    const axis = { gridcolor: of("--line"), linecolor: of("--line"), zerolinecolor: of("--line"), automargin: true, fixedrange: true };
    const traces = courses.map((course, index) => ({
      x: course.points.map((point) => point[0]), y: course.points.map((point) => point[1]), mode: "lines",
      name: plain(course.label), line: { color: colours[index % colours.length], width: index ? 2 : 2.5, dash: index ? "solid" : "dot" },
      hovertemplate: "%{y:.3~s}B",
    }));
    place.classList.add("drawn");
    Plotly.react(place, traces, {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, sans-serif", size: 13, color: of("--soft") },
      margin: { l: 8, r: 12, t: 8, b: 8 }, hovermode: "x unified", dragmode: false,
      hoverlabel: { bgcolor: of("--card"), bordercolor: of("--line"), font: { color: of("--ink") } },
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 }, showlegend: true,
      xaxis: { ...axis, showgrid: false, title: { text: "iterations", font: { size: 13 }, standoff: 8 } },
      yaxis: { ...axis, tickformat: ".3~s", ticksuffix: "B", rangemode: "tozero",
        title: { text: "resident memory", font: { size: 13 }, standoff: 8 } },
    }, { displayModeBar: false, responsive: true });
  }

  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
