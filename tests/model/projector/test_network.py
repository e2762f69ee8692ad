"""The projector: which cells a soft token sees, and the size of what comes out."""

import torch

from optimem.model.projector.network import Projector, ProjectorConfig, cut_windows

CONFIG = ProjectorConfig(features=3, width=10, cells=4, margin=2, hidden=7)


def test_a_soft_token_sees_its_cells_and_their_neighbours() -> None:
    features = torch.arange(1, 11)[:, None].expand(10, 3).float()
    windows = cut_windows(features, CONFIG)
    assert windows.shape == (3, 8, 3)
    assert windows[:, :, 0].tolist() == [
        [0, 0, 1, 2, 3, 4, 5, 6],
        [3, 4, 5, 6, 7, 8, 9, 10],
        [7, 8, 9, 10, 0, 0, 0, 0],
    ]
    assert CONFIG.soft_tokens(10) == 3
    assert CONFIG.soft_tokens(8) == 2


def test_soft_tokens_have_the_size_of_the_embeddings() -> None:
    torch.manual_seed(0)
    projector = Projector(CONFIG, size=0.25)
    for scale in (0.01, 1.0, 100.0):
        found = projector.project(torch.randn(10, 3) * scale)
        assert torch.allclose(found.pow(2).mean(1).sqrt(), torch.full((3,), 0.25), atol=1e-3)


def test_a_stretch_is_projected_wherever_it_stands() -> None:
    projector = Projector(CONFIG)
    features = torch.randn(24, 3)
    whole, part = projector.project(features), projector.project(features[8:])
    assert torch.allclose(whole[3:], part[1:], atol=1e-6)
    assert not torch.allclose(whole[2], part[0])  # its left neighbours are not there
