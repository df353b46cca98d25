// Two submissions of the reader's choice, compared seed by seed.
"use strict";

(() => {
  const section = document.getElementById("compare");
  if (section === null) return;
  const pairs = arena.data.pairs;
  const tools = document.getElementById("compare-tools");
  const target = document.getElementById("compare-content");
  if (pairs === null) {
    target.append(arena.el("p", { class: "remark" },
      "This page compares pairs where between 2 and 60 submissions have played every episode; arena compare DIR FIRST SECOND compares any two."));
    return;
  }
  const members = pairs.members;
  const chosen = { first: 0, second: 1, measure: pairs.score && arena.byScore ? "score" : "profit" };
  const unit = arena.standings.unit === "scenario" ? "scenario" : "seed";
  const units = unit === "scenario" ? arena.scenarios.length : arena.standings.seeds;

  // Ends of the interval of the first less the second; intervals are stored for the upper triangle only.
  function interval(measure, column) {
    const [one, other] = [Math.min(chosen.first, chosen.second), Math.max(chosen.first, chosen.second)];
    const place = one * members.length - (one * (one + 1)) / 2 + (other - one - 1);
    const { unit } = pairs[measure];
    if (pairs[measure].low[place][column] === null) return null;
    const [low, high] = [unit * pairs[measure].low[place][column], unit * pairs[measure].high[place][column]];
    return chosen.first < chosen.second ? [low, high] : [-high, -low];
  }

  const name = (member) => arena.names[members[member]];
  const field = { profit: "mean_profit", score: "score" };

  function value(member, measure, column) {
    const key = field[measure];
    if (column === 0) return arena.rows[members[member]][key];
    if (arena.data.cells !== null) return arena.data.cells.means[members[member]][column - 1][arena.indicatorAt.get(key)];
    const row = arena.cell(name(member), arena.scenarios[column - 1]);
    return row === undefined ? null : row[key];
  }

  function difference(measure, column) {
    const [one, other] = [value(chosen.first, measure, column), value(chosen.second, measure, column)];
    return one === null || other === null ? null : one - other;
  }

  function verdict(measure) {
    const by = difference(measure, 0);
    const ends = interval(measure, 0);
    const amount = `${arena.number(Math.abs(by), measure === "score" ? 4 : 1)} of ${measure}`;
    if (ends === null && units > 1 && arena.standings.stopping === null) {
      if (Math.abs(by) < 1e-9) return `${name(chosen.first)} and ${name(chosen.second)} are equal on every ${unit}.`;
      return `${name(chosen.first)} is ${by > 0 ? "better" : "worse"} than ${name(chosen.second)} by ${amount}, the same on every ${unit}.`;
    }
    if (ends === null || (ends[0] <= 0 && ends[1] >= 0)) {
      return `${name(chosen.first)} and ${name(chosen.second)} cannot be told apart on ${arena.number(units, 0)} ${unit}${units === 1 ? "" : "s"}.`;
    }
    return `${name(chosen.first)} is ${by > 0 ? "better" : "worse"} than ${name(chosen.second)} by ${amount}.`;
  }

  function chart(measure, digits) {
    const lines = arena.parts.names.map((scenario, place) => {
      const ends = interval(measure, place + 1);
      return { scenario, value: difference(measure, place + 1), low: ends && ends[0], high: ends && ends[1] };
    }).filter((line) => line.value !== null);
    const width = target.clientWidth;
    if (lines.length === 0 || width === 0) return null;
    const longest = Math.max(...lines.map((line) => line.scenario.length));
    const cut = width < 500 ? 20 : 44;
    const drawn = Plot.plot({
      width, height: 70 + 22 * lines.length, marginTop: 24, marginBottom: 44, insetLeft: 8, insetRight: 8, marginLeft: Math.min(width * 0.42, 12 + 6.4 * Math.min(longest, cut)), marginRight: 20,
      style: { background: "transparent", fontFamily: "inherit", fontSize: "12px" },
      x: { label: `difference of ${measure} →`, grid: true, ticks: width < 500 ? 4 : undefined },
      y: { label: null, domain: lines.map((line) => line.scenario), tickFormat: (one) => (one.length > cut ? `${one.slice(0, cut - 1)}…` : one) },
      marks: [
        Plot.ruleX([0], { stroke: "var(--faint)" }),
        Plot.ruleY(lines.filter((line) => line.low !== null), { y: "scenario", x1: "low", x2: "high", stroke: "rgb(var(--accent))", strokeWidth: 2 }),
        Plot.dot(lines, { x: "value", y: "scenario", fill: "rgb(var(--accent))", r: 4.5,
          title: (line) => `${line.scenario}: ${arena.number(line.value, digits)} ${line.low === null ? "" : `(${arena.range(line.low, line.high, digits)})`}` }),
      ],
    });
    drawn.setAttribute("aria-hidden", "true");
    return arena.el("figure", {}, drawn);
  }

  function draw() {
    if (chosen.first === chosen.second) {
      target.replaceChildren(arena.el("p", {}, "Choose two submissions."));
      return;
    }
    const { measure } = chosen;
    const digits = measure === "score" ? 4 : 1;
    const line = (heading, column, attributes) => {
      const ends = interval(measure, column);
      const by = difference(measure, column);
      return { attributes, cells: [
        { head: true, text: heading },
        { text: arena.number(value(chosen.first, measure, column), digits), value: value(chosen.first, measure, column) },
        { text: arena.number(value(chosen.second, measure, column), digits), value: value(chosen.second, measure, column) },
        { text: arena.number(by, digits), value: by },
        { text: ends === null ? "–" : arena.range(ends[0], ends[1], digits), value: ends === null ? null : ends[0] },
      ] };
    };
    const lines = [...arena.parts.names.map((scenario, place) => line(scenario, place + 1, {})), line("all scenarios", 0, { "data-last": true })];
    const table = arena.table(`${name(chosen.first)} less ${name(chosen.second)}`, [
      { text: arena.parts.word }, { text: name(chosen.first), right: true }, { text: name(chosen.second), right: true },
      { text: "difference", right: true }, { text: "95 % interval", right: true },
    ], lines, { id: "compare-table" });
    target.replaceChildren(
      arena.el("p", { class: "verdict" }, verdict(measure)), chart(measure, digits) || "",
      arena.scroll(`Differences by ${arena.parts.word}`, arena.sortable.prepare(table)),
      arena.el("p", { class: "remark" }, "Intervals hold at 95 % for each comparison alone. Who looks at many pairs finds some apart by chance: the ranks above allow for that."),
    );
  }

  const options = members.map((_, place) => [String(place), name(place)]);
  const choose = (which) => (picked) => { chosen[which] = Number(picked); draw(); };
  tools.append(arena.select("First", options, "0", choose("first")).field, arena.select("Second", options, "1", choose("second")).field);
  if (pairs.score) {
    tools.append(arena.select("Measure", [["profit", "mean profit"], ["score", "score"]], chosen.measure, (picked) => { chosen.measure = picked; draw(); }).field);
  }
  draw();
})();
