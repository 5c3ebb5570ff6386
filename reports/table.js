// Filter and sort for long tables. The page is complete without it; nothing here fetches, stores or writes markup.
"use strict";
(() => {
  const text = (node) => node.textContent.trim();
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const severities = ["critical", "high", "medium", "low", "info"];
  const key = (row, column) => {
    const cell = row.cells[column];
    const value = cell ? text(cell) : "";
    const rank = severities.indexOf(value);
    return rank < 0 ? value.replace(/(\d),(?=\d{3})/g, "$1") : String(rank);
  };

  for (const table of document.querySelectorAll(".table")) {
    const bodies = [...table.querySelectorAll("tbody")];
    const rows = bodies.flatMap((body) => [...body.rows]);
    if (rows.length < 25) continue;
    const sizes = bodies.map((body) => body.rows.length);

    const tools = document.createElement("div");
    tools.className = "tools";
    const label = document.createElement("label");
    const input = document.createElement("input");
    const count = document.createElement("span");
    input.type = "search";
    input.autocomplete = "off";
    label.append("Filter ", input);
    count.setAttribute("role", "status");
    tools.append(label, count);
    table.prepend(tools);

    let words = null;
    const filter = () => {
      words ??= new Map(rows.map((row) => [row, text(row).toLowerCase()]));
      const wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        const fits = wanted.every((word) => words.get(row).includes(word));
        row.hidden = !fits;
        shown += fits;
      }
      for (const body of bodies) body.closest(".block").hidden = [...body.rows].every((row) => row.hidden);
      count.textContent = wanted.length ? `${shown} of ${rows.length}` : "";
    };
    input.addEventListener("input", filter);

    const heads = [...table.querySelectorAll("thead tr")].map((head) => [...head.cells]);
    const sort = (column, descending) => {
      const keys = new Map(rows.map((row) => [row, key(row, column)]));
      rows.sort((a, b) => (descending ? -1 : 1) * collator.compare(keys.get(a), keys.get(b)));
      let next = 0;
      bodies.forEach((body, place) => body.append(...rows.slice(next, (next += sizes[place]))));
      for (const head of heads) head.forEach((cell, place) => {
        if (place === column) cell.setAttribute("aria-sort", descending ? "descending" : "ascending");
        else cell.removeAttribute("aria-sort");
      });
      if (input.value) filter();
    };
    for (const head of heads) head.forEach((cell, column) => {
      // Not a button element: Chromium leaves those out of the header that it repeats on every printed page.
      const button = document.createElement("span");
      button.className = "sorter";
      button.tabIndex = 0;
      button.setAttribute("role", "button");
      button.append(...cell.childNodes);
      const act = () => sort(column, cell.getAttribute("aria-sort") === "ascending");
      button.addEventListener("click", act);
      button.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        act();
      });
      cell.append(button);
    });
  }

  // Browsers that cannot open folded parts by style alone still print them.
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
})();
