// The table of standings: search, filters by track and kind, and further columns from all indicators.
"use strict";

(() => {
  const tools = document.getElementById("standings-tools");
  const tables = ["table-standings", "table-reference"].map((id) => document.getElementById(id)).filter(Boolean);
  if (tools === null || tables.length === 0) return;
  const found = document.getElementById("standings-found");
  const kinds = new Map(arena.rows.map((row) => [row.submission, row]));
  const wanted = { text: "", track: "", kind: "" };

  // Kinds: code of the submission's own, or a controller of a plugin.
  const kindOf = (row) => (row.controller.includes(":") ? "own code" : "plugin");

  function matches(row) {
    const words = `${row.submission} ${row.controller} ${row.track}`.toLowerCase();
    return words.includes(wanted.text) && (wanted.track === "" || row.track === wanted.track)
      && (wanted.kind === "" || kindOf(row) === wanted.kind);
  }

  function apply() {
    let shown = 0;
    for (const table of tables) {
      for (const line of table.tBodies[0].rows) {
        const row = kinds.get(line.dataset.submission);
        line.hidden = row !== undefined && !matches(row);
        shown += line.hidden ? 0 : 1;
      }
    }
    const all = wanted.text === "" && wanted.track === "" && wanted.kind === "";
    found.textContent = all ? "" : `${shown} of ${arena.rows.length} submissions`;
    document.dispatchEvent(new CustomEvent("filtered"));
  }

  const options = (values) => [["", "all"], ...[...new Set(values)].sort().map((one) => [one, one])];
  const search = arena.el("input", {
    type: "search", id: "standings-search", autocomplete: "off", placeholder: "name, controller or track",
    oninput: () => { wanted.text = search.value.trim().toLowerCase(); apply(); },
  });
  tools.append(
    arena.el("span", { class: "field" }, arena.el("label", { for: "standings-search" }, "Search"), search),
    arena.select("Track", options(arena.rows.map((row) => row.track)), "", (value) => { wanted.track = value; apply(); }).field,
    arena.select("Kind", options(arena.rows.map(kindOf)), "", (value) => { wanted.kind = value; apply(); }).field,
    picker(),
  );

  function picker() {
    const there = new Set(tables.flatMap((table) => [...table.tHead.rows[0].cells].map((head) => head.dataset.key)));
    const boxes = arena.data.groups.map((group) => {
      const members = arena.indicators.filter((one) => one.group === group);
      if (members.length === 0) return null;
      return arena.el("fieldset", {}, arena.el("legend", {}, group), members.map((one) => arena.el("label", {},
        arena.el("input", {
          type: "checkbox", value: one.key, checked: there.has(one.key),
          onchange: (event) => (event.target.checked ? show(one) : hide(one.key)),
        }), one.label)));
    });
    return arena.el("details", { class: "picker" }, arena.el("summary", {}, "Columns"), arena.el("div", { class: "choices" }, boxes));
  }

  function show(indicator) {
    const place = arena.indicatorAt.get(indicator.key);
    for (const table of tables) {
      const here = [...table.tHead.rows[0].cells].findIndex((head) => head.dataset.key === indicator.key);
      if (here >= 0) {
        setHidden(table, here, false);
        continue;
      }
      const head = arena.el("th", { scope: "col", class: "right wrap", "data-key": indicator.key }, indicator.label);
      table.tHead.rows[0].append(head);
      arena.sortable.prepareHead(table, head);
      for (const line of table.tBodies[0].rows) {
        const value = arena.data.overall[arena.names.indexOf(line.dataset.submission)][place];
        line.append(arena.el("td", { class: "right", "data-value": value === null ? "" : value }, arena.write(value, indicator.unit)));
      }
    }
  }

  function hide(key) {
    for (const table of tables) {
      const here = [...table.tHead.rows[0].cells].findIndex((head) => head.dataset.key === key);
      if (here >= 0) setHidden(table, here, true);
    }
  }

  function setHidden(table, place, hidden) {
    for (const row of [table.tHead.rows[0], ...table.tBodies[0].rows]) row.cells[place].hidden = hidden;
  }
})();
