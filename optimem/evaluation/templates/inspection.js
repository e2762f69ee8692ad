const turns = JSON.parse(document.getElementById("data").textContent);
const limit = 50;

function element(tag, className, text) {
  const created = document.createElement(tag);
  created.className = className;
  created.textContent = text;
  return created;
}

function search() {
  const words = document.getElementById("query").value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = turns.filter((turn) => {
    const text = `${turn.text} ${turn.role} ${turn.scope}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  document.getElementById("count").textContent =
    `${found.length} of ${turns.length} turns` + (found.length > limit ? `, the last ${limit} shown` : "");
  document.getElementById("turns").replaceChildren(...found.slice(-limit).reverse().map((turn) => {
    const article = element("article", "turn", "");
    const certainty = turn.exact ? "exact" : `${(turn.probability * 100).toFixed(1)} % certain`;
    article.append(element("div", "soft",
      `${turn.role} · ${turn.date} · ${turn.tier} · ${certainty} · ${turn.scope} · ${turn.id}`));
    article.append(element("pre", "", turn.text + (turn.cut ? " …" : "")));
    return article;
  }));
}

document.getElementById("query").addEventListener("input", search);
search();
