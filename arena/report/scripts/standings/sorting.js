// Every table with class "sortable": a button in each heading sorts its rows, aria-sort tells how.
"use strict";

arena.sortable = (() => {
  const ORDERS = ["none", "ascending", "descending"];

  function value(cell) {
    if (cell === undefined) return null;
    if (cell.dataset.value !== undefined) return cell.dataset.value === "" ? null : comparable(cell.dataset.value);
    const first = cell.querySelector(".name") || cell.firstChild;
    return comparable(first === null ? "" : first.textContent);
  }

  function comparable(text) {
    const plain = text.trim();
    if (plain === "" || plain === "–") return null;
    const found = /^([-−]?[\d,]*\.?\d+(?:e[-+]?\d+)?)(?:–\d+)?\s*(%|ns|µs|ms|s|min|h)?$/i.exec(plain);
    if (found === null) return plain.toLowerCase();
    const unit = { ns: 1e-9, "µs": 1e-6, ms: 1e-3, min: 60, h: 3600 }[found[2]] || 1;
    return Number(found[1].replace("−", "-").replaceAll(",", "")) * unit;
  }

  function compare(left, right) {
    if (typeof left === "number" && typeof right === "number") return left - right;
    if (typeof left === typeof right) return left.localeCompare(right, "en");
    return typeof left === "number" ? -1 : 1;
  }

  // Rows without a value, and those that sum up the others, stay last in either order.
  function sort(table, place, order) {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    rows.forEach((row, number) => { if (row.dataset.first === undefined) row.dataset.first = number; });
    const direction = order === "descending" ? -1 : 1;
    const keyed = rows.map((row) => ({
      row, first: Number(row.dataset.first), last: row.dataset.last !== undefined,
      value: order === "none" ? null : value(row.cells[place]),
    }));
    keyed.sort((one, other) => {
      if (one.last !== other.last) return one.last ? 1 : -1;
      if ((one.value === null) !== (other.value === null)) return one.value === null ? 1 : -1;
      const by = one.value === null ? 0 : direction * compare(one.value, other.value);
      return by || one.first - other.first;
    });
    body.append(...keyed.map((one) => one.row));
  }

  function press(table, head) {
    const heads = [...table.tHead.rows[0].cells];
    const place = heads.indexOf(head);
    const now = head.getAttribute("aria-sort") || "none";
    const falling = head.classList.contains("right") && place > 0;
    const cycle = falling ? ["none", "descending", "ascending"] : ORDERS;
    const order = cycle[(cycle.indexOf(now) + 1) % cycle.length];
    for (const other of heads) if (other.querySelector("button.sort")) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", order);
    sort(table, place, order);
  }

  function prepareHead(table, head) {
    if (head.dataset.still !== undefined || head.querySelector("button.sort")) return;
    const sorter = arena.el("button", { type: "button", class: "sort" });
    sorter.append(...head.childNodes);
    sorter.addEventListener("click", () => press(table, head));
    head.append(sorter);
    head.setAttribute("aria-sort", "none");
  }

  function prepare(table) {
    if (table.tHead === null) return table;
    for (const head of table.tHead.rows[0].cells) prepareHead(table, head);
    return table;
  }

  document.querySelectorAll("table.sortable").forEach(prepare);
  return { prepare, prepareHead };
})();
