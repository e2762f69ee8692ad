"""How the weights of quotations are chosen."""

import numpy as np

from benchmarks.recall.fit import examples, fit, threshold
from benchmarks.recall.talks import Asked, Said, Talk
from optimem.memory.answering.evidence import FEATURES
from tests.memory.embedders import WordModel

DAY = 86_400.0
THINGS = ("lantern", "kettle", "ladder", "mirror", "basket", "camera")
TALK = Talk(
    "small",
    tuple(
        Said(f"t{n}", name, "user", n * DAY, text)
        for n, (name, text) in enumerate(
            each for thing in THINGS for each in (("Ann", f"I bought a {thing}."), ("Ben", "Nice!"))
        )
    ),
    (
        *(
            Asked("one turn", f"Did Ann buy a {thing}?", (f"t{2 * n}",), 99 * DAY, thing)
            for n, thing in enumerate(THINGS)
        ),
        *(Asked("no answer", f"Did Ann sell the {x}?", (), 99 * DAY) for x in ("sofa", "drill")),
    ),
)


def test_weights_are_chosen_under_which_what_is_right_is_likely() -> None:
    made = list(examples(TALK))
    assert [bool(each.right.any()) for each in made] == [True] * 6 + [False] * 2
    assert all(each.figures.shape == (len(each.candidates), len(FEATURES)) for each in made)
    assert all(np.all((each.figures >= 0) & (each.figures <= 1)) for each in made)
    scale = fit(made)
    assert tuple(scale.weights) == FEATURES
    assert scale.weights["share"] > 1
    assert scale.weights["meant"] == 0  # nothing is known of meanings
    assert threshold([made], scale) < 0.5


def test_with_embeddings_what_a_turn_means_is_weighed_too() -> None:
    made = list(examples(TALK, model=WordModel()))
    meant = FEATURES.index("meant")
    assert any(each.figures[:, meant].any() for each in made)
    assert all(each.figures[:, meant].max() <= 1 for each in made)
