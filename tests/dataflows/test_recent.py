"""Values that are kept as long as there is room, and made again when they are not."""

from dataflows.recent import Recent


def recent(most):
    """What is kept, and the names that were made, in order."""
    made = []
    return Recent(most, lambda name: made.append(name) or f"{name}!"), made


def test_a_value_is_made_once():
    kept, made = recent(2)
    assert ["a!", "a!"] == [kept.of("a"), kept.of("a")]
    assert ["a"] == made


def test_the_least_recently_used_goes_first():
    kept, made = recent(2)
    for name in ("a", "b", "a", "c", "a", "b"):
        kept.of(name)
    assert ["a", "b", "c", "b"] == made


def test_a_value_that_was_made_elsewhere_is_not_made_again():
    kept, made = recent(2)
    for name in ("a", "b"):
        kept.note(name, f"{name}?")
    assert ["a?", "c!", "b!"] == [kept.of("a"), kept.of("c"), kept.of("b")]
    assert ["c", "b"] == made


def test_what_is_forgotten_is_made_again():
    kept, made = recent(2)
    kept.of("a")
    kept.of("b")
    kept.forget("a")
    kept.forget("nobody")
    kept.of("a")
    kept.forget_all()
    kept.of("b")
    assert ["a", "b", "a", "b"] == made
