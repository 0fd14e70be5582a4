"""What attacks among training flows cost is averaged over seeds, by set, share and training."""

from __future__ import annotations

from bench.contaminated import means


def test_means_are_of_seeds_that_have_set_share_and_training_in_common() -> None:
    """Two seeds of one set and share give one mean each of what was kept and cut; another share is by itself."""
    found = {
        "several, seed 1, 5%": {"kept": {"found_at_10": 0.2}, "cut": {"found_at_10": 0.8}},
        "several, seed 2, 5%": {"kept": {"found_at_10": 0.4}, "cut": {"found_at_10": 1.0}},
        "several, seed 2, 1%": {"kept": {"found_at_10": 0.9}},
    }
    assert {what: round(told["found_at_10"], 9) for what, told in means(found).items()} == {
        "several, 5%, kept": 0.3,
        "several, 5%, cut": 0.9,
        "several, 1%, kept": 0.9,
    }
