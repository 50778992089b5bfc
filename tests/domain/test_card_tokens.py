"""Tokens that stand for cards."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from domain.card_tokens import TokenKey, digits_of
from domain.cards import find_pans
from tests.cards_made import LENGTHS, numbers

PAN, KEY = "6222021234567894", b"0123456789abcdef"


def test_a_token_is_its_keys_id_and_half_bytes_of_hmac_sha_256_as_letters() -> None:
    # printf %s 6222021234567894 | openssl dgst -sha256 -hmac 0123456789abcdef: 2b3692a308b5bbb46115790d3fe14fa2...
    letters = "".join("abcdefghijklmnop"[int(each, 16)] for each in "2b3692a308b5bbb46115790d3fe14fa2")
    assert TokenKey("k1", KEY).token(PAN) == f"k1:{letters}"
    assert TokenKey("k1", KEY[::-1]).token(PAN) != f"k1:{letters}"


@pytest.mark.skipif("sm3" not in hashlib.algorithms_available, reason="this OpenSSL has no SM3")
def test_a_token_by_sm3_is_another() -> None:
    digest = hmac.new(KEY, PAN.encode(), "sm3").hexdigest()
    assert TokenKey("k1", KEY, "sm3").token(PAN)[3:5] == "".join(
        "abcdefghijklmnop"[int(each, 16)] for each in digest[:2]
    )
    assert TokenKey("k1", KEY, "sm3").token(PAN) != TokenKey("k1", KEY).token(PAN)


@pytest.mark.parametrize("scheme", LENGTHS)
def test_no_token_looks_like_a_card_number(scheme: str) -> None:
    assert all(find_pans(TokenKey("k1", KEY).token(each)) == [] for each in numbers(scheme))


@pytest.mark.parametrize("value", ["", "62220212345", "6" * 20, None, True, 1.5, [PAN], "abc"])
def test_a_token_of_what_is_no_card_number_is_refused_without_showing_it(value: object) -> None:
    with pytest.raises(ValueError, match=r"card number must be 12 to 19 digits, got \d+ characters"):
        TokenKey("k1", KEY).token(digits_of(value))


def test_blanks_and_hyphens_of_a_number_as_it_is_sent_do_not_count() -> None:
    assert digits_of("6222 0212-3456 7894") == digits_of(int(PAN)) == PAN


@pytest.mark.parametrize(
    ("key_id", "key", "hash_name", "words"),
    [
        ("k1", KEY[:15], "sha256", "token key k1 must be at least 16 bytes, got 15"),
        ("K1", KEY, "sha256", "id of a token key must be"),
        ("4111111111111111", KEY, "sha256", "got 16 characters"),
        ("k1", KEY, "md5", "hash of tokens must be one of sha256, sm3, got 'md5'"),
    ],
)
def test_a_key_that_is_none_is_refused_without_showing_it(key_id: str, key: bytes, hash_name: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        TokenKey(key_id, key, hash_name)
    assert KEY.decode()[:8] not in str(caught.value)
