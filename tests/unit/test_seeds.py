"""Seeds: the public ones, and hidden ones from a committed secret."""

import errno
import hashlib
import hmac
import json
import os
import pickle
import traceback
from pathlib import Path

import numpy as np
import pytest

from arena.contract.seeds import (
    PUBLIC_SEEDS,
    PublicSeeds,
    Secret,
    hidden_seeds,
    new_secret,
    parse_seeds,
    read_reveal,
    read_secret,
    reveal_secret,
    to_json,
    write_reveal,
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


def test_the_key_of_drawn_scenarios_follows_the_stated_derivation():
    plan = hidden_seeds(Secret(master="11" * 32, salt="22" * 32), 5, _DIGEST)
    assert plan.draw_key.value == hmac.new(b"\x11" * 32, f"scenarios|{_DIGEST}".encode(), hashlib.sha256).digest()
    assert plan.draw_key.public_seed is None
    assert PublicSeeds().draw_key is None


def test_secrets_and_what_is_derived_from_them_never_show():
    secret = new_secret()
    plan = hidden_seeds(secret, 2, _DIGEST)
    seed = plan.episode(_SCENARIO, 0)
    things = (secret, reveal_secret(secret), plan, seed, seed.entropy, plan.draw_key)
    shown = "".join(f"{thing!r}{thing!s}{thing}" for thing in things)
    bits = int.from_bytes(plan.draw_key.value, "big")
    for number in (int(secret.master, 16), int(secret.salt, 16), int(seed.entropy), seed.controller_seed, bits):
        assert f"{number:x}" not in shown
        assert f"{number:d}" not in shown


def test_a_hidden_seed_is_an_ordinary_number_in_all_else():
    seed = hidden_seeds(new_secret(), 1, _DIGEST).episode(_SCENARIO, 0)
    again = pickle.loads(pickle.dumps(seed))
    assert again == seed
    assert hash(again) == hash(seed)
    plain = int(seed.entropy)
    assert type(plain) is int
    assert type(seed.entropy + 0) is int
    drawn = [
        np.random.Generator(np.random.PCG64(np.random.SeedSequence(one))).random() for one in (plain, seed.entropy)
    ]
    assert drawn[0] == drawn[1]
    assert str(PublicSeeds().episode(_SCENARIO, 0).entropy) == "42"


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


def test_a_reveal_is_a_document_of_its_own(tmp_path):
    secret, kept, told = new_secret(), tmp_path / "secret.json", tmp_path / "reveal.json"
    write_secret(secret, kept)
    write_reveal(reveal_secret(secret), told)
    reveal = read_reveal(told)
    assert (reveal.master, reveal.salt, reveal.commitment) == (secret.master, secret.salt, secret.commitment)
    assert json.loads(told.read_text()) == json.loads(to_json(reveal))
    assert json.loads(told.read_text())["format"] == "arena-seed-reveal-1"
    assert not told.stat().st_mode & 0o111
    plans = [hidden_seeds(one, 3, _DIGEST) for one in (secret, reveal)]
    assert plans[0].episode(_SCENARIO, 2) == plans[1].episode(_SCENARIO, 2)


def test_a_secret_is_no_reveal_and_a_reveal_no_secret(tmp_path):
    secret, kept, told = new_secret(), tmp_path / "secret.json", tmp_path / "reveal.json"
    write_secret(secret, kept)
    write_reveal(reveal_secret(secret), told)
    told.chmod(0o600)
    with pytest.raises(
        InvalidInput, match=r"format: is not that of a reveal; after the run.*arena seeds reveal"
    ) as one:
        read_reveal(kept)
    with pytest.raises(
        InvalidInput, match="format: is not that of a secret; name the file that arena seeds new"
    ) as two:
        read_secret(told)
    assert secret.master not in f"{one.value}{two.value}"
    assert (read_secret(kept), read_reveal(told)) == (secret, reveal_secret(secret))


def test_a_reveal_overwrites_nothing(tmp_path):
    path = tmp_path / "secret.json"
    write_secret(new_secret(), path)
    before = path.read_bytes()
    with pytest.raises(ArenaError, match="exists already; a reveal overwrites nothing: choose another name"):
        write_reveal(reveal_secret(read_secret(path)), path)
    assert path.read_bytes() == before


def test_a_full_disk_leaves_no_half_secret_and_tells_nothing_of_it(tmp_path, monkeypatch):
    secret, path = new_secret(), tmp_path / "secret.json"
    opened = os.fdopen

    def full(descriptor, mode):
        file = opened(descriptor, mode)
        file.close()
        return opened(os.open("/dev/full", os.O_WRONLY), mode)

    monkeypatch.setattr(os, "fdopen", full)
    told = f"cannot be written: {os.strerror(errno.ENOSPC)}; free some space"
    with pytest.raises(ArenaError, match=told) as caught:
        write_secret(secret, path)
    monkeypatch.undo()
    assert not path.exists()
    assert secret.master not in told_with_locals(caught.value)
    write_secret(secret, path)
    assert read_secret(path) == secret


def told_with_locals(error):
    """A traceback with the variables of every frame of the arena's, and of the errors that led to it."""
    whole = traceback.TracebackException.from_exception(error, capture_locals=True)
    chain, found = [whole], []
    while chain:
        one = chain.pop()
        found += [
            f"{frame.locals}"
            for frame in one.stack
            if "arena" in Path(frame.filename).parts and frame.locals is not None
        ]
        found += [f"{one}"]
        chain += [other for other in (one.__cause__, one.__context__) if other is not None]
    assert found
    return "\n".join(found)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text, master: text.replace(master, master[:-1]),
        lambda text, master: text.replace("master", "mastr"),
        lambda text, master: text.replace('"master": ', ""),
        lambda text, master: f"{master}: 1",
        lambda text, master: master,
        lambda text, master: text + text,
        lambda text, master: text.replace(f'"{master}"', f"!!python/name:{master}"),
        lambda text, master: text.replace(f'"{master}"', f"[{master}, {master}]"),
        lambda text, master: text.replace("{", f"{{*{master}"),
    ],
)
def test_no_damage_makes_a_message_or_traceback_show_a_secret(tmp_path, damage):
    secret, path = new_secret(), tmp_path / "secret.json"
    path.write_text(damage(to_json(secret), secret.master))
    path.chmod(0o600)
    for read in (read_secret, read_reveal):
        with pytest.raises(InvalidInput, match=r"secret\.json") as caught:
            read(path)
        shown = f"{caught.value}{caught.value!r}{told_with_locals(caught.value)}"
        assert secret.master[:60] not in shown
        assert secret.salt[:60] not in shown


def test_the_command_lines_seed_texts(tmp_path):
    path = tmp_path / "secret.json"
    write_secret(new_secret(), path)
    assert parse_seeds("public", None, _DIGEST).label == "public"
    assert parse_seeds("public:3", None, _DIGEST).count == 3
    hidden = parse_seeds("hidden:7", path, _DIGEST)
    assert (hidden.label, hidden.count, hidden.commitment) == ("hidden:7", 7, read_secret(path).commitment)


@pytest.mark.parametrize(
    ("text", "with_secret", "message"),
    [
        ("hidden:7", False, "need a secret"),
        ("public", True, "need no secret"),
        ("hidden:0", True, "between 1 and"),
        ("public:11", False, r"there are 10 public seeds, got .*; write hidden:11 with --secret FILE"),
        ("public:0", False, "between 1 and 10"),
        ("public:", False, "public, public:N or hidden:N"),
        ("hidden:-1", True, "public, public:N or hidden:N"),
        ("hidden", True, "public, public:N or hidden:N"),
        ("secret", False, "public, public:N or hidden:N"),
        ("hidden:٣", True, "public, public:N or hidden:N"),
    ],
)
def test_other_seed_texts_are_refused(tmp_path, text, with_secret, message):
    path = tmp_path / "secret.json"
    write_secret(new_secret(), path)
    with pytest.raises(InvalidInput, match=message):
        parse_seeds(text, path if with_secret else None, _DIGEST)
