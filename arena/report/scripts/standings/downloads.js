// Files made in the page from its data: standings.json, and tables as CSV.
"use strict";

(() => {
  const tools = document.getElementById("standings-tools");
  if (tools === null) return;

  function save(name, type, text) {
    const address = URL.createObjectURL(new Blob([text], { type }));
    const link = arena.el("a", { href: address, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  }

  // No spreadsheet takes a text for a formula: as in the tables that the arena writes.
  function safe(text) {
    const guarded = /^ *[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    const plain = guarded.replace(/\p{C}/gu, " ");
    return /[",\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
  }

  const written = (value) => (value === null || value === undefined ? "" : typeof value === "number" ? String(value) : safe(String(value)));
  const csv = (heads, lines) => `${[heads, ...lines].map((line) => line.map(written).join(",")).join("\n")}\n`;
  const stem = arena.standings.suite.replace(/[^\w.-]+/g, "-");
  const about = ["submission", "controller", "track", "isolation"];

  function standings() {
    const heads = [...about, "rank_first", "rank_last", ...arena.indicators.map((one) => one.key)];
    const lines = arena.rows.map((row, place) => [
      ...about.map((key) => row[key]), row.rank && row.rank.first, row.rank && row.rank.last, ...arena.data.overall[place]]);
    save(`${stem}-standings.csv`, "text/csv", csv(heads, lines));
  }

  function scenarios() {
    const there = arena.indicators.map((_, place) => place).filter((place) => arena.data.meansOf === null || arena.data.meansOf.includes(place));
    const shown = there.map((place) => arena.indicators[place].key);
    const lines = arena.rows.flatMap((row, place) => arena.scenarios.map((scenario, number) =>
      [row.submission, scenario, ...there.map((one) => arena.data.means[place][number][one])]));
    save(`${stem}-scenarios.csv`, "text/csv", csv(["submission", "scenario", ...shown], lines));
  }

  function episodes() {
    const { columns, cells } = arena.data.episodes;
    const lines = [];
    arena.rows.forEach((row, submission) => arena.scenarios.forEach((scenario, place) => {
      const kept = cells[submission][place];
      if (kept === null) return;
      const number = Array.isArray(kept[0]) ? kept[0].length : 1;
      for (let index = 0; index < number; index++) {
        lines.push([row.submission, scenario, ...kept.map((column) => (Array.isArray(column) ? column[index] : column))]);
      }
    }));
    save(`${stem}-episodes.csv`, "text/csv", csv(["submission", "scenario", ...columns], lines));
  }

  function json() {
    const { suite, ...rest } = arena.standings;
    save("standings.json", "application/json", `${JSON.stringify({ suite, ...rest, by_scenario: arena.byScenario }, null, 2)}\n`);
  }

  function cells() {
    const { names, means } = arena.data.cells;
    const lines = arena.rows.flatMap((row, place) => names.map((name, number) => [row.submission, name, ...means[place][number]]));
    save(`${stem}-cells.csv`, "text/csv", csv(["submission", "cell", ...arena.indicators.map((one) => one.key)], lines));
  }

  tools.append(arena.el("details", { class: "picker" }, arena.el("summary", {}, "Download"), arena.el("div", { class: "choices list" },
    arena.data.cells === null ? arena.button("standings.json", json) : null,
    arena.button("standings (CSV)", standings),
    arena.data.cells === null ? null : arena.button("cells (CSV)", cells),
    arena.button("scenarios (CSV)", scenarios),
    arena.data.episodes === null ? null : arena.button("episodes (CSV)", episodes),
  )));
})();
