"""How long it takes to put a text on pages, beside Pillow drawing the same lines, in one run.

Ours is all of `compress_prompt`: counting, trying sizes, laying out, drawing, compressing. Pillow
only draws the lines of the pages that come out, where they stand, and saves them as it does by
default. CPU time, nothing kept from an earlier run.
"""

import time
from collections.abc import Sequence
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from optimem.api.prompts import compress_prompt
from optimem.prompts import rule_for
from optimem.prompts.builder import CompressedPrompt
from optimem.renderers.fonts import font_path
from optimem.renderers.readable import ReadablePage, render_pages
from optimem.renderers.style import ReadableStyle
from optimem.turns import Turn


def compare(text: str, model: str) -> str:
    """A line that says how long both take, and their ratio."""
    started = time.process_time()
    prompt = compress_prompt(text, model=model)
    ours = time.process_time() - started
    pages = laid_out(text, prompt, model)
    started = time.process_time()
    size = sum(len(pillow_png(text, page)) for page in pages)
    pillow = time.process_time() - started
    plan = prompt.plan
    return (
        f"{model}: {plan.tokens_before:,} tokens on {plan.pages} pages in {ours:.1f} CPU s "
        f"({sum(len(page.png) for page in prompt.pages):,} bytes); Pillow draws the same lines in "
        f"{pillow:.1f} s ({size:,} bytes): ours / Pillow = {ours / pillow:.2f}"
    )


def laid_out(text: str, prompt: CompressedPrompt, model: str) -> Sequence[ReadablePage]:
    """The pages of a prompt that was made of a text, with the places of their lines."""
    shape, size = rule_for(model).page, prompt.pages[0].size
    style = ReadableStyle.dense(shape.width, shape.height, size)
    return render_pages([Turn(text=text, role="text")], style)


def pillow_png(text: str, page: ReadablePage) -> bytes:
    """The lines of a page, drawn by Pillow."""
    image = Image.new("L", (page.style.width, page.style.height), 255)
    pen = ImageDraw.Draw(image)
    font = ImageFont.truetype(font_path("DejaVuSans"), page.style.size)
    for span in page.spans:
        pen.text((span.box.left, span.box.top), text[span.start : span.end].rstrip(), 0, font)
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
