const views = JSON.parse(document.getElementById("views").textContent);
const byId = (name) => document.getElementById(name);
const percent = (share) => (share === 1 ? "100" : Math.min(share * 100, 99.99).toFixed(2)) + " %";

function showText(view) {
  const text = document.createDocumentFragment();
  const style = (at) => (view.certainty[at] < 5 ? "u " : "") + (view.wrong[at] === "1" ? "w" : "");
  const characters = [...view.text];
  for (let start = 0, end; start < characters.length; start = end) {
    const name = style(start);
    for (end = start + 1; end < characters.length && style(end) === name;) end++;
    const piece = characters.slice(start, end).join("");
    if (!name) { text.append(piece); continue; }
    const span = document.createElement("span");
    span.className = name;
    span.textContent = piece;
    text.append(span);
  }
  byId("read").replaceChildren(text);
}

function showTokens(view) {
  const svg = byId("tokens");
  svg.setAttribute("viewBox", `0 0 ${view.grid} ${view.grid}`);
  svg.innerHTML = view.doubt.map((doubt, at) =>
    `<rect x="${at % view.grid}" y="${Math.floor(at / view.grid)}" width="1" height="1"` +
    ` fill-opacity="${Math.min(doubt, 0.7)}" vector-effect="non-scaling-stroke"/>`).join("");
  svg.toggleAttribute("hidden", !byId("grid").checked);
}

function show() {
  const view = views[byId("tier").value];
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
  showText(view);
  showTokens(view);
}

byId("tier").addEventListener("input", show);
byId("grid").addEventListener("change", show);
show();
