// The map of scenarios and submissions: any indicator, either way round, or one of them alone.
"use strict";

(() => {
  const tools = document.getElementById("heat-tools");
  const target = document.getElementById("heat-drawn");
  const whole = document.getElementById("heat-whole");
  if (arena.names.length === 0 || arena.scenarios.length === 0) return;
  const { word, names: shown, means: means } = arena.parts;
  const SEVERAL = 12;
  const contenders = arena.standings.rows.length;
  const measures = arena.indicators.filter((one) => {
    const place = arena.indicatorAt.get(one.key);
    return means.some((lines) => lines.some((values) => values[place] !== null));
  });
  const many = contenders > SEVERAL && contenders > shown.length;
  const chosen = {
    measure: "mean_profit", across: many, one: arena.narrow() ? "s0" : "",
  };
  const notes = new Map([...whole.querySelectorAll("tbody th")].map((head, place) => [place, head.querySelector("sup")]));

  // Shades of a scenario compare its contenders; a cell of an oracle has none.
  function shades(place, indicator) {
    const values = means.slice(0, contenders).map((lines) => lines[place][indicator.at]).filter((one) => one !== null);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const falling = indicator.better < 0;
    return (value) => ({
      level: value === null || !(high > low) ? 0 : (falling ? high - value : value - low) / (high - low),
      best: value !== null && indicator.better !== 0 && value === (falling ? low : high),
    });
  }

  function cell(submission, place, indicator, shade, short) {
    const value = means[submission][place][indicator.at];
    const { level, best } = submission < contenders ? shade(value) : { level: 0, best: false };
    const row = arena.cell(arena.names[submission], shown[place]);
    const profit = indicator.key === "mean_profit";
    const title = `${arena.names[submission]} on ${shown[place]}: ${indicator.label} ${arena.write(value, indicator.unit)}`
      + (row === undefined ? "" : `, ${row.episodes} episodes, ${row.forfeits} forfeited`)
      + (profit && row && row.profit_interval ? `, 95 % interval ${arena.range(row.profit_interval.low, row.profit_interval.high)}` : "");
    const text = short && indicator.unit === "money" && Math.abs(value) >= 100 ? arena.number(value, 0) : arena.write(value, indicator.unit);
    const made = arena.el("td", {
      class: best ? "right best" : "right", title, "data-value": value === null ? "" : value,
      style: { "--level": level.toFixed(3) },
    }, text);
    if (profit && row && row.mean_bound !== null) made.append(arena.el("small", {}, `bound ${arena.number(row.mean_bound)}`));
    if (profit && row && row.forfeits) {
      const lost = arena.number(row.forfeits, 0);
      made.append(short ? arena.el("sup", { class: "bad" }, lost, arena.el("span", { class: "unseen" }, " forfeited"))
        : arena.el("small", { class: "bad" }, `${lost} forfeited`));
    }
    return made;
  }

  const scenarioHead = (place, scope) => arena.el("th", { scope, class: scope === "col" ? "name" : null, title: shown[place] },
    scope === "col" ? arena.el("span", {}, shown[place]) : shown[place],
    notes.get(place) ? notes.get(place).cloneNode(true) : null);
  const submissionHead = (place, scope) => arena.el("th", { scope, class: scope === "col" ? "name" : null, title: arena.names[place] },
    scope === "col" ? arena.el("span", {}, arena.names[place]) : arena.names[place]);

  function draw() {
    const indicator = { ...arena.indicators[arena.indicatorAt.get(chosen.measure)], at: arena.indicatorAt.get(chosen.measure) };
    let submissions = arena.names.map((_, place) => place);
    let scenarios = shown.map((_, place) => place);
    let across = chosen.across;
    if (chosen.one !== "") {
      const place = Number(chosen.one.slice(1));
      if (chosen.one[0] === "s") [submissions, across] = [[place], false];
      else [scenarios, across] = [[place], true];
    }
    const shade = shown.map((_, place) => shades(place, indicator));
    const [lines, columns] = across ? [submissions, scenarios] : [scenarios, submissions];
    const short = columns.length > SEVERAL;
    const [lineHead, columnHead] = across ? [submissionHead, scenarioHead] : [scenarioHead, submissionHead];
    const table = arena.el("table", { class: `heat sortable${short ? " dense" : ""}` },
      arena.el("caption", { class: "unseen" }, `${indicator.label} by ${word} and submission`),
      arena.el("thead", {}, arena.el("tr", {}, arena.el("th", { scope: "col" }, across ? "submission" : word),
        columns.map((place) => columnHead(place, "col")))),
      arena.el("tbody", {}, lines.map((line) => arena.el("tr", {}, lineHead(line, "row"), columns.map((column) => {
        const [submission, scenario] = across ? [line, column] : [column, line];
        return cell(submission, scenario, indicator, shade[scenario], short);
      })))));
    if (columns.length === 1) table.querySelectorAll("thead th.name").forEach((head) => { head.className = "right wrap"; });
    const lost = short && indicator.key === "mean_profit" && arena.byScenario.some((row) => row.forfeits);
    target.replaceChildren(arena.scroll(`${indicator.label} by ${word} and submission`, arena.sortable.prepare(table)),
      lost ? arena.el("p", { class: "remark" }, "Raised numbers count forfeited episodes.") : "");
  }

  const groups = arena.data.groups.map((group) => [group, measures.filter((one) => one.group === group).map((one) => [one.key, one.label])]);
  const ones = [
    ["", "all"],
    ["One submission", arena.names.map((name, place) => [`s${place}`, name])],
    [`One ${word}`, shown.map((name, place) => [`c${place}`, name])],
  ];
  tools.append(
    arena.select("Indicator", groups.filter(([, members]) => members.length), chosen.measure, (value) => { chosen.measure = value; draw(); }).field,
    arena.select("Show", ones, chosen.one, (value) => { chosen.one = value; draw(); }).field,
    arena.select("Columns", [["", "submissions"], ["across", `${word}s`]], chosen.across ? "across" : "", (value) => {
      chosen.across = value !== "";
      draw();
    }).field,
  );
  whole.classList.add("replaced");
  draw();
})();
