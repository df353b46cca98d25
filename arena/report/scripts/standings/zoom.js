// The axis of the intervals: all submissions, or the leaders alone.
"use strict";

(() => {
  const table = document.getElementById("table-standings");
  const tools = document.getElementById("standings-tools");
  if (table === null || tools === null) return;
  const key = arena.byScore ? "score" : "mean_profit";
  const interval = arena.byScore ? "score_interval" : "profit_interval";
  const placed = arena.standings.rows.filter((row) => row[key] !== null);
  if (placed.length < 3) return;
  const digits = arena.byScore ? 3 : 1;
  const HEIGHT = 24;

  // An axis that fits values closely, with round ticks on it.
  function axis(values) {
    const [least, most] = [Math.min(...values), Math.max(...values)];
    const span = Math.max(most - least, 1e-6 * Math.max(1, Math.abs(most)));
    const [low, high] = [least - 0.04 * span, most + 0.04 * span];
    const power = Math.floor(Math.log10(span / 6));
    for (const exponent of [power, power + 1]) {
      for (const factor of [1, 2, 2.5, 5, 10]) {
        const step = factor * 10 ** exponent;
        const first = Math.ceil(low / step - 1e-9);
        const last = Math.floor(high / step + 1e-9);
        if (last - first >= 6) continue;
        const ticks = [];
        for (let place = first; place <= last; place++) ticks.push(Number((place * step).toPrecision(12)));
        return { ticks, at: (value) => 100 * (value - low) / (high - low) };
      }
    }
    return { ticks: [], at: (value) => 100 * (value - low) / (high - low) };
  }

  const inside = (place) => Math.min(100, Math.max(0, place));
  const percent = (place) => `${inside(place).toFixed(2)}%`;
  const line = (kind, x1, x2, y1, y2) => arena.svg("line", { class: kind, x1: percent(x1), x2: percent(x2), y1, y2 });

  function plot(scale, row) {
    const drawn = arena.svg("svg", { class: "plot", role: "img", width: "100%", height: HEIGHT });
    const [low, high] = row[interval] === null ? [row[key], row[key]] : [row[interval].low, row[interval].high];
    const words = row[interval] === null ? "no interval" : `95 % interval ${arena.range(low, high, digits)}`;
    drawn.append(arena.svg("title", {}, `${row.submission}: ${arena.number(row[key], digits)}, ${words}`));
    for (const tick of scale.ticks) drawn.append(line("grid", scale.at(tick), scale.at(tick), 0, HEIGHT));
    const [left, middle, right] = [low, row[key], high].map(scale.at);
    const outside = right < 0 ? "◂" : left > 100 ? "▸" : "";
    if (outside) {
      drawn.append(arena.svg("text", { class: "tick", x: right < 0 ? "0" : "100%", y: 16, "text-anchor": right < 0 ? "start" : "end" }, outside));
      return drawn;
    }
    drawn.append(line("whisker", left, right, HEIGHT / 2, HEIGHT / 2));
    for (const end of [left, right]) {
      if (end >= 0 && end <= 100) drawn.append(line("whisker", end, end, HEIGHT / 2 - 4, HEIGHT / 2 + 4));
    }
    if (middle >= 0 && middle <= 100) {
      drawn.append(arena.svg("circle", { class: "mean", cx: percent(middle), cy: HEIGHT / 2, r: 4.5 }));
    }
    return drawn;
  }

  function draw(leaders) {
    const chosen = placed.slice(0, leaders);
    const scale = axis(chosen.flatMap((row) => (row[interval] === null ? [row[key]] : [row[key], row[interval].low, row[interval].high])));
    const head = table.querySelector("th.plotted");
    const labels = arena.svg("svg", { class: "plot", role: "img", width: "100%", height: HEIGHT }, arena.svg("title", {}, "axis"));
    for (const tick of scale.ticks) {
      labels.append(arena.svg("text", { class: "tick", x: percent(scale.at(tick)), y: HEIGHT - 8, "text-anchor": "middle" },
        tick.toLocaleString("en-US", { maximumFractionDigits: 10 })));
    }
    head.querySelector("svg").replaceWith(labels);
    const rows = new Map(placed.map((row) => [row.submission, row]));
    for (const row of table.tBodies[0].rows) {
      const source = rows.get(row.dataset.submission);
      if (source !== undefined) row.querySelector("td.plotted").replaceChildren(plot(scale, source));
    }
  }

  const sizes = [3, 5, 10, 20].filter((size) => size < placed.length);
  const choices = [[String(placed.length), "all"], ...sizes.map((size) => [String(size), `first ${size}`])];
  tools.insertBefore(
    arena.select("Axis fits", choices, String(placed.length), (value) => draw(Number(value))).field,
    tools.querySelector(".picker"),
  );
})();
