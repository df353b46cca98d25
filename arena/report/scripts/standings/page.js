// The data of the page, and helpers that all its scripts use. Text reaches the page as text only.
"use strict";

const arena = (() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const standings = data.standings;
  const rows = [...standings.rows, ...standings.reference];
  const byScenario = data.byScenario.rows.map((cells) =>
    Object.fromEntries(data.byScenario.columns.map((name, place) => [name, cells[place]])));
  // Where scenarios are many, names are places, and of the indicators those are there that are listed by scenario.
  if (data.cells !== null) {
    for (const row of byScenario) {
      row.submission = data.submissions[row.submission];
      row.scenario = standings.scenarios[row.scenario];
    }
    const nothing = Array(data.indicators.length).fill(null);
    data.means = data.means.map((lines) => lines.map((values) => {
      const whole = nothing.slice();
      data.meansOf.forEach((indicator, place) => { whole[indicator] = values[place]; });
      return whole;
    }));
  }
  const cells = new Map(byScenario.map((row) => [`${row.submission}\n${row.scenario}`, row]));
  const indicators = data.indicators;
  const indicatorAt = new Map(indicators.map((one, place) => [one.key, place]));

  const DIGITS = { money: 1, score: 3, share: 1, number: 2, count: 0, seconds: 1, milliseconds: 2 };
  const SCALE = { share: 100, milliseconds: 1000 };
  const { number } = shared;

  function write(value, unit) {
    if (value === null || value === undefined) return "–";
    const text = number(value * (SCALE[unit] || 1), DIGITS[unit]);
    return unit === "share" ? `${text} %` : text;
  }

  function range(low, high, digits = 1) {
    return low === null || low === undefined ? "" : `${number(low, digits)} … ${number(high, digits)}`;
  }

  // An element with attributes and children; strings become text.
  function el(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value === false || value === null || value === undefined) continue;
      if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
      else if (key === "style") for (const [property, setting] of Object.entries(value)) made.style.setProperty(property, setting);
      else made.setAttribute(key, value === true ? "" : String(value));
    }
    made.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return made;
  }

  const SVG = "http://www.w3.org/2000/svg";
  function svg(name, attributes = {}, ...children) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
    made.append(...children);
    return made;
  }

  // A labelled select. `options` are [value, text], or [heading, options] for a group.
  let labelled = 0;
  function select(label, options, chosen, onchange) {
    const id = `choice-${labelled++}`;
    const option = ([value, text]) => el("option", { value, selected: value === chosen }, text);
    const box = el("select", { id, onchange: () => onchange(box.value) }, options.map((one) =>
      Array.isArray(one[1]) ? el("optgroup", { label: one[0] }, one[1].map(option)) : option(one)));
    return { box, field: el("span", { class: "field" }, el("label", { for: id }, label), box) };
  }

  function button(text, onclick, attributes = {}) {
    return el("button", { type: "button", onclick, ...attributes }, text);
  }

  // A table from heads {text, right, still} and rows of cells {text, small, value, head, node, class}.
  function table(caption, heads, lines, attributes = {}) {
    return el("table", { class: "sortable", ...attributes },
      el("caption", {}, caption),
      el("thead", {}, el("tr", {}, heads.map((head) =>
        el("th", { scope: "col", class: head.right ? "right wrap" : null, "data-still": head.still }, head.text)))),
      el("tbody", {}, lines.map((line) => el("tr", line.attributes || {}, (line.cells || line).map((cell, place) =>
        el(cell.head ? "th" : "td", {
          scope: cell.head ? "row" : null, title: cell.title, style: cell.style,
          class: [heads[place].right ? "right" : "", cell.class || ""].join(" ").trim() || null,
          "data-value": cell.value === undefined ? null : cell.value === null ? "" : cell.value,
        }, cell.node || cell.text, cell.small ? el("small", {}, cell.small) : null))))));
  }

  function scroll(label, ...content) {
    return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label }, ...content);
  }

  // Nothing that is folded away is lost on paper.
  const unfolded = [];
  window.addEventListener("beforeprint", () => {
    for (const one of document.querySelectorAll("section > details:not([open])")) {
      one.open = true;
      unfolded.push(one);
    }
  });
  window.addEventListener("afterprint", () => unfolded.splice(0).forEach((one) => { one.open = false; }));

  document.documentElement.classList.add("scripts");
  shared.setUpTheme();

  // What tables by scenario list: cells of a suite with many scenarios, else scenarios.
  const parts = data.cells === null ? { word: "scenario", names: standings.scenarios, means: data.means }
    : { word: "cell", names: data.cells.names, means: data.cells.means };

  return {
    parts, data, standings, rows, byScenario, indicators, indicatorAt,
    names: data.submissions,
    scenarios: standings.scenarios,
    byScore: standings.ranked_by === "score",
    cell: (submission, scenario) => cells.get(`${submission}\n${scenario}`),
    number, write, range, el, svg, select, button, table, scroll,
    narrow: () => window.matchMedia("(max-width: 40rem)").matches,
  };
})();
