const turns = JSON.parse(document.getElementById("data").textContent);
const byId = (name) => document.getElementById(name);
const limit = 50;
let page = null;  // the page whose turns alone are shown

function element(tag, className, ...content) {
  const created = document.createElement(tag);
  if (className) created.className = className;
  created.append(...content);
  return created;
}

function highlighted(text, words) {
  const pre = element("pre", "");
  if (!words.length) { pre.append(text); return pre; }
  const escaped = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  text.split(new RegExp(`(${escaped.join("|")})`, "giu")).forEach((piece, at) =>
    pre.append(at % 2 ? element("mark", "", piece) : piece));
  return pre;
}

function article(number, words, chosen) {
  const turn = turns[number];
  const certainty = turn.exact ? "exact" : `${(turn.probability * 100).toFixed(1)} % certain`;
  const about = element("div", "soft",
    `${turn.role} · ${turn.date} · ${turn.tier} · ${certainty} · ${turn.scope} · ${turn.id}`);
  turn.pages.forEach((name, at) => {
    const link = element("a", "", turn.pages.length > 1 ? `page, part ${at + 1}` : "page");
    link.href = `#${name}`;
    about.append(" · ", link);
  });
  const shown = element("article", number === chosen ? "turn chosen" : "turn", about,
    highlighted(turn.text + (turn.cut ? " …" : ""), words));
  shown.id = `turn-${number}`;
  return shown;
}

function show(chosen = null) {
  const words = byId("query").value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = [...turns.keys()].filter((number) => {
    const turn = turns[number];
    const text = `${turn.text} ${turn.role} ${turn.scope}`.toLowerCase();
    return (!page || turn.pages.includes(page)) && words.every((word) => text.includes(word));
  }).reverse();
  const first = Math.max(0, Math.min(found.indexOf(chosen) - 2, found.length - limit));
  const part = found.slice(first, first + limit);
  byId("count").textContent = `${found.length} of ${turns.length} turns`
    + (page ? " are on this page" : "")
    + (part.length < found.length ? `, ${part.length} shown` : "");
  byId("all").hidden = !page;
  byId("found").replaceChildren(...part.map((number) => article(number, words, chosen)));
}

function follow() {
  const [, kind, name] = location.hash.match(/^#(turn|on)-(.+)$/) || [];
  if (kind === "on") {
    page = name;
    show();
    byId("turns").scrollIntoView();
  } else if (kind === "turn") {
    if (!byId(location.hash.slice(1))) { page = null; byId("query").value = ""; }
    show(Number(name));
    byId(location.hash.slice(1))?.scrollIntoView({ block: "center" });
  }
}

byId("query").addEventListener("input", () => show());
byId("all").addEventListener("click", () => { page = null; show(); byId("query").focus(); });
addEventListener("hashchange", follow);
document.addEventListener("click", (event) => {  // the same link again changes no hash
  const link = event.target.closest("a");
  if (link?.getAttribute("href") === location.hash) follow();
});
show();
follow();
