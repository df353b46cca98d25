// One submission: all its indicators, its scenarios, and the episodes of one of them.
"use strict";

(() => {
  const section = document.getElementById("closer");
  if (section === null || arena.names.length === 0) return;
  const tools = document.getElementById("closer-tools");
  const target = document.getElementById("closer-content");
  const { episodes } = arena.data;
  const chosen = { submission: 0, scenario: null };
  const { cells: groups } = arena.data;
  const MOST = 60;
  const wanted = { cell: "", text: "" };
  const COLUMNS = ["native_score", "mean_profit", "score", "optimality_gap", "immediate_fill_rate", "fill_rate", "service_level", "bullwhip_ratio", "decision_time"]
    .filter((key) => arena.indicatorAt.has(key)).map((key) => arena.indicators[arena.indicatorAt.get(key)]);

  function scenarios() {
    const name = arena.names[chosen.submission];
    if (groups !== null && wanted.cell === "" && wanted.text === "") return cells(name);
    const places = arena.scenarios.map((_, place) => place).filter((place) => groups === null
      || ((wanted.cell === "" || groups.of[place] === Number(wanted.cell)) && arena.scenarios[place].toLowerCase().includes(wanted.text)));
    found.textContent = groups === null || places.length <= MOST ? "" : `${MOST} of ${arena.number(places.length, 0)} scenarios are listed; search for others by name.`;
    const lines = (groups === null ? places : places.slice(0, MOST)).map((place) => {
      const scenario = arena.scenarios[place];
      const row = arena.cell(name, scenario);
      if (row === undefined) return { cells: [{ head: true, text: scenario }, ...[...COLUMNS, 0, 0].map(() => ({ text: "–", value: null }))] };
      const spread = row.profit_interval;
      return { attributes: { class: chosen.scenario === place ? "chosen" : null }, cells: [
        { head: true, node: arena.button(scenario, () => open(place), { class: "link", "aria-pressed": String(chosen.scenario === place) }) },
        ...COLUMNS.map((one) => {
          const value = arena.data.means[chosen.submission][place][arena.indicatorAt.get(one.key)];
          const small = one.key === "mean_profit" && spread ? arena.range(spread.low, spread.high) : null;
          return { text: arena.write(value, one.unit), value, small };
        }),
        { text: arena.number(row.forfeits, 0), class: row.forfeits ? "bad" : "" },
        { text: arena.number(row.episodes, 0) },
      ] };
    });
    const heads = [{ text: "scenario" }, ...[...COLUMNS.map((one) => one.label), "forfeits", "episodes"].map((text) => ({ text, right: true }))];
    return arena.sortable.prepare(arena.table(`Scenarios of ${name}`, heads, lines, { id: "closer-scenarios" }));
  }

  // Means by cell, where scenarios are too many to list; a cell opens its scenarios.
  function cells(name) {
    found.textContent = "";
    const lines = groups.names.map((cell, place) => ({ cells: [
      { head: true, node: arena.button(cell, () => { wanted.cell = String(place); cellChoice.box.value = wanted.cell; draw(); }, { class: "link" }) },
      ...COLUMNS.map((one) => {
        const value = groups.means[chosen.submission][place][arena.indicatorAt.get(one.key)];
        return { text: arena.write(value, one.unit), value };
      }),
      { text: arena.number(groups.of.filter((of) => of === place).length, 0) },
    ] }));
    const heads = [{ text: "cell" }, ...[...COLUMNS.map((one) => one.label), "scenarios"].map((text) => ({ text, right: true }))];
    return arena.sortable.prepare(arena.table(`Cells of ${name}`, heads, lines, { id: "closer-cells" }));
  }

  // A column is a list, or the one value that all its cells have.
  function column(cells, key) {
    const kept = cells[episodes.columns.indexOf(key)];
    return (place) => (Array.isArray(kept) ? kept[place] : kept);
  }

  // Quantiles of the episodes' profits, where the episodes are left out.
  function spread() {
    if (arena.data.spread === null) return "";
    const values = arena.data.spread[chosen.submission][chosen.scenario];
    const heads = ["worst", "5 %", "25 %", "median", "75 %", "95 %", "best"].map((text) => ({ text, right: true, still: true }));
    const caption = `Profit of the episodes of ${arena.names[chosen.submission]} on ${arena.scenarios[chosen.scenario]}`;
    return arena.scroll(caption, arena.table(caption, heads, [values.map((value) => ({ text: arena.number(value), value }))], { id: "closer-spread" }));
  }

  function played() {
    const scenario = arena.scenarios[chosen.scenario];
    if (episodes === null) {
      const why = arena.data.hidden ? "they may tell of demand that is hidden"
        : `${arena.number(arena.data.played, 0)} of them would make this page too large`;
      return [spread(), arena.el("p", { class: "remark" }, `Single episodes of ${scenario} are left out here: ${why}. The file episodes.csv beside this page has a line for each.`)];
    }
    const cells = episodes.cells[chosen.submission][chosen.scenario];
    if (cells === null) return [];
    const at = Object.fromEntries(episodes.columns.map((key) => [key, column(cells, key)]));
    const number = Array.isArray(cells[0]) ? cells[0].length : 1;
    const lines = [...Array(number).keys()].map((place) => {
      const index = at.seed_index(place);
      const address = episodes.replays[`${chosen.submission}/${chosen.scenario}/${index}`];
      const share = (key) => ({ text: arena.write(at[key](place), "share"), value: at[key](place) });
      const plain = (key, unit) => ({ text: arena.write(at[key](place), unit), value: at[key](place) });
      const outcome = at.outcome(place);
      const period = at.failure_period(place);
      return { cells: [
        { head: true, text: String(index), small: episodes.seeds[index] === null ? null : `seed ${episodes.seeds[index]}` },
        plain("profit", "money"), plain("score", "score"), share("immediate_fill_rate"), share("fill_rate"), share("service_level"),
        plain("bullwhip_ratio", "number"), plain("decision_time", "milliseconds"), plain("fallbacks", "count"),
        { text: outcome, class: outcome === "ok" ? "" : "bad", small: period === null ? null : `period ${period}` },
        ...(hasReplays ? [address ? { node: arena.el("a", { href: address }, "replay") } : { text: "–" }] : []),
      ] };
    });
    const labels = ["profit", "score", "immediate fill rate", "fill rate", "service level", "bullwhip", "ms per decision", "fallbacks"];
    const heads = [{ text: "seed index" }, ...labels.map((text) => ({ text, right: true })), { text: "outcome" }, ...(hasReplays ? [{ text: "replay", still: true }] : [])];
    const table = arena.table(`Episodes of ${arena.names[chosen.submission]} on ${scenario}`, heads, lines, { id: "closer-episodes" });
    const command = `arena replay FOLDER ${arena.names[chosen.submission]} ${scenario} SEED`;
    const hint = arena.el("p", { class: "remark" }, arena.el("code", {}, command), " shows an episode of these period by period; ",
      arena.el("code", {}, "arena report FOLDER"), " links to it from here.");
    return [arena.scroll(`Episodes on ${scenario}`, arena.sortable.prepare(table)), hint];
  }

  const hasReplays = episodes !== null && Object.keys(episodes.replays).length > 0;

  function indicators() {
    const values = arena.data.overall[chosen.submission];
    return arena.el("details", { open: !arena.narrow() }, arena.el("summary", {}, "All indicators"), arena.el("dl", { class: "values" }, arena.indicators.flatMap((one, place) =>
      (values[place] === null ? [] : [arena.el("div", {}, arena.el("dt", {}, one.label), arena.el("dd", {}, arena.write(values[place], one.unit)))]))));
  }

  function open(place) {
    chosen.scenario = place;
    if (scenarioChoice !== null) scenarioChoice.box.value = String(place);
    draw();
  }

  function draw() {
    const row = arena.rows[chosen.submission];
    const rank = row.rank === null ? row.kind || "no rank" : `rank ${row.rank.first}${row.rank.last > row.rank.first ? `–${row.rank.last}` : ""}`;
    target.replaceChildren(
      arena.el("h3", { id: "closer-name", tabindex: -1 }, row.submission),
      arena.el("p", { class: "facts" }, [row.controller, row.track, rank, `isolation ${row.isolation}`].map((text) => arena.el("span", {}, text))),
      indicators(),
      arena.scroll(`Scenarios of ${row.submission}`, scenarios()), found,
      ...(chosen.scenario === null ? [] : played()),
    );
  }

  function show(submission) {
    chosen.submission = submission;
    submissionChoice.box.value = String(submission);
    draw();
  }

  const submissionChoice = arena.select("Submission", arena.names.map((name, place) => [String(place), name]), "0", (value) => show(Number(value)));
  const scenarioChoice = groups !== null ? null : arena.select("Scenario", [["", "none"], ...arena.scenarios.map((name, place) => [String(place), name])], "",
    (value) => { chosen.scenario = value === "" ? null : Number(value); draw(); });
  const found = arena.el("p", { class: "remark", role: "status" });
  const cellChoice = groups === null ? null : arena.select("Cell", [["", "all"], ...groups.names.map((name, place) => [String(place), name])], "",
    (value) => { wanted.cell = value; chosen.scenario = null; draw(); });
  const search = arena.el("input", { type: "search", id: "closer-search", oninput: () => { wanted.text = search.value.trim().toLowerCase(); draw(); } });
  const searching = arena.el("span", { class: "field" }, arena.el("label", { for: "closer-search" }, "Scenario"), search);
  tools.append(submissionChoice.field, ...(groups === null ? [scenarioChoice.field] : [cellChoice.field, searching]));
  draw();

  // A name in the standings opens its submission.
  for (const line of document.querySelectorAll("table.standings tr[data-submission]")) {
    const name = line.querySelector("th .name");
    const place = arena.names.indexOf(line.dataset.submission);
    const opener = arena.button(name.textContent, () => {
      show(place);
      section.scrollIntoView();
      document.getElementById("closer-name").focus({ preventScroll: true });
    }, { class: "link" });
    name.replaceChildren(opener);
  }
})();
