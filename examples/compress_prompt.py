"""Turn a long text into pages for an API call of your own. Needs no account: prints what the
request would cost, and writes its pages to the folder OUT (default ./prompt)."""

import os
from pathlib import Path

from optimem import compress_prompt

report = (
    "The night shift reported slow reads on the ledger service between one and four. The cause "
    "was a compaction that ran twice; nobody had noticed, as the second run logs nothing. "
) * 60 + "The file in question is /srv/blobs/2026/ledger.db, ticket OPS-20417."

compressed = compress_prompt(report, model="gpt-4o", question="Which ticket was it?")
print(compressed.plan.summary())
print(compressed.messages[0]["content"][-1]["text"])

folder = Path(os.environ.get("OUT", "prompt"))
folder.mkdir(exist_ok=True)
for number, page in enumerate(compressed.pages, 1):
    (folder / f"page-{number}.png").write_bytes(page.png)
