"""How right a reading is. Knows nothing of pages or models."""


def accuracy(truth: str, read: str) -> float:
    """Share of characters right: 1 − edit distance / length of the longer text, so that
    invented text costs as much as lost text. 1.0 for two empty texts."""
    from rapidfuzz.distance import Levenshtein

    return float(Levenshtein.normalized_similarity(truth, read))
