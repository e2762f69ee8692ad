"""A long text as pages, for people who call an API themselves. Needs no account; prints what the
request would cost and writes its pages to OUT (default ./prompt)."""

import os
from pathlib import Path

from optimem import compress_prompt

report = (
    "The night shift reported slow reads on the ledger service between one and four. The cause "
    "was a compaction that ran twice; nobody had noticed, as the second run logs nothing. "
) * 60 + "The file in question is /srv/blobs/2026/ledger.db, ticket OPS-20417."

made = compress_prompt(report, model="gpt-4o", question="Which file was it?")
print(made.plan.summary())
print(made.messages[0]["content"][-1]["text"])

folder = Path(os.environ.get("OUT", "prompt"))
folder.mkdir(exist_ok=True)
for number, page in enumerate(made.pages, 1):
    (folder / f"page-{number}.png").write_bytes(page.png)
