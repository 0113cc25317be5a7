"use strict";
const tiles = Array.from(document.querySelectorAll("#matches > li"));
const filter = document.getElementById("filter");
const keys = document.getElementById("keys");
const count = document.getElementById("count");
const none = document.getElementById("none");
const all = count.textContent;
const folded = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
const names = tiles.map((tile) => folded(tile.dataset.name));
let digits = "";
let digitsAt = 0;

function shown() {
  return tiles.filter((tile) => !tile.hidden);
}

function narrow() {
  const wanted = folded(filter.value);
  tiles.forEach((tile, place) => { tile.hidden = !names[place].includes(wanted); });
  const left = shown().length;
  none.hidden = left > 0;
  count.textContent = wanted ? `${left} of ${all}` : all;
}

function go(tile) {
  if (tile) tile.querySelector("a").focus();
}

function perRow(list) {
  const top = list[0].offsetTop;
  const next = list.findIndex((tile) => tile.offsetTop !== top);
  return next < 0 ? list.length : next;
}

function move(key) {
  const list = shown();
  if (!list.length) return;
  const here = list.indexOf(document.activeElement.closest("li"));
  if (key === "Home" || here < 0) return go(list[0]);
  if (key === "End") return go(list[list.length - 1]);
  const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -perRow(list), ArrowDown: perRow(list) }[key];
  go(list[here + by]);
}

function toRank(digit) {
  const now = Date.now();
  digits = (now - digitsAt < 900 ? digits : "") + digit;
  digitsAt = now;
  go(shown().find((tile) => tile.dataset.rank === digits));
}

filter.addEventListener("input", narrow);
document.getElementById("help").addEventListener("click", () => keys.showModal());
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || keys.open) return;
  if (document.activeElement === filter) {
    if (event.key === "Escape") { filter.value = ""; narrow(); filter.blur(); }
    if (event.key === "Enter" || event.key === "ArrowDown") { event.preventDefault(); go(shown()[0]); }
    return;
  }
  if (event.key === "/") { event.preventDefault(); filter.focus(); filter.select(); }
  else if (event.key === "?") { event.preventDefault(); keys.showModal(); }
  else if (event.key === "Escape") { filter.value = ""; narrow(); }
  else if (/^(Arrow(Left|Right|Up|Down)|Home|End)$/.test(event.key)) { event.preventDefault(); move(event.key); }
  else if (/^[0-9]$/.test(event.key)) toRank(event.key);
});
