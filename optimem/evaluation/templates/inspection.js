const turns = JSON.parse(document.getElementById("data").textContent);
const shown = 50;

function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

function search() {
  const words = document.getElementById("query").value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = turns.filter((turn) => {
    const text = `${turn.text} ${turn.role} ${turn.scope}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  document.getElementById("count").textContent =
    `${found.length} of ${turns.length} turns` + (found.length > shown ? `, the last ${shown} shown` : "");
  document.getElementById("turns").replaceChildren(...found.slice(-shown).reverse().map((turn) => {
    const made = element("article", "turn", "");
    const sure = turn.exact ? "exact" : `${(turn.sure * 100).toFixed(1)} % sure`;
    made.append(element("div", "soft",
      `${turn.role} · ${turn.date} · ${turn.tier} · ${sure} · ${turn.scope} · ${turn.id}`));
    made.append(element("pre", "", turn.text + (turn.cut ? " …" : "")));
    return made;
  }));
}

document.getElementById("query").addEventListener("input", search);
search();
