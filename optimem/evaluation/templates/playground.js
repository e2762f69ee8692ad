const views = JSON.parse(document.getElementById("views").textContent);
const byId = (name) => document.getElementById(name);
const percent = (share) => (share === 1 ? "100" : Math.min(share * 100, 99.99).toFixed(2)) + " %";
const stage = byId("stage"), inner = byId("inner"), read = byId("read");
const spots = { image: byId("spot-image"), text: byId("spot-text") };
let view, cells, offsets, pieces, leader;

// The text in pieces of one style each; `offsets`: of each character in UTF-16 units.
function showText() {
  const characters = [...view.text];
  const style = (at) => (view.certainty[at] < 5 ? "u " : "") + (view.wrong[at] === "1" ? "w" : "");
  let at = 0, last = 0;
  offsets = characters.map((each) => (at += each.length) - each.length);
  cells = view.cells.map((step) => (last += step));
  pieces = [];
  const shown = document.createDocumentFragment();
  for (let start = 0, end; start < characters.length; start = end) {
    const name = style(start);
    for (end = start + 1; end < characters.length && style(end) === name;) end++;
    const node = document.createTextNode(characters.slice(start, end).join(""));
    pieces.push({ start, node });
    if (!name) { shown.append(node); continue; }
    const span = document.createElement("span");
    span.className = name;
    span.append(node);
    shown.append(span);
  }
  read.replaceChildren(shown, spots.text);
}

// The last index whose value is at most `wanted`, in a sorted list given by a function; from 0.
function search(length, value, wanted) {
  let low = 0, high = length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (value(middle) <= wanted) low = middle; else high = middle - 1;
  }
  return low;
}

// Where a character is in the text, in pixels of the text's content.
function textBox(at) {
  const piece = pieces[search(pieces.length, (n) => pieces[n].start, at)];
  const range = document.createRange(), first = offsets[at] - offsets[piece.start];
  range.setStart(piece.node, first);
  range.setEnd(piece.node, Math.min(first + 1, piece.node.length));
  const box = range.getBoundingClientRect(), frame = read.getBoundingClientRect();
  return { left: box.left - frame.left - read.clientLeft + read.scrollLeft,
    top: box.top - frame.top - read.clientTop + read.scrollTop, width: box.width, height: box.height };
}

// Where a character is on the image, in shares of its side. A character may take several cells.
function imageBox(at) {
  const { columns, left, top, width, height } = view.layout, column = cells[at] % columns;
  const end = at + 1 < cells.length ? cells[at + 1] : cells[at] + 1;
  const taken = Math.max(1, Math.min(end - cells[at], columns - column));
  return { left: left + column * width, top: top + Math.floor(cells[at] / columns) * height,
    width: taken * width, height };
}

// The character at a place on the image, given in shares of its side.
function characterAtCell(x, y) {
  const { columns, left, top, width, height } = view.layout;
  const column = Math.min(Math.max(Math.floor((x - left) / width), 0), columns - 1);
  const row = Math.max(Math.floor((y - top) / height), 0);
  return search(cells.length, (at) => cells[at], row * columns + column);
}

// The character at a place in the window, over the text; null where there is none.
function characterAtPoint(x, y) {
  const caret = document.caretPositionFromPoint?.(x, y);
  const range = caret ? null : document.caretRangeFromPoint?.(x, y);
  const node = caret?.offsetNode ?? range?.startContainer;
  const piece = pieces.find((each) => each.node === node);
  if (!piece) return null;
  const unit = offsets[piece.start] + (caret?.offset ?? range.startOffset);
  const at = search(offsets.length, (n) => offsets[n], unit);
  const box = textBox(at), frame = read.getBoundingClientRect();
  const before = x < box.left + frame.left + read.clientLeft - read.scrollLeft;
  return before && at ? at - 1 : at;
}

function light(at) {
  for (const spot of Object.values(spots)) spot.hidden = at === null;
  if (at === null) return;
  const image = imageBox(at), text = textBox(at);
  for (const side of ["left", "top", "width", "height"]) {
    spots.image.style[side] = `${image[side] * 100}%`;
    spots.text.style[side] = `${side === "width" ? Math.max(text.width, 4) : text[side]}px`;
  }
  if (leader === read) reveal(image.left * inner.clientWidth, image.top * inner.clientHeight);
}

// Scroll the image as little as makes a place on it visible.
function reveal(x, y) {
  const margin = 40;
  const near = (from, size, place) => Math.max(Math.min(from, place - margin), place - size + margin);
  stage.scrollLeft = near(stage.scrollLeft, stage.clientWidth, x);
  stage.scrollTop = near(stage.scrollTop, stage.clientHeight, y);
}

// Scroll one pane to where the other is: the same share of the page is above the same line.
function follow() {
  const other = leader === stage ? read : stage;
  const share = leader.scrollTop / Math.max(leader.scrollHeight - leader.clientHeight, 1);
  const { top, height, columns } = view.layout;
  let found;
  if (leader === stage) {
    found = textBox(characterAtCell(0.5, share)).top / read.scrollHeight;
  } else {
    const at = search(cells.length, (n) => textBox(n).top, share * read.scrollHeight);
    found = top + Math.floor(cells[at] / columns) * height;
  }
  if (share === 0 || share > 0.999) found = share;
  other.scrollTop = found * (other.scrollHeight - other.clientHeight);
}

for (const pane of [stage, read]) {
  for (const event of ["pointerenter", "pointerdown", "touchstart", "wheel", "focus"])
    pane.addEventListener(event, () => { leader = pane; }, { passive: true });
  pane.addEventListener("scroll", () => { if (leader === pane) follow(); }, { passive: true });
  pane.addEventListener("pointerleave", () => light(null));
}
inner.addEventListener("pointermove", (event) => {
  const frame = inner.getBoundingClientRect();
  light(characterAtCell((event.clientX - frame.left) / frame.width, (event.clientY - frame.top) / frame.height));
});
read.addEventListener("pointermove", (event) => light(characterAtPoint(event.clientX, event.clientY)));

function showTokens() {
  const svg = byId("tokens");
  svg.setAttribute("viewBox", `0 0 ${view.grid} ${view.grid}`);
  svg.innerHTML = view.doubt.map((doubt, at) =>
    `<rect x="${at % view.grid}" y="${Math.floor(at / view.grid)}" width="1" height="1"` +
    ` fill-opacity="${Math.min(doubt, 0.7)}" vector-effect="non-scaling-stroke"/>`).join("");
  svg.toggleAttribute("hidden", !byId("grid").checked);
}

function show() {
  view = views[byId("tier").value];
  byId("name").textContent = view.tier;
  byId("tier").setAttribute("aria-valuetext", view.tier);
  byId("image").src = view.image;
  byId("image").alt = `The page at ${view.tier}, ${view.side} by ${view.side} pixels`;
  const facts = {
    "pixels": `${view.side} × ${view.side}`, "vision tokens": view.tokens,
    "positions": view.positions, "bytes": view.bytes.toLocaleString("en"),
    "characters right": percent(view.right), "marked uncertain": percent(view.marked),
    "silent errors": percent(view.silent),
  };
  byId("facts").innerHTML = Object.entries(facts)
    .map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`).join("");
  light(null);
  showText();
  showTokens();
}

byId("tier").addEventListener("input", show);
byId("grid").addEventListener("change", show);
show();
