// The charts of a backtest: stock of a chosen node, profit so far, and costs by policy. Tables say the same without it.
"use strict";
(() => {
  shared.setUpTheme();
  document.documentElement.classList.add("scripts");
  const data = JSON.parse(document.getElementById("data").textContent);
  const select = document.getElementById("node");
  const dated = data.labels.every((label) => /^\d{4}-\d{2}-\d{2}$/.test(label));
  const places = data.labels.map((label, place) => (dated ? new Date(label + "T00:00:00Z") : place));
  const names = data.policies.map((policy) => policy.name);
  const color = { domain: names, legend: names.length > 1, scheme: "Observable10" };
  const costs = ["procurement_cost", "holding_cost", "operating_cost", "shortage_penalty", "fixed_ordering_cost"];

  // Points of one series per policy and window; lines break where a window ends.
  function points(values) {
    return data.policies.flatMap((policy) =>
      values(policy).flatMap((row, window) =>
        row.map((value, period) => ({
          policy: policy.name,
          line: policy.name + " " + window,
          x: places[data.windows[window] + period],
          label: data.labels[data.windows[window] + period],
          value,
        })),
      ),
    );
  }

  // Marks of the axis stand where periods begin and bear their names: as many as there is room for.
  function ticks(width) {
    const first = Number(places[0]);
    const scale = (width - 76) / Math.max(1, Number(places.at(-1)) - first);
    const room = dated ? 48 : 16 + 7 * Math.max(...data.labels.map((label) => label.length));
    const chosen = [];
    for (const [place, at] of places.entries()) {
      const last = chosen.at(-1);
      if (last === undefined || (Number(at) - Number(places[last])) * scale >= room) chosen.push(place);
    }
    const names = new Map(
      chosen.map((place, number) => {
        const label = data.labels[place];
        if (!dated) return [place, label];
        const isNewYear = number === 0 || data.labels[chosen[number - 1]].slice(0, 4) !== label.slice(0, 4);
        return [Number(places[place]), label.slice(5) + (isNewYear ? "\n" + label.slice(0, 4) : "")];
      }),
    );
    return { ticks: chosen.map((place) => places[place]), tickFormat: (at) => names.get(Number(at)) };
  }

  function lines(id, values, words) {
    const box = document.getElementById(id);
    const width = Math.max(280, box.clientWidth);
    const shown = points(values);
    const mark = { x: "x", y: "value", z: "line", stroke: "policy" };
    const starts = data.windows.map((place) => places[place]);
    const chart = Plot.plot({
      width,
      height: Math.min(360, Math.max(240, width * 0.36)),
      marginLeft: 56,
      x: { label: dated ? null : "period", type: dated ? "utc" : "linear", ...ticks(width) },
      y: { label: words, grid: true, nice: true },
      color,
      marks: [
        Plot.ruleY([0], { stroke: "currentColor", strokeOpacity: 0.4 }),
        Plot.ruleX(starts, { stroke: "currentColor", strokeOpacity: 0.3, strokeDasharray: "3 3" }),
        Plot.line(shown, { ...mark, strokeWidth: 1.8 }),
        Plot.dot(shown, { ...mark, r: shown.length > 600 ? 0 : 2, fill: "policy" }),
        Plot.tip(shown, Plot.pointer({ x: "x", y: "value", title: (d) => d.policy + "\n" + d.label + ": " + shared.number(d.value) })),
      ],
    });
    show(box, chart, words + " over time, a line per policy; the tables have the numbers");
  }

  // Puts a chart into its place as one picture with one name: the marks inside have no roles to be named by.
  function show(box, chart, words) {
    const picture = chart.tagName.toLowerCase() === "svg" ? chart : chart.querySelector(":scope > svg:last-of-type");
    for (const each of chart.querySelectorAll("[aria-label]")) each.removeAttribute("aria-label");
    picture.setAttribute("role", "img");
    picture.setAttribute("aria-label", words);
    box.replaceChildren(chart);
  }

  function parts() {
    const box = document.getElementById("parts-chart");
    const width = Math.max(280, box.clientWidth);
    const rows = data.policies.flatMap((policy) =>
      costs
        .map((part) => ({ policy: policy.name, part: part.replaceAll("_", " "), money: policy.money[part] }))
        .filter((row) => row.money > 0),
    );
    const longest = Math.max(...names.map((name) => name.length));
    const chart = Plot.plot({
      width,
      height: 60 + 34 * names.length,
      marginLeft: Math.min(width * 0.45, 16 + 7 * longest),
      x: { label: "costs, all windows", grid: true },
      y: { label: null, domain: names },
      color: { legend: true, domain: costs.map((part) => part.replaceAll("_", " ")).filter((part) => rows.some((row) => row.part === part)) },
      marks: [
        Plot.barX(rows, { x: "money", y: "policy", fill: "part", insetTop: 2, insetBottom: 2 }),
        Plot.tip(rows, Plot.pointer(Plot.stackX({
          x: "money", y: "policy", z: "part", title: (d) => d.policy + "\n" + d.part + ": " + shared.number(d.money),
        }))),
        Plot.ruleX([0], { stroke: "currentColor" }),
      ],
    });
    show(box, chart, "costs by policy; the table below has the numbers");
  }

  function cumulated(row) {
    let sum = 0;
    return row.map((value) => Math.round((sum += value) * 1000) / 1000);
  }

  function draw() {
    const place = select.selectedIndex < 0 ? 0 : select.selectedIndex;
    lines("stock-chart", (policy) => policy.stock[place], "units on hand");
    lines("money-chart", (policy) => policy.earned.map(cumulated), "profit so far");
    parts();
  }

  for (const name of data.nodes) {
    const option = document.createElement("option");
    option.textContent = name;
    select.append(option);
  }
  document.getElementById("drawn").hidden = false;
  select.addEventListener("change", draw);
  let waiting = 0;
  window.addEventListener("resize", () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(draw);
  });
  draw();
})();
