"use strict";
(() => {
  const source = document.getElementById("points");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const X = 0, Y = 1, LABEL = 2, SPLIT = 3, WIDTH = 4, HEIGHT = 5, NAME = 6, LINK = 7;
  const points = data.points;
  const canvas = document.getElementById("canvas");
  const pen = canvas.getContext("2d");
  const hover = document.getElementById("hover");
  const chosen = document.getElementById("chosen");
  const by = document.getElementById("by");
  const legend = document.querySelector("#legend ul");
  const COLORS = 6, SHAPES = 3;  // what has a higher place is grey: no eye tells more apart
  const RADIUS = 4, NEAR = 14, MOST_PICTURES = 60, CLOSEST = 60;
  const sheets = [];
  const stamps = new Map();
  let field = data.labels.length || !data.splits.length ? LABEL : SPLIT;
  let hidden = new Set();
  let scale = 1, left = 0, top = 0;  // pixels a unit of the map has; where its centre is
  let pointed = -1, kept = -1, wide = 1, high = 1, colors = [], kinds = [], pictured = false, waiting = false;

  const names = () => (field === LABEL ? data.labels : data.splits);
  const seen = (point) => !hidden.has(point[field]);
  const at = (point) => [left + point[X] * scale, top - point[Y] * scale];

  function look() {
    stamps.clear();
    const style = getComputedStyle(document.documentElement);
    colors = Array.from({ length: COLORS }, (_, place) => style.getPropertyValue(`--series-${place}`));
    colors.grey = style.getPropertyValue("--grey");
    colors.text = style.getPropertyValue("--text");
    colors.page = style.getPropertyValue("--tile");
  }

  // Gives the most frequent names a colour and a shape each; others that are shown get those of
  // names that are not, as long as there are any.
  function settleKinds() {
    const many = COLORS * SHAPES;
    const free = Array.from({ length: many }, (_, kind) => kind).filter((kind) => kind >= names().length || hidden.has(kind));
    kinds = names().map((_, place) => (place < many ? place : hidden.has(place) || !free.length ? -1 : free.shift()));
  }

  const kindOf = (place) => (place < 0 ? (names().length ? -1 : 0) : kinds[place]);
  const colorOf = (kind) => (kind < 0 ? colors.grey : colors[kind % COLORS]);

  function shape(pen, kind, x, y, r) {
    const form = kind < 0 ? 0 : Math.floor(kind / COLORS);
    pen.beginPath();
    if (form === 0) pen.arc(x, y, r, 0, 2 * Math.PI);
    else if (form === 1) pen.rect(x - r * .9, y - r * .9, r * 1.8, r * 1.8);
    else { pen.moveTo(x, y - r * 1.2); pen.lineTo(x + r * 1.15, y + r * .85); pen.lineTo(x - r * 1.15, y + r * .85); pen.closePath(); }
  }

  // A mark is drawn once for each kind, and copied to where its points are: five times as quick.
  function stamp(place, r) {
    const kind = kindOf(place);
    if (!stamps.has(kind)) {
      const ratio = window.devicePixelRatio || 1;
      const mark = document.createElement("canvas");
      mark.width = mark.height = 4 * r * ratio;
      const pen = mark.getContext("2d");
      pen.scale(ratio, ratio);
      pen.fillStyle = colorOf(kind);
      pen.strokeStyle = colors.page;
      shape(pen, kind, 2 * r, 2 * r, r);
      pen.fill();
      pen.stroke();
      stamps.set(kind, mark);
    }
    return stamps.get(kind);
  }

  function sheet(place) {
    if (!sheets[place]) {
      sheets[place] = new Image();
      sheets[place].onload = () => { redraw(); show(); };
      sheets[place].src = `data:image/webp;base64,${data.sheets[place]}`;
    }
    return sheets[place];
  }

  // Draws a point's small picture within a square; false while there is none.
  function picture(pen, place, x, y, side) {
    const [width, height] = [points[place][WIDTH], points[place][HEIGHT]];
    const many = data.columns ** 2;
    if (!width) return false;
    const from = sheet(Math.floor(place / many));
    if (!from.complete || !from.naturalWidth) return false;
    const cell = place % many;
    const by = side / Math.max(width, height);
    // A pixel less on each side, into which the neighbours' colours have run.
    pen.drawImage(from, cell % data.columns * data.side + 1, Math.floor(cell / data.columns) * data.side + 1,
      Math.max(1, width - 2), Math.max(1, height - 2),
      x + (side - width * by) / 2, y + (side - height * by) / 2, width * by, height * by);
    return true;
  }

  function draw() {
    waiting = false;
    const ratio = window.devicePixelRatio || 1;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, wide, high);
    const inside = [];
    points.forEach((point, place) => {
      if (!seen(point)) return;
      const [x, y] = at(point);
      if (x > -50 && y > -50 && x < wide + 50 && y < high + 50) inside.push(place);
    });
    // Where so few are in view there is room for pictures in the place of marks.
    pictured = inside.length <= MOST_PICTURES;
    const side = pictured ? 52 : 0;
    const r = points.length < 1000 ? RADIUS + 1 : RADIUS;
    for (const place of inside) {
      const [x, y] = at(points[place]);
      if (side) {
        pen.fillStyle = colorOf(kindOf(points[place][field]));
        pen.fillRect(x - side / 2 - 2, y - side / 2 - 2, side + 4, side + 4);
        pen.fillStyle = colors.page;
        pen.fillRect(x - side / 2, y - side / 2, side, side);
        picture(pen, place, x - side / 2, y - side / 2, side);
      } else pen.drawImage(stamp(points[place][field], r), x - 2 * r, y - 2 * r, 4 * r, 4 * r);
    }
    for (const place of [kept, pointed]) {
      if (place < 0 || !seen(points[place])) continue;
      const [x, y] = at(points[place]);
      pen.lineWidth = 2.5;
      pen.strokeStyle = colors.text;
      if (side) pen.strokeRect(x - side / 2 - 3, y - side / 2 - 3, side + 6, side + 6);
      else { pen.beginPath(); pen.arc(x, y, RADIUS + 5, 0, 2 * Math.PI); pen.stroke(); }
    }
  }

  function redraw() {
    if (!waiting) { waiting = true; requestAnimationFrame(draw); }
  }

  function nearest(x, y) {
    let best = -1;
    let least = (pictured ? 30 : NEAR) ** 2;
    points.forEach((point, place) => {
      if (!seen(point)) return;
      const [px, py] = at(point);
      const far = (px - x) ** 2 + (py - y) ** 2;
      if (far <= least) { least = far; best = place; }
    });
    return best;
  }

  function words(point) {
    const told = [data.labels[point[LABEL]], data.splits[point[SPLIT]]];
    return told.filter((one) => one !== undefined);
  }

  // Puts a point's small picture into a canvas of its shape, the longer side `side` pixels.
  function into(target, place, side) {
    const ratio = window.devicePixelRatio || 1;
    const by = side / Math.max(points[place][WIDTH], points[place][HEIGHT]);
    const size = [points[place][WIDTH] * by, points[place][HEIGHT] * by];
    [target.width, target.height] = size.map((one) => Math.round(one * ratio));
    [target.style.width, target.style.height] = size.map((one) => `${one}px`);
    const pen = target.getContext("2d");
    pen.scale(ratio, ratio);
    picture(pen, place, (size[0] - side) / 2, (size[1] - side) / 2, side);
  }

  // Shows the picture that is pointed at beside the pointer, and the one that is kept in its panel.
  function show() {
    hover.hidden = pointed < 0;
    if (pointed >= 0) {
      const [x, y] = at(points[pointed]);
      const small = hover.querySelector("canvas");
      small.hidden = !points[pointed][WIDTH];
      if (!small.hidden) into(small, pointed, 120);
      hover.querySelector("span").textContent = [...words(points[pointed]), points[pointed][NAME]].join("\n");
      const room = hover.getBoundingClientRect();
      // Presentation is set by the object model, which the page's policy allows.
      hover.style.left = `${Math.max(0, x + 16 + room.width < wide ? x + 16 : x - 16 - room.width)}px`;
      hover.style.top = `${Math.max(0, Math.min(high - room.height, y - room.height / 2))}px`;
    }
    const large = chosen.querySelector("canvas");
    if (large && kept >= 0) into(large, kept, 180);
  }

  function keep(place) {
    kept = place;
    chosen.replaceChildren();
    if (place < 0) return redraw();
    const point = points[place];
    const link = document.createElement("a");
    link.href = point[LINK];
    const name = document.createElement("bdi");
    name.textContent = point[NAME];
    if (point[WIDTH]) link.append(document.createElement("canvas"));
    link.append(name);
    chosen.append(link);
    for (const one of words(point)) {
      const line = document.createElement("p");
      line.textContent = one;
      chosen.append(line);
    }
    show();
    redraw();
  }

  function whole() {
    const xs = points.map((point) => point[X]), ys = points.map((point) => point[Y]);
    const middle = (list) => (list.reduce((a, b) => Math.max(a, b), -1) + list.reduce((a, b) => Math.min(a, b), 1)) / 2;
    const span = (list) => Math.max(.05, list.reduce((a, b) => Math.max(a, b), -1) - list.reduce((a, b) => Math.min(a, b), 1));
    scale = points.length ? Math.min((wide - 80) / span(xs), (high - 80) / span(ys)) : 1;
    left = wide / 2 - (points.length ? middle(xs) : 0) * scale;
    top = high / 2 + (points.length ? middle(ys) : 0) * scale;
    redraw();
  }

  function zoom(by, x = wide / 2, y = high / 2) {
    const base = Math.min(wide, high) / 2;
    const next = Math.min(base * CLOSEST, Math.max(base * .3, scale * by));
    left = x + (left - x) * next / scale;
    top = y + (top - y) * next / scale;
    scale = next;
    show();
    redraw();
  }

  function resize() {
    const room = canvas.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    const before = [wide, high];
    stamps.clear();
    [wide, high] = [room.width, room.height];
    canvas.width = Math.round(wide * ratio);
    canvas.height = Math.round(high * ratio);
    if (before[0] <= 1) whole();
    else { left += (wide - before[0]) / 2; top += (high - before[1]) / 2; redraw(); }
  }

  function list() {
    const counts = new Map();
    for (const point of points) counts.set(point[field], (counts.get(point[field]) || 0) + 1);
    const places = names().map((_, place) => place);
    if (counts.has(-1)) places.push(-1);
    legend.replaceChildren(...places.map((place) => {
      const item = document.createElement("li");
      const label = document.createElement("label");
      const box = document.createElement("input");
      const mark = document.createElement("canvas");
      const name = document.createElement("bdi");
      const count = document.createElement("small");
      box.type = "checkbox";
      box.checked = !hidden.has(place);
      box.addEventListener("change", () => {
        if (box.checked) hidden.delete(place); else hidden.add(place);
        settle();
      });
      mark.width = mark.height = 28;
      mark.dataset.place = place;
      name.textContent = place < 0 ? (names().length ? "none" : "pictures") : names()[place];
      count.textContent = (counts.get(place) || 0).toLocaleString("en");
      label.append(box, mark, name, count);
      item.append(label);
      return item;
    }));
    settle();
  }

  function settle() {
    pointed = -1;
    settleKinds();
    for (const mark of legend.querySelectorAll("canvas")) {
      const kind = kindOf(Number(mark.dataset.place));
      const pen = mark.getContext("2d");
      pen.clearRect(0, 0, 28, 28);
      pen.fillStyle = colorOf(kind);
      shape(pen, kind, 14, 14, 9);
      pen.fill();
    }
    show();
    redraw();
  }

  function every(shown) {
    hidden = new Set(shown ? [] : [-1, ...names().keys()]);
    list();
  }

  // Goes to the nearest point that lies in a direction, within 45 degrees of it.
  function go(dx, dy) {
    if (kept < 0 || !seen(points[kept])) return reach(nearestTo(wide / 2, high / 2, () => true));
    const [x, y] = at(points[kept]);
    reach(nearestTo(x, y, (px, py) => {
      const along = (px - x) * dx + (py - y) * dy;
      return along > 0 && along >= Math.abs((px - x) * dy) + Math.abs((py - y) * dx);
    }));
  }

  function nearestTo(x, y, may) {
    let best = -1, least = Infinity;
    points.forEach((point, place) => {
      const [px, py] = at(point);
      const far = (px - x) ** 2 + (py - y) ** 2;
      if (place !== kept && seen(point) && far < least && may(px, py)) { least = far; best = place; }
    });
    return best;
  }

  function reach(place) {
    if (place < 0) return;
    const [x, y] = at(points[place]);
    if (x < 20 || x > wide - 20) left += wide / 2 - x;
    if (y < 20 || y > high - 20) top += high / 2 - y;
    keep(place);
  }

  const fingers = new Map();
  let moved = 0;
  const place = (event) => [event.offsetX, event.offsetY];
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, place(event));
    moved = 0;
  });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = place(event);
    const before = fingers.get(event.pointerId);
    if (!before) {
      const found = nearest(x, y);
      if (found !== pointed) { pointed = found; show(); redraw(); }
      return;
    }
    const other = [...fingers].find(([id]) => id !== event.pointerId);
    if (other) {
      const apart = (one) => Math.hypot(one[0] - other[1][0], one[1] - other[1][1]);
      zoom(apart([x, y]) / Math.max(1, apart(before)), (x + other[1][0]) / 2, (y + other[1][1]) / 2);
    }
    const share = other ? .5 : 1;
    left += (x - before[0]) * share;
    top += (y - before[1]) * share;
    moved += Math.hypot(x - before[0], y - before[1]);
    fingers.set(event.pointerId, [x, y]);
    if (moved > 4) pointed = -1;
    show();
    redraw();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, (event) => {
      fingers.delete(event.pointerId);
      if (end === "pointerup" && moved <= 4) {
        const found = nearest(...place(event));
        if (found >= 0) keep(found);
      }
    });
  }
  canvas.addEventListener("pointerleave", () => { pointed = -1; show(); redraw(); });
  // The wheel turns the page until the map is in use.
  canvas.addEventListener("wheel", (event) => {
    if (document.activeElement !== canvas && !event.ctrlKey) return;
    event.preventDefault();
    zoom(Math.exp(-event.deltaY * (event.deltaMode ? .05 : .002)), ...place(event));
  }, { passive: false });
  canvas.addEventListener("dblclick", (event) => zoom(2, ...place(event)));
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const middle = kept >= 0 ? at(points[kept]) : [wide / 2, high / 2];
    if (way) go(...way);
    else if (event.key === "+" || event.key === "=") zoom(1.5, ...middle);
    else if (event.key === "-") zoom(1 / 1.5, ...middle);
    else if (event.key === "0") whole();
    else if (event.key === "Enter" && kept >= 0) chosen.querySelector("a").click();
    else if (event.key === "Escape") keep(-1);
    else return;
    event.preventDefault();
  });
  document.getElementById("closer").addEventListener("click", () => zoom(1.5));
  document.getElementById("further").addEventListener("click", () => zoom(1 / 1.5));
  document.getElementById("whole").addEventListener("click", whole);
  document.getElementById("all").addEventListener("click", () => every(true));
  document.getElementById("none").addEventListener("click", () => every(false));
  by.addEventListener("change", () => {
    field = by.value === "split" ? SPLIT : LABEL;
    every(true);
  });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { look(); settle(); });
  new ResizeObserver(resize).observe(canvas);
  look();
  list();
})();
