"""How right a reading is. Knows nothing of pages or models."""


def accuracy(truth: str, read: str) -> float:
    """Share of characters right: 1 − edit distance / length of the longer text, so that
    invented text costs as much as lost text. 1.0 for two empty texts."""
    from rapidfuzz.distance import Levenshtein

    return float(Levenshtein.normalized_similarity(truth, read))


def silent_errors(truth: str, read: str, mark: str = "\ufffd") -> int:
    """Characters of `read` that are wrong or missing and not marked as uncertain."""
    from rapidfuzz.distance import Levenshtein

    edits = Levenshtein.editops(truth, read)
    return sum(edit.tag == "delete" or read[edit.dest_pos] != mark for edit in edits)
