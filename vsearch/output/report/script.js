"use strict";
// A table is sorted by a column when its heading is pressed: figures from the highest, names from
// the first; pressed again, the other way round.
function sort(heading) {
  const table = heading.closest("table");
  const body = table.tBodies[0];
  const column = heading.cellIndex;
  const figures = heading.classList.contains("figures");
  const before = heading.getAttribute("aria-sort");
  const up = before ? before === "descending" : !figures;
  const compare = figures
    ? (a, b) => Number(a.cells[column].dataset.value) - Number(b.cells[column].dataset.value)
    : (a, b) => a.cells[column].textContent.localeCompare(b.cells[column].textContent, undefined, { numeric: true });
  const rows = Array.from(body.rows).sort(up ? compare : (a, b) => compare(b, a));
  body.append(...rows);
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", up ? "ascending" : "descending");
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("thead button");
  if (button) sort(button.closest("th"));
});
// What is folded away would be missing on paper.
window.addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details:not([open])")) folded.open = true;
});
