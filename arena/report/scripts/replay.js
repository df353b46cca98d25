// The replay of an episode: the period under the slider, shown in the drawing, the tables and the charts.
"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const MOST_ROWS = 100; // of a table at a time; the others are found by the filter
  const MOST_LABELLED = 30; // lines of the drawing that carry their numbers
  const STEP_MILLISECONDS = 300; // of units on their way to where they are one period later, unless playing
  const data = JSON.parse(document.getElementById("data").textContent);
  const last = data.periods - 1;
  const element = (id) => document.getElementById(id);
  const make = (name, text, attributes = {}) => {
    const made = document.createElement(name);
    if (text !== null) made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  const draw = (name, attributes = {}) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };

  // --- numbers: every series is a list with a number per period, or 0 throughout
  const at = (series, period) => (Array.isArray(series) ? series[period] : 0);
  const most = (series) => (Array.isArray(series) ? Math.max(...series) : 0);
  const units = (value) => shared.number(value, 1);
  const money = (value) => shared.number(value, 2);
  const shortly = new Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 3 });
  const brief = (value) => (Math.abs(value) < 0.05 ? "0" : shortly.format(value).replace("-", "−"));
  const sums = new Map();
  const soFar = (run, row) => {
    const key = `${run} ${row}`;
    if (!sums.has(key)) {
      let sum = 0;
      const series = data.runs[run].columns.node_profit[row];
      sums.set(key, Array.from({ length: data.periods }, (_, period) => (sum += at(series, period))));
    }
    return sums.get(key);
  };

  const state = { period: 0, row: 0, filter: "", timer: null, frame: 0 };
  // Profit comes first: on a narrow window the parts of it are what has to be scrolled to.
  const columnsOf = (sort) => {
    const found = data.columns.filter((column) => column.sort === sort);
    const sum = { key: "so_far", label: "profit so far", about: "profit of all periods up to this one" };
    return sort === "money" ? [found[found.length - 1], sum, ...found.slice(0, -1)] : found;
  };

  // Slots of a line with the share of the way that one period takes, and a slot for what is shipped next. Those of a
  // link come oldest first, which is farthest on its way.
  const movesOf = (slots) => {
    const links = [];
    slots.forEach(([share, series], place) => {
      if (place === 0 || share >= slots[place - 1][0]) links.push([]);
      links.at(-1).push({ share, series, enters: false });
    });
    return links.flatMap((link) => {
      const newest = link.at(-1);
      return [...link, { share: 0, series: newest.series, enters: true }].map((one) => ({ ...one, step: newest.share }));
    });
  };

  // --- drawing
  const drawings = [...document.querySelectorAll(".run")].map((section, run) => {
    const svg = section.querySelector(".network");
    const tokens = svg.querySelector(".tokens");
    const labels = svg.querySelector(".labels");
    const told = data.runs[run];
    const busiest = Math.max(1e-9, ...data.runs.flatMap((one) => one.edges.map((edge) => most(edge.in_transit ?? 0))));
    const labelled = data.edges.length <= MOST_LABELLED;
    const edges = data.edges.map((edge, number) => {
      const flow = svg.querySelector(`[data-edge="${number}"]`);
      const length = flow.getTotalLength();
      const place = (share) => flow.getPointAtLength(share * length);
      let carried = null;
      if (labelled && edge.supply) {
        // Away from the middle, where lines cross.
        const { x, y } = place(0.3);
        carried = draw("text", { class: "carried", x, y: y - 5 });
        labels.append(carried);
      }
      const title = draw("title");
      flow.append(title);
      const slots = movesOf(told.edges[number].slots ?? []).map((move) => {
        const token = draw("circle", { class: "token", r: 0 });
        tokens.append(token);
        const put = (share) => {
          const { x, y } = place(Math.min(1, share));
          token.setAttribute("cx", x);
          token.setAttribute("cy", y);
        };
        put(move.share);
        return { token, put, ...move };
      });
      return { flow, carried, title, slots, series: told.edges[number] };
    });
    const vertices = data.vertices.map((vertex, number) => {
      const group = svg.querySelector(`[data-vertex="${number}"]`);
      const full =
        vertex.row === null ? 0 : Math.max(1e-9, ...data.runs.map((one) => most(one.columns.on_hand[vertex.row])));
      if (vertex.row !== null) {
        group.classList.add("managed");
        group.addEventListener("click", () => choose(vertex.row));
      }
      return {
        group,
        full,
        level: group.querySelector(".level"),
        figure: group.querySelector(".figure"),
        asked: group.querySelector(".asked"),
        missing: group.querySelector(".missing"),
        end: told.ends[number],
        row: vertex.row,
      };
    });
    const size = (token, under) => token.setAttribute("r", Math.min(7, 7 * Math.sqrt(under / busiest)));
    // Units on their way, a share of the time after a period: each moves on by one slot until the next period.
    const between = (period, passed) => {
      for (const { token, put, share, step, enters, series } of edges.flatMap((edge) => edge.slots)) {
        size(token, enters ? (passed > 0 ? at(series, period + 1) : 0) : at(series, period));
        put(share + passed * step);
      }
    };
    const rest = (period) => {
      between(period, 0);
      for (const { flow, carried, title, series } of edges) {
        if (series.in_transit === undefined) {
          title.textContent = `${units(at(series.sold, period))} sold`;
          continue;
        }
        const under = at(series.in_transit, period);
        flow.style.strokeWidth = under > 0 ? `${1.5 + (6 * under) / busiest}px` : "0";
        const [order, shipped] = [at(series.requested, period), at(series.filled, period)];
        title.textContent = `${units(under)} on the way, ${units(order)} ordered, ${units(shipped)} shipped`;
        if (carried !== null) carried.textContent = under >= 0.05 ? brief(under) : "";
      }
      for (const { group, full, level, figure, asked, missing, end, row } of vertices) {
        let short = 0;
        if (row !== null) {
          const stock = at(told.columns.on_hand[row], period);
          const height = 42 * Math.min(1, stock / full);
          level.setAttribute("height", height);
          level.setAttribute("y", 21 - height);
          figure.textContent = brief(stock);
          const order = at(told.columns.requested[row], period);
          asked.textContent = order >= 0.05 ? `orders ${brief(order)}` : "";
          short = at(told.columns.owed?.[row] ?? 0, period);
          group.classList.toggle("chosen", row === state.row);
        } else if (end.demand !== undefined) {
          figure.textContent = brief(at(end.demand, period));
          short = at(end.unfilled, period);
        } else {
          figure.textContent = brief(at(end.shipped, period));
        }
        missing.textContent = short >= 0.05 ? `−${brief(short)}` : "";
      }
    };
    return { rest, between };
  });

  // --- tables of nodes
  const shownRows = () => {
    const wanted = state.filter.trim().toLowerCase();
    const found = data.rows.map((_, row) => row).filter((row) => {
      const { label, kind } = data.rows[row];
      return row === 0 || !wanted || label.toLowerCase().includes(wanted) || kind.includes(wanted);
    });
    return { rows: found.slice(0, MOST_ROWS), left: Math.max(0, found.length - MOST_ROWS) };
  };
  const tables = [];
  const remarks = [];
  document.querySelectorAll(".run").forEach((section, run) => {
    for (const table of section.querySelectorAll("table[data-table]")) {
      const sort = table.dataset.table;
      const columns = columnsOf(sort);
      const head = make("tr", null);
      head.append(make("th", sort, { scope: "col" }));
      for (const { label, about } of columns) head.append(make("th", label, { scope: "col", class: "right", title: about }));
      const top = make("thead", null);
      top.append(head);
      const body = make("tbody", null);
      table.append(top, body);
      tables.push({ run, sort, columns, body, cells: [] });
    }
    if (data.rows.length > 20) {
      const tools = section.querySelector("[data-tools]");
      const label = make("label", "nodes with ");
      const field = make("input", null, { type: "search", placeholder: "name or kind" });
      field.value = state.filter;
      field.addEventListener("input", () => {
        state.filter = field.value;
        document.querySelectorAll(".tools input").forEach((one) => {
          if (one !== field) one.value = field.value;
        });
        fill();
        show(state.period);
      });
      label.append(field);
      const remark = make("span", "", { class: "remark" });
      tools.append(label, remark);
      remarks.push(remark);
    }
  });
  const fill = () => {
    const { rows, left } = shownRows();
    for (const remark of remarks) {
      remark.textContent = left ? `${rows.length} rows shown, ${left.toLocaleString("en-US")} more: filter to see them` : "";
    }
    for (const table of tables) {
      table.cells = rows.map((row) => {
        const line = make("tr", null, { "data-row": row });
        const name = make("th", data.rows[row].label, { scope: "row" });
        if (data.rows[row].single) name.append(" ", make("small", data.rows[row].kind));
        line.append(name);
        const cells = table.columns.map(({ key }) => make("td", null, { class: "right", "data-column": key }));
        line.append(...cells);
        return { row, line, cells };
      });
      table.body.replaceChildren(...table.cells.map((one) => one.line));
    }
  };
  const write = (period) => {
    for (const { run, sort, columns, cells } of tables) {
      const format = sort === "units" ? units : money;
      const series = data.runs[run].columns;
      for (const { row, line, cells: written } of cells) {
        line.classList.toggle("chosen", row === state.row && row > 0);
        columns.forEach((column, place) => {
          const values = column.key === "so_far" ? soFar(run, row) : series[column.key][row];
          written[place].textContent = format(at(values, period));
        });
      }
    }
  };

  // --- charts, by Observable Plot
  const charts = element("charts");
  let cursors = [];
  const chart = (title, seriesOf) => {
    const width = Math.max(280, Math.min(520, charts.clientWidth || 420));
    const points = data.runs.map((_, run) => {
      const series = seriesOf(run);
      return Array.from({ length: data.periods }, (_, period) => ({ period, value: at(series, period) }));
    });
    const plot = Plot.plot({
      width,
      height: 150,
      marginLeft: 52,
      marginTop: 10,
      marginBottom: 26,
      style: { background: "none", fontSize: "11px", overflow: "visible" },
      x: { label: null, domain: [0, Math.max(1, last)], ticks: Math.min(8, data.periods), tickFormat: "d" },
      y: { label: null, grid: true, ticks: 4, nice: true, tickFormat: "~s", zero: true },
      marks: points.map((line, run) =>
        Plot.line(line, {
          x: "period",
          y: "value",
          curve: "step",
          stroke: run ? "var(--two)" : "var(--one)",
          strokeDasharray: run ? "5 3" : undefined,
          strokeWidth: 1.8,
        })
      ),
    });
    // Its parts are no elements that may carry a label of their own.
    plot.querySelectorAll("[aria-label]").forEach((part) => part.removeAttribute("aria-label"));
    plot.setAttribute("role", "img");
    plot.setAttribute("aria-label", `${title} by period; the numbers stand in the tables`);
    const scale = plot.scale("x");
    const cursor = draw("line", { class: "cursor", y1: 6, y2: 124 });
    plot.append(cursor);
    plot.addEventListener("click", (event) => {
      const box = plot.getBoundingClientRect();
      move(Math.round(scale.invert(((event.clientX - box.left) * width) / box.width)));
    });
    const figure = make("figure", null);
    figure.append(make("figcaption", title), plot);
    charts.append(figure);
    cursors.push((period) => {
      const x = scale.apply(period);
      cursor.setAttribute("x1", x);
      cursor.setAttribute("x2", x);
    });
  };
  const chartAll = () => {
    charts.replaceChildren();
    cursors = [];
    element("charted").textContent = data.rows[state.row].label;
    chart("profit so far", (run) => soFar(run, state.row));
    for (const key of ["on_hand", "in_transit", "requested", "demand", "unfilled"]) {
      const column = data.columns.find((one) => one.key === key);
      const happened = data.runs.some((run) => Array.isArray(run.columns[key][state.row]));
      if (happened) chart(column.label, (run) => data.runs[run].columns[key][state.row]);
    }
  };

  // --- time
  const slider = element("period");
  const now = element("now");
  // Lets units move to where they are in a period from where they were in the one beside it.
  const glide = (from, to, milliseconds) => {
    const began = performance.now();
    const frame = (time) => {
      const passed = Math.max(0, (time - began) / milliseconds);
      for (const drawing of drawings) {
        if (passed >= 1) drawing.between(to, 0);
        else drawing.between(Math.min(from, to), to > from ? passed : 1 - passed);
      }
      if (passed < 1) state.frame = requestAnimationFrame(frame);
    };
    frame(began);
  };
  const isStill = window.matchMedia("(prefers-reduced-motion: reduce)");
  const show = (period) => {
    const before = state.period;
    cancelAnimationFrame(state.frame);
    state.period = period;
    slider.value = period;
    const warm = period < data.warmUp ? ", warm-up" : "";
    now.textContent = `period ${period} of 0 to ${last}${warm}`;
    slider.setAttribute("aria-valuetext", now.textContent);
    drawings.forEach((drawing) => drawing.rest(period));
    if (Math.abs(period - before) === 1 && !isStill.matches) {
      glide(before, period, state.timer === null ? STEP_MILLISECONDS : Number(element("speed").value));
    }
    write(period);
    cursors.forEach((cursor) => cursor(period));
    document.querySelectorAll(".run").forEach((section, run) => {
      section.querySelector('[data-told="reward"]').textContent = money(at(data.runs[run].columns.node_profit[0], period));
      section.querySelector('[data-told="so-far"]').textContent = money(soFar(run, 0)[period]);
    });
  };
  const move = (period) => show(Math.max(0, Math.min(last, period)));
  const choose = (row) => {
    state.row = row;
    element("row").value = row;
    chartAll();
    show(state.period);
  };
  const play = element("play");
  const stop = () => {
    clearInterval(state.timer);
    state.timer = null;
    play.textContent = "Play";
    play.setAttribute("aria-pressed", "false");
  };
  const start = () => {
    if (state.period === last) show(0);
    state.timer = setInterval(() => {
      if (state.period < last) show(state.period + 1);
      if (state.period === last) stop();
    }, Number(element("speed").value));
    play.textContent = "Pause";
    play.setAttribute("aria-pressed", "true");
  };
  const toggle = () => (state.timer === null ? start() : stop());

  play.addEventListener("click", toggle);
  element("back").addEventListener("click", () => move(state.period - 1));
  element("forward").addEventListener("click", () => move(state.period + 1));
  slider.addEventListener("input", () => move(Number(slider.value)));
  element("speed").addEventListener("change", () => {
    if (state.timer !== null) {
      stop();
      start();
    }
  });
  element("row").addEventListener("change", (event) => choose(Number(event.target.value)));
  document.addEventListener("keydown", (event) => {
    const inField = event.target.closest("input, select, textarea");
    if (event.ctrlKey || event.altKey || event.metaKey || inField) return;
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -data.periods, End: data.periods };
    const inTable = event.target.closest(".scroll");
    if (event.key in steps && !inTable) move(state.period + steps[event.key]);
    else if (event.key === " " && !event.target.closest("button")) toggle();
    else return;
    event.preventDefault();
  });
  // On paper everything stands where it is in the period.
  window.addEventListener("beforeprint", () => {
    cancelAnimationFrame(state.frame);
    drawings.forEach((drawing) => drawing.rest(state.period));
  });
  data.rows.forEach(({ label }, row) => element("row").append(make("option", label, { value: row })));
  document.querySelectorAll(".scripted").forEach((one) => one.classList.remove("scripted"));
  shared.setUpTheme();
  fill();
  chartAll();
  show(0);
})();
