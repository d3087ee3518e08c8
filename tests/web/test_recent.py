"""registry.web.recent: what takes long is made once, and what is kept has an end."""

from registry.web.figures import KEPT
from registry.web.recent import Recent


def test_drawings_are_kept():
    """The same is not drawn twice; of too many the one not asked for goes."""
    kept = Recent(KEPT)
    made = []

    def draw() -> str:
        made.append(1)
        return "a"

    for number in [*range(KEPT), 0, KEPT]:
        kept.get((number,), draw)
    assert len(made) == KEPT + 1
    kept.get((0,), draw)
    assert len(made) == KEPT + 1
    kept.get((1,), draw)
    assert len(made) == KEPT + 2
