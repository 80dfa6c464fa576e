from __future__ import annotations

import copy
import pickle
import secrets

import pytest

from authsvc.keys.master import MasterKeyError, MasterKeys, with_first, with_new_key, without
from tests.support.jose import b64

ONE, TWO = b64(bytes(range(32))), b64(bytes(range(32, 64)))


def test_the_first_line_is_current_and_the_others_only_open():
    keys = MasterKeys.parse(f"# made today\n\n  2   {TWO}\r\n1\t{ONE}= # the old one\n")
    assert keys.current_id == 2
    assert keys.ids == (2, 1)
    assert keys.derive(1, "x") == MasterKeys.parse(f"1 {ONE}").derive(1, "x")


def test_a_file_with_a_byte_order_mark_is_read():
    assert MasterKeys.parse(f"\ufeff1 {ONE}\n").ids == (1,)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no key"),
        ("# only words\n", "holds no key"),
        (f"1 {ONE}\n1 {TWO}", "line 2: id 1 was already given"),
        (f"0 {ONE}", "line 1: the id must be from 1 to 255"),
        (f"256 {ONE}", "line 1: the id must be from 1 to 255"),
        (f"-1 {ONE}", "line 1: expected an id"),
        (f"٣ {ONE}", "line 1: expected an id"),
        (ONE, "line 1: expected an id"),
        (f"{ONE} 1", "line 1: expected an id"),
        (f"1 {ONE} {TWO}", "line 1: expected an id"),
        (f"1 {ONE[:-2]}+/", "line 1: expected an id"),
        (f"\n1 {ONE[:-1]}", "line 2: the key of id 1 must be 32 bytes"),
        (f"1 {ONE}A", "must be 32 bytes"),
        (f"1 {ONE[:41]}", "must be 32 bytes"),
        (f"1 {ONE[:-1]}9", "must be 32 bytes"),  # spare bits set: another spelling of a key
    ],
)
def test_a_bad_file_is_refused_with_its_line_and_without_its_content(text, says):
    with pytest.raises(MasterKeyError) as error:
        MasterKeys.parse(text)
    assert says in str(error.value)
    assert ONE[:8] not in str(error.value)
    assert TWO[:8] not in str(error.value)
    assert error.value.__cause__ is None


def test_a_generated_file_is_read_again_and_is_never_twice_the_same():
    first, second = MasterKeys.generate(secrets.token_bytes), MasterKeys.generate(secrets.token_bytes)
    assert MasterKeys.parse(first).ids == (1,)
    assert MasterKeys.parse(first).derive(1, "x") != MasterKeys.parse(second).derive(1, "x")


def test_every_purpose_key_and_length_has_its_own_derived_key():
    keys = MasterKeys.parse(f"1 {ONE}\n2 {TWO}")
    derived = {keys.derive(1, "a"), keys.derive(1, "b"), keys.derive(2, "a"), keys.derive(2, "b")}
    assert len(derived) == 4
    assert len(keys.derive(1, "a")) == 32
    assert len(keys.derive(1, "a", 64)) == 64
    assert keys.derive(1, "a") is keys.derive(1, "a")


def test_what_was_derived_once_is_derived_for_ever():
    # Every sealed key and every refresh token hangs on these bytes.
    derived = MasterKeys.parse(f"1 {ONE}").derive(1, "signing key seal")
    assert derived.hex() == "1142bc9079ba197ee6ab079ab88e11a2559c2ab05445a55c2d4de5a171fe26a1"


def test_an_id_that_is_not_in_the_file_derives_nothing():
    with pytest.raises(MasterKeyError, match="master key 9 is not in"):
        MasterKeys.parse(f"1 {ONE}").derive(9, "x")


def test_master_keys_do_not_print_and_are_not_pickled():
    keys = MasterKeys.parse(f"1 {ONE}\n2 {TWO}")
    keys.derive(1, "x")
    assert repr(keys) == str(keys) == "MasterKeys(current_id=1, ids=(1, 2))"
    assert not hasattr(keys, "__dict__")
    for leak in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            leak(keys)


# A change of the master key


def test_a_new_key_comes_last_opens_and_changes_nothing_else() -> None:
    text = f"# ours\n\n3 {ONE}   # since May"
    changed, key_id = with_new_key(text, lambda n: bytes(range(32, 32 + n)))
    assert changed == f"{text}\n4 {TWO}\n"
    assert key_id == 4
    keys = MasterKeys.parse(changed)
    assert (keys.current_id, keys.ids) == (3, (3, 4))
    assert keys.derive(3, "x") == MasterKeys.parse(text).derive(3, "x")


def test_ids_are_never_given_twice_in_a_file_and_begin_again_after_the_last() -> None:
    assert with_new_key(f"255 {ONE}\n1 {TWO}", secrets.token_bytes)[1] == 2
    full = "".join(f"{number} {b64(bytes([number]) * 32)}\n" for number in range(1, 256))
    with pytest.raises(MasterKeyError, match="255 keys"):
        with_new_key(full, secrets.token_bytes)


def test_a_key_is_put_first_with_its_comment_and_below_the_words_at_the_top() -> None:
    text = f"# ours\n1 {ONE}\n# the next one:\n2 {TWO} # June\n"
    assert with_first(text, 2) == f"# ours\n2 {TWO} # June\n1 {ONE}\n# the next one:\n"
    assert with_first(text, 1) == text
    assert MasterKeys.parse(with_first(f"\ufeff1 {ONE}\r\n02 {TWO}", 2)).ids == (2, 1)


def test_a_key_is_dropped_but_never_the_current_one() -> None:
    text = f"# ours\n2 {TWO}\n1 {ONE}\n"
    assert without(text, 1) == f"# ours\n2 {TWO}\n"
    with pytest.raises(MasterKeyError, match="2 is the current one"):
        without(text, 2)


@pytest.mark.parametrize("change", [with_first, without])
def test_a_change_that_cannot_be_made_says_so_and_shows_nothing(change) -> None:
    with pytest.raises(MasterKeyError, match="master key 9 is not in"):
        change(f"1 {ONE}\n2 {TWO}", 9)
    with pytest.raises(MasterKeyError, match="line 1") as error:
        change(f"1 {ONE}x", 1)
    assert ONE[:8] not in str(error.value)


def test_a_whole_change_loses_no_key_on_the_way() -> None:
    first = MasterKeys.generate(secrets.token_bytes)
    added, key_id = with_new_key(first, secrets.token_bytes)
    promoted = with_first(added, key_id)
    last = without(promoted, 1)
    assert [MasterKeys.parse(text).ids for text in (first, added, promoted, last)] == [(1,), (1, 2), (2, 1), (2,)]
    derived = {MasterKeys.parse(text).derive(2, "x") for text in (added, promoted, last)}
    assert len(derived) == 1
