"""Seeds: the public ones, and hidden ones from a committed secret."""

import hashlib
import hmac
import json
import os

import pytest

from arena.contract.seeds import (
    PUBLIC_SEEDS,
    PublicSeeds,
    Secret,
    hidden_seeds,
    new_secret,
    parse_seeds,
    read_secret,
    write_secret,
)
from arena.errors import ArenaError, InvalidInput

_DIGEST = "c0ffee" * 10
_SCENARIO = "5ce0a710" * 8


def test_public_seeds_are_the_published_ten_in_order():
    plan = PublicSeeds()
    assert [plan.episode(_SCENARIO, i).entropy for i in range(plan.count)] == [
        42,
        123,
        456,
        789,
        1011,
        2022,
        3033,
        4044,
        5055,
        6066,
    ]
    assert plan.commitment is None


def test_an_index_outside_the_plan_is_an_error():
    with pytest.raises(IndexError, match="outside 0 to 9"):
        PublicSeeds().episode(_SCENARIO, len(PUBLIC_SEEDS))


def test_hidden_seeds_follow_the_stated_derivation():
    secret = Secret(master="11" * 32, salt="22" * 32)
    seed = hidden_seeds(secret, 5, _DIGEST).episode(_SCENARIO, 3)
    mac = hmac.new(b"\x11" * 32, f"episode|{_DIGEST}|{_SCENARIO}|3".encode(), hashlib.sha256)
    assert seed.entropy == int(mac.hexdigest(), 16)
    assert seed.entropy.bit_length() > 128
    assert not seed.public


def test_hidden_seeds_differ_by_index_scenario_rules_and_secret():
    first, second = Secret(master="11" * 32, salt="22" * 32), Secret(master="12" * 32, salt="22" * 32)
    entropies = {
        hidden_seeds(secret, 3, digest).episode(scenario, index).entropy
        for secret in (first, second)
        for digest in ("a", "b")
        for scenario in ("c", "d")
        for index in range(3)
    }
    assert len(entropies) == 24


def test_the_controllers_seed_is_another_one_and_fits_a_signed_word():
    seed = hidden_seeds(new_secret(), 1, _DIGEST).episode(_SCENARIO, 0)
    assert 0 <= seed.controller_seed < 2**63
    assert str(seed.controller_seed) not in str(seed.entropy)


def test_the_commitment_is_sha256_of_master_and_salt():
    secret = Secret(master="ab" * 32, salt="cd" * 32)
    assert secret.commitment == hashlib.sha256(b"\xab" * 32 + b"\xcd" * 32).hexdigest()


def test_secrets_never_show_in_repr():
    secret = new_secret()
    plan = hidden_seeds(secret, 2, _DIGEST)
    shown = repr(secret) + repr(plan) + repr(plan.episode(_SCENARIO, 0))
    assert secret.master not in shown
    assert secret.salt not in shown
    assert str(plan.episode(_SCENARIO, 0).entropy) not in shown


def test_a_secret_survives_its_file_and_only_the_owner_reads_it(tmp_path):
    secret, path = new_secret(), tmp_path / "secret.json"
    write_secret(secret, path)
    assert read_secret(path) == secret
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_secret_is_never_overwritten(tmp_path):
    path = tmp_path / "secret.json"
    write_secret(new_secret(), path)
    before = path.read_bytes()
    with pytest.raises(ArenaError, match="never overwritten"):
        write_secret(new_secret(), path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_secret_others_can_read_or_change_is_refused(tmp_path, mode):
    path = tmp_path / "secret.json"
    write_secret(new_secret(), path)
    os.chmod(path, mode)  # noqa: PTH101 - the mode is the point
    with pytest.raises(InvalidInput, match="chmod 600"):
        read_secret(path)


def test_a_damaged_secret_is_refused_without_showing_it(tmp_path):
    path = tmp_path / "secret.json"
    write_secret(new_secret(), path)
    data = json.loads(path.read_text())
    data["master"] = "f00d" * 15
    path.write_text(json.dumps(data))
    with pytest.raises(InvalidInput, match="master") as caught:
        read_secret(path)
    assert "f00d" not in str(caught.value)


def test_the_command_lines_seed_texts(tmp_path):
    path = tmp_path / "secret.json"
    write_secret(new_secret(), path)
    assert parse_seeds("public", None, _DIGEST).label == "public"
    hidden = parse_seeds("hidden:7", path, _DIGEST)
    assert (hidden.label, hidden.count, hidden.commitment) == ("hidden:7", 7, read_secret(path).commitment)


@pytest.mark.parametrize(
    ("text", "with_secret", "message"),
    [
        ("hidden:7", False, "need a secret"),
        ("public", True, "need no secret"),
        ("hidden:0", True, "between 1 and"),
        ("hidden:-1", True, "public or hidden:N"),
        ("hidden", True, "public or hidden:N"),
        ("secret", False, "public or hidden:N"),
        ("hidden:٣", True, "public or hidden:N"),
    ],
)
def test_other_seed_texts_are_refused(tmp_path, text, with_secret, message):
    path = tmp_path / "secret.json"
    write_secret(new_secret(), path)
    with pytest.raises(InvalidInput, match=message):
        parse_seeds(text, path if with_secret else None, _DIGEST)
