"""Keys never show; a closed gate names its remedy."""

from __future__ import annotations

import pytest

from bot.engine.gate import remedy
from bot.errors import StartError
from bot.kie.keys import Key, key_print, read_keys
from bot.texts import say


def test_keys_are_read_plain_or_with_their_account() -> None:
    plain, named = read_keys([" 0123456789abcdef ", "club:fedcba9876543210"])
    assert (plain.secret, plain.account) == ("0123456789abcdef", "kie")
    assert (named.secret, named.account) == ("fedcba9876543210", "club")


@pytest.mark.parametrize("bad", ["", "two words", "line\nbreak-line", "schlüssel", "a:b:secret", "abc"])
def test_a_key_that_cannot_be_one_is_refused_without_being_shown(bad: str) -> None:
    with pytest.raises(StartError) as caught:
        read_keys([bad])
    assert "KIE_API_KEY" in str(caught.value)
    assert not bad or bad not in str(caught.value)


def test_without_any_key_the_variable_is_named() -> None:
    with pytest.raises(StartError, match="KIE_API_KEY"):
        read_keys([])


def test_a_key_shows_only_its_print() -> None:
    key = Key("0123456789abcdef")
    assert "0123456789abcdef" not in repr(key)
    assert key.print == key_print("0123456789abcdef") != key_print("0123456789abcdee")
    assert len(key.print) == 8


@pytest.mark.parametrize("code", [401, 402, 403, 433, 455, 404])
def test_every_closed_gate_names_a_remedy_and_pauses_ever_longer(code: int) -> None:
    found = remedy(code)
    assert say(found.key).endswith(".")
    pauses = [found.pause(times) for times in range(1, 30)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (found.first, found.longest)
