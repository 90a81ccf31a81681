"""The commands over the database: credits, people, the pause switch, backups, models; none of them needs a key."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from support.command import Kiebot

ADA = "telegram:5"
HERD = "discord-server:77"


def test_granted_credits_stand_in_balance_history_and_ledger(kiebot: Kiebot) -> None:
    kiebot("credits", "grant", ADA, 100, "--reason", "October")
    granted = kiebot("credits", "grant", ADA, -30, "--reason", "typo", "--json").json
    assert granted == kiebot("credits", "balance", ADA, "--json").json
    assert (granted["available"], granted["held"], granted["who"]) == (70, 0, ADA)
    assert granted["account"].startswith("user:")
    history = kiebot("credits", "history", ADA, "--json").json
    assert [(each["amount"], each["reason"]) for each in history] == [(-30, "typo"), (100, "October")]
    assert len(kiebot("credits", "history", ADA, "--json", "--limit", 1).json) == 1
    assert kiebot("credits", "verify", "--json").json == {"ok": True, "broken": {}}


def test_a_person_reads_the_same_in_words(kiebot: Kiebot) -> None:
    assert kiebot("credits", "grant", HERD, 5, "--reason", "x").out == f"Done. {HERD} now has 5 credits.\n"
    assert kiebot("credits", "balance", HERD).out == "5 credits\n"
    assert "+5" in kiebot("credits", "history", HERD).out
    assert "every rule holds" in kiebot("credits", "verify").out


def test_a_grant_with_a_key_is_given_once(kiebot: Kiebot) -> None:
    for _ in range(2):
        kiebot("credits", "grant", ADA, 100, "--reason", "October", "--key", "october")
    assert kiebot("credits", "balance", ADA, "--json").json["available"] == 100


def test_another_grant_under_the_same_key_is_one_sentence_and_nothing_is_granted(kiebot: Kiebot) -> None:
    kiebot("credits", "grant", ADA, 100, "--reason", "October", "--key", "k1")
    for who, amount in ((ADA, 150), (HERD, 100)):
        ended = kiebot("credits", "grant", who, amount, "--reason", "October", "--key", "k1")
        assert (ended.status, ended.out) == (1, "")
        assert "the key k1 was used before" in ended.complaint
        assert len(ended.complaint.splitlines()) == 1
    assert kiebot("credits", "balance", ADA, "--json").json["available"] == 100


def test_a_blocked_person_who_was_forgotten_is_unblocked_by_name(kiebot: Kiebot) -> None:
    kiebot("users", "block", ADA)
    kiebot("users", "forget", ADA)
    assert kiebot("users", "unblock", ADA).status == 0
    assert kiebot("users", "--json").json == []


def test_nobody_is_brought_below_zero(kiebot: Kiebot) -> None:
    ended = kiebot("credits", "grant", ADA, -1, "--reason", "x")
    assert (ended.status, ended.out) == (1, "")


def test_a_broken_ledger_ends_with_one_and_the_rule_is_named(kiebot: Kiebot, folder: Path) -> None:
    kiebot("credits", "grant", ADA, 100, "--reason", "x")
    database = sqlite3.connect(folder / "data" / "kiebot.db")
    with database:
        database.execute("UPDATE balances SET available = 101")
    database.close()
    ended = kiebot("credits", "verify", "--json")
    assert ended.status == 1
    assert ended.json["ok"] is False
    assert list(ended.json["broken"]) == ["a balance equals the sum of its transfers"]
    assert "a balance equals the sum of its transfers" in ended.complaint


def test_who_may_use_the_bot_is_decided_and_listed(kiebot: Kiebot) -> None:
    assert kiebot("allow", HERD).status == kiebot("deny", ADA).status == 0
    listed = {each["who"]: each["allowed"] for each in kiebot("access", "--json").json}
    assert listed == {HERD: True, ADA: False}
    words = kiebot("access").out
    assert "ACCESS is closed" in words
    assert "denied" in words


def test_users_are_blocked_listed_and_forgotten(kiebot: Kiebot) -> None:
    kiebot("credits", "grant", ADA, 100, "--reason", "x")
    kiebot("users", "block", ADA)
    assert kiebot("users", "--json").json[0]["blocked"] is True
    assert "blocked" in kiebot("users").out
    kiebot("users", "unblock", ADA)
    assert kiebot("users", "--json").json[0]["blocked"] is False
    assert "is erased" in kiebot("users", "forget", ADA).out
    assert kiebot("users", "--json").json == []
    assert kiebot("credits", "verify").status == 0


def test_a_backup_can_be_restored_starts_paused_and_resumes(kiebot: Kiebot, folder: Path) -> None:
    kiebot("credits", "grant", ADA, 100, "--reason", "x")
    assert kiebot("db", "backup", "kept.db").status == 0
    kiebot("credits", "grant", ADA, 100, "--reason", "later")
    assert "--force" in kiebot("db", "restore", "kept.db").complaint
    assert "paused" in kiebot("db", "restore", "kept.db", "--force").out
    assert kiebot("credits", "balance", ADA, "--json").json["available"] == 100
    assert "Resumed" in kiebot("resume").out


def test_migrating_tells_what_it_did(kiebot: Kiebot) -> None:
    assert "from version 0 to" in kiebot("db", "migrate").out
    assert "nothing to do" in kiebot("db", "migrate").out


def test_the_models_are_listed_with_state_and_price(kiebot: Kiebot) -> None:
    listed = {each["id"]: each for each in kiebot("models", "--json").json}
    assert {"veo-3-1", "veo-3-1:lite", "veo-3-1:quality", "kling-3.0/video"} <= set(listed)
    sora = listed["sora-2-text-to-video"]
    assert (sora["state"], sora["since"], sora["price_from"]) == ("retired", "2026-09-24", 30)
    assert sora["stand_ins"]
    assert sora["reason"]
    assert "Nothing replaces it" in listed["sora-watermark-remover"]["reason"]
    wanted = {"id", "name", "family", "kind", "state", "since", "reason", "stand_ins", "price_from", "unit"}
    assert all(wanted <= set(each) for each in listed.values())
    everything = kiebot("models", "--all", "--json").json
    assert len(everything) == 67
    assert len(kiebot("models").out.splitlines()) == len(listed) + 1


def test_another_folder_than_data_dir_can_be_named(kiebot: Kiebot) -> None:
    kiebot("db", "migrate", DATA_DIR="elsewhere")
    kiebot("credits", "grant", ADA, 7, "--reason", "x", "--data", "elsewhere")
    assert kiebot("credits", "balance", ADA, "--json", DATA_DIR="elsewhere").json["available"] == 7


def test_an_empty_list_is_an_empty_document(kiebot: Kiebot) -> None:
    for words in ("jobs", "access", "users"):
        assert kiebot(words, "--json").json == []


@pytest.mark.parametrize("words", ["--json show", "show --json"])
def test_json_may_be_asked_for_before_and_behind_an_action(kiebot: Kiebot, words: str) -> None:
    ended = kiebot("jobs", *words.split(), "7K3M9QX2AB")
    assert (ended.status, ended.out) == (1, "")
