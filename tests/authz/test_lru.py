"""The bounded cache."""

from __future__ import annotations

from authz.lru import Lru


def test_the_one_not_used_for_longest_goes_first() -> None:
    cache: Lru[str, int] = Lru(2)
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.get("a") == 1
    cache.put("c", 3)
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (1, None, 3)
    assert len(cache) == 2


def test_putting_again_replaces_and_dropping_forgets() -> None:
    cache: Lru[str, int] = Lru(2)
    cache.put("a", 1)
    cache.put("a", 2)
    assert (len(cache), cache.get("a")) == (1, 2)
    cache.drop("a")
    cache.drop("a")
    assert cache.get("a") is None
