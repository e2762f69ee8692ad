"""The shapes of a chart's markers, as SVG paths. Pure."""

import math

SIZE = 5.5  # pixels from the middle to a corner


def marker_path(style: int, x: float, y: float) -> str:
    """The outline of a marker around a point; `style`: 0 to 7."""
    corners = _SHAPES[style % len(_SHAPES)]
    if not corners:
        radius = SIZE * 0.86
        arc = f"a{radius:.1f} {radius:.1f} 0 1 0"
        return f"M{x - radius:.1f} {y:.1f}{arc} {2 * radius:.1f} 0{arc} {-2 * radius:.1f} 0z"
    path = "L".join(f"{x + SIZE * across:.1f} {y + SIZE * down:.1f}" for across, down in corners)
    return f"M{path}z"


def _star(points: int, inner: float) -> list[tuple[float, float]]:
    """Corners, alternately far and near, the first one at the top."""
    corners = []
    for at in range(2 * points):
        radius, angle = (1.15, inner)[at % 2], math.pi * at / points
        corners.append((radius * math.sin(angle), -radius * math.cos(angle)))
    return corners


_CROSS = [
    (-0.35, -1.0), (0.35, -1.0), (0.35, -0.35), (1.0, -0.35), (1.0, 0.35), (0.35, 0.35),
    (0.35, 1.0), (-0.35, 1.0), (-0.35, 0.35), (-1.0, 0.35), (-1.0, -0.35), (-0.35, -0.35),
]  # fmt: skip
_SHAPES: list[list[tuple[float, float]]] = [
    [],  # a circle
    [(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)],
    [(0, -1.1), (1.05, 0.8), (-1.05, 0.8)],
    [(0, -1.15), (1.15, 0), (0, 1.15), (-1.15, 0)],
    [(0, 1.1), (1.05, -0.8), (-1.05, -0.8)],
    _CROSS,
    _star(5, 0.5),
    [(0.71 * (x - y), 0.71 * (x + y)) for x, y in _CROSS],
]
