// Charts by Observable Plot: score against time, money, service and bullwhip. Their numbers stand in the tables.
"use strict";

(() => {
  const FONT = { background: "transparent", fontFamily: "inherit", fontSize: "12px" };
  const short = (name, longest = arena.narrow() ? 16 : 24) => (name.length > longest ? `${name.slice(0, longest - 1)}…` : name);
  // Room below for the ticks and, under them, the label.
  const ROOM = { marginTop: 24, marginBottom: 44 };
  const value = (place, key) => {
    const at = arena.indicatorAt.get(key);
    return at === undefined ? null : arena.data.overall[place][at];
  };
  const has = (key) => arena.indicatorAt.has(key);

  function margin(width) {
    const longest = Math.max(...arena.names.map((name) => short(name).length));
    return Math.min(width * 0.45, 16 + 7 * longest);
  }

  // Nobody is both better and faster than a member of the frontier.
  function frontier(points) {
    const sorted = [...points].sort((one, other) => one.time - other.time || other.value - one.value);
    let best = -Infinity;
    return sorted.filter((point) => {
      if (point.value <= best) return false;
      best = point.value;
      return true;
    });
  }

  function pareto(target, width) {
    const key = arena.byScore ? "score" : "mean_profit";
    const points = arena.standings.rows
      .map((row) => ({ name: row.submission, track: row.track, value: row[key], time: 1000 * row.decision_time }))
      .filter((point) => point.value !== null && point.time > 0);
    if (points.length < 2) return false;
    const best = frontier(points);
    const label = arena.byScore ? "score" : "mean profit";
    const labelled = points.length <= 12 ? points : width < 500 ? [best[0], best[best.length - 1]] : best;
    const times = points.map((point) => point.time);
    const middle = Math.sqrt(Math.min(...times) * Math.max(...times));
    const named = (some, textAnchor) => (some.length === 0 ? [] : [Plot.text(some, {
      x: "time", y: "value", text: (point) => short(point.name), dx: textAnchor === "start" ? 9 : -9, dy: -9, textAnchor,
      fill: "var(--ink)", stroke: "var(--paper)", strokeWidth: 4, paintOrder: "stroke",
    })]);
    const drawn = Plot.plot({
      width, height: Math.min(420, Math.max(260, width * 0.42)), ...ROOM, marginLeft: 56, marginRight: 24, insetLeft: 8, insetRight: 8, style: FONT,
      x: { type: "log", label: "ms per decision →", grid: true, ticks: width < 500 ? 4 : undefined, tickFormat: (tick) => String(tick) },
      y: { label: `↑ ${label}`, grid: true, nice: true },
      symbol: { legend: true },
      marks: [
        Plot.line(best, { x: "time", y: "value", stroke: "rgb(var(--accent))", curve: "step-after", strokeOpacity: 0.6 }),
        Plot.dot(points, { x: "time", y: "value", symbol: "track", r: 4.5, stroke: "rgb(var(--accent))", strokeWidth: 2,
          fill: (point) => (best.includes(point) ? "rgb(var(--accent))" : "var(--paper)") }),
        ...named(labelled.filter((point) => point.time <= middle), "start"), ...named(labelled.filter((point) => point.time > middle), "end"),
        Plot.tip(points, Plot.pointer({ x: "time", y: "value", fill: "var(--panel)",
          title: (point) => `${point.name}\n${label} ${arena.number(point.value, arena.byScore ? 3 : 1)}\n${arena.number(point.time, 3)} ms per decision` })),
      ],
    });
    drawn.setAttribute("aria-hidden", "true");
    target.replaceChildren(
      arena.el("figcaption", {}, `${arena.byScore ? "Score" : "Mean profit"} against time per decision. Filled: nobody is both better and faster.`), drawn);
    return true;
  }

  function stacked(target, width) {
    const costs = ["procurement_cost", "holding_cost", "operating_cost", "shortage_penalty", "fixed_ordering_cost"].filter(has);
    const label = (key) => arena.indicators[arena.indicatorAt.get(key)].label;
    const parts = arena.names.flatMap((name, place) => costs.map((key) => ({ name, part: label(key), money: value(place, key) })));
    const used = parts.filter((part) => part.money);
    if (used.length === 0) return false;
    const revenue = arena.names.map((name, place) => ({ name, money: value(place, "revenue") })).filter((one) => one.money !== null);
    const drawn = Plot.plot({
      width, height: 70 + 24 * arena.names.length, ...ROOM, marginLeft: margin(width), marginRight: 20, style: FONT,
      x: { label: "money per episode →", grid: true, ticks: width < 500 ? 4 : undefined },
      y: { label: null, domain: arena.names, tickFormat: (name) => short(name) },
      color: { legend: true, domain: costs.map(label), range: [1, 2, 3, 4, 5].map((number) => `var(--part-${number})`) },
      marks: [
        Plot.barX(used, { x: "money", y: "name", fill: "part", insetTop: 2, insetBottom: 2, order: costs.map(label),
          title: (part) => `${part.name}: ${part.part} ${arena.number(part.money)}` }),
        Plot.tickX(revenue, { x: "money", y: "name", stroke: "var(--ink)", strokeWidth: 2,
          title: (one) => `${one.name}: revenue ${arena.number(one.money)}` }),
      ],
    });
    drawn.setAttribute("aria-hidden", "true");
    target.replaceChildren(arena.el("figcaption", {}, "Costs by kind, and revenue as a line. Profit is revenue less costs, and what stock is worth at the end."), drawn);
    return true;
  }

  function dots(target, width, ...parts) {
    const drawn = parts.flatMap(([keys, options]) => dotted(width, keys, options));
    target.replaceChildren(...drawn);
    return drawn.length > 0;
  }

  function dotted(width, keys, { caption, label, percent }) {
    const there = keys.filter(has);
    const name = (key) => arena.indicators[arena.indicatorAt.get(key)].label.replace(/^.* of /, "");
    const points = arena.names.flatMap((submission, place) => there.map((key) => ({ submission, part: name(key), value: value(place, key) })))
      .filter((point) => point.value !== null && (percent || point.value > 0));
    if (points.length === 0) return [];
    const drawn = Plot.plot({
      width, height: 70 + 22 * arena.names.length, ...ROOM, insetLeft: 8, insetRight: 8, marginLeft: margin(width), marginRight: 20, style: FONT,
      x: percent ? { label, grid: true, percent: true } : { label, grid: true, type: "log", tickFormat: (tick) => String(tick), ticks: 5 },
      y: { label: null, domain: arena.names, tickFormat: (name) => short(name), grid: true },
      color: { legend: true, domain: there.map(name), range: [1, 2, 3, 4].map((number) => `var(--part-${number})`) },
      marks: [Plot.dot(points, { x: "value", y: "submission", fill: "part", r: 4,
        title: (point) => `${point.submission}: ${point.part} ${percent ? arena.write(point.value, "share") : arena.number(point.value, 2)}` })],
    });
    drawn.setAttribute("aria-hidden", "true");
    return [arena.el("figcaption", {}, caption), drawn];
  }

  const ECHELONS = ["retailers", "distributors", "factories"];

  const charts = {
    "Revenue and costs": stacked,
    "Service and stock": (target, width) => dots(target, width, [["immediate_fill_rate", "fill_rate", "service_level"],
      { caption: "Service over the whole network", label: "share, % →", percent: true }]),
    "Service by echelon": (target, width) => dots(target, width,
      [ECHELONS.map((one) => `stage_fill_rate_${one}`),
        { caption: "Share of what an echelon is asked for that it delivers at once", label: "fill rate of the own stage, % →", percent: true }],
      [ECHELONS.map((one) => `stage_service_level_${one}`),
        { caption: "Share of periods in which an echelon leaves nothing unfilled", label: "service level of the own stage, % →", percent: true }]),
    "Bullwhip by echelon": (target, width) => dots(target, width, [ECHELONS.map((one) => `stage_bullwhip_${one}`),
      { caption: "Variance of the orders that an echelon places, over that of what it is asked for (logarithmic)", label: "bullwhip of the own stage →" }]),
  };

  // Native score with its interval, and published results as lines.
  function native(target, width) {
    const stated = arena.standings.native;
    const lines = arena.rows.filter((row) => row.native_score !== null && row.native_score !== undefined).map((row) => ({
      name: row.submission, value: row.native_score.value,
      low: row.native_score.interval && row.native_score.interval.low, high: row.native_score.interval && row.native_score.interval.high,
    }));
    if (!stated || lines.length < 2) return false;
    const published = stated.published.filter((one) => one.score !== null);
    const digits = (one) => (Math.abs(one) < 100 ? 3 : 1);
    const drawn = Plot.plot({
      width, height: 90 + 22 * lines.length, ...ROOM, insetLeft: 8, insetRight: 8, marginTop: 30, marginLeft: margin(width), marginRight: 20, style: FONT,
      x: { label: `${stated.better} is better →`, grid: true, ticks: width < 500 ? 4 : undefined, reverse: stated.better === "lower" },
      y: { label: null, domain: lines.map((line) => line.name), tickFormat: (name) => short(name), grid: true },
      marks: [
        Plot.ruleX(published, { x: "score", stroke: "var(--part-2)", strokeDasharray: "4 3", title: (one) => `${one.name}: ${arena.number(one.score, digits(one.score))}` }),
        Plot.text(published.slice(0, 1), { x: "score", frameAnchor: "top", dy: -14, text: (one) => one.name, fill: "var(--ink)" }),
        Plot.ruleY(lines.filter((line) => line.low !== null), { y: "name", x1: "low", x2: "high", stroke: "rgb(var(--accent))", strokeWidth: 2 }),
        Plot.dot(lines, { x: "value", y: "name", fill: "rgb(var(--accent))", r: 4.5,
          title: (line) => `${line.name}: ${arena.number(line.value, digits(line.value))}${line.low === null ? "" : ` (${arena.range(line.low, line.high, digits(line.value))})`}` }),
      ],
    });
    drawn.setAttribute("aria-hidden", "true");
    target.replaceChildren(arena.el("figcaption", {}, "Over all scenarios, with 95 % intervals. Dashed: published results."), drawn);
    return true;
  }

  function fill(target, draw) {
    const width = target.clientWidth;
    if (width === 0 || target.dataset.width === String(width)) return;
    target.dataset.width = String(width);
    target.hidden = !draw(target, width);
  }

  const places = [[document.getElementById("pareto"), pareto], [document.getElementById("native-drawn"), native]];
  for (const target of document.querySelectorAll("figure.chart")) {
    if (charts[target.dataset.group]) places.push([target, charts[target.dataset.group]]);
    else target.remove();
  }
  const all = () => places.forEach(([target, draw]) => { if (target) fill(target, draw); });
  document.querySelectorAll("details.indicators").forEach((one) => one.addEventListener("toggle", all));
  window.addEventListener("resize", all);
  all();
})();
