"use strict";

// What several pages share: numbers as Python writes them, and the choice between light and dark.
const shared = (() => {
  const formats = new Map();

  // As arena.report.html.number writes it: halves to the even digit, a real minus sign, and no sign before zero.
  function number(value, digits = 1) {
    if (value === null || value === undefined || !Number.isFinite(value)) return "–";
    if (!formats.has(digits)) {
      formats.set(digits, new Intl.NumberFormat("en-US", {
        minimumFractionDigits: digits, maximumFractionDigits: digits, roundingMode: "halfEven",
      }));
    }
    const text = formats.get(digits).format(value);
    return /[1-9]/.test(text) ? text.replace("-", "−") : text.replace("-", "");
  }

  function theme() {
    const chosen = document.documentElement.dataset.theme;
    return chosen || (window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  }

  // The choice is kept for all pages, where the browser keeps anything for files.
  function setUpTheme() {
    const toggle = document.getElementById("theme");
    const name = () => {
      toggle.textContent = theme() === "dark" ? "Light" : "Dark";
      toggle.setAttribute("aria-label", `show the page ${toggle.textContent.toLowerCase()}`);
    };
    try {
      const kept = localStorage.getItem("arena-theme");
      if (kept === "dark" || kept === "light") document.documentElement.dataset.theme = kept;
    } catch { /* A browser may keep nothing for files. */ }
    toggle.addEventListener("click", () => {
      document.documentElement.dataset.theme = theme() === "dark" ? "light" : "dark";
      try { localStorage.setItem("arena-theme", document.documentElement.dataset.theme); } catch { /* as above */ }
      name();
    });
    name();
  }

  return { number, setUpTheme };
})();
