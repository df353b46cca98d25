"""Streams beside the one that plays an episode: what was drawn once is drawn again by every later version."""

from arena.simulate.customers import history_generator, window_generator


def test_histories_and_windows_are_drawn_from_spawned_children_of_the_seed() -> None:
    """Published as numpy draws them: `SeedSequence(seed, spawn_key=(purpose,))`; results rest on them."""
    assert history_generator(5).random(2).tolist() == [0.23490122411636682, 0.7128132044650318]
    assert window_generator(5).random(2).tolist() == [0.6750967951687035, 0.06907575104616082]
