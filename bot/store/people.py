"""Users, communities, who may use the bot, operators, and erasing a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.domain import CommunityRef, UserRef, Video
from bot.money import ledger
from bot.store import forgotten
from bot.store.db import Tx
from bot.store.plain import from_text, to_text, video_of


@dataclass(frozen=True, slots=True)
class User:
    """A person by our own number."""

    id: int
    created_at: int
    blocked: bool
    privacy_told: bool
    operator: bool
    settings: dict[str, Any]

    @property
    def account(self) -> str:
        return f"user:{self.id}"


def find_user(tx: Tx, who: UserRef) -> User | None:
    row = tx.one(
        "SELECT u.*, o.at AS operator_at FROM identities i JOIN users u ON u.id = i.user_id"
        " LEFT JOIN operators o ON o.user_id = u.id WHERE i.platform = ? AND i.external_id = ?",
        who.platform,
        who.external_id,
    )
    if row is None:
        return None
    return User(
        id=row["id"],
        created_at=row["created_at"],
        blocked=row["blocked_at"] is not None,
        privacy_told=row["privacy_told_at"] is not None,
        operator=row["operator_at"] is not None,
        settings=from_text(row["settings"]),
    )


def ensure_user(tx: Tx, who: UserRef, now: int) -> User:
    """The user, made on first sight; on somebody who was erased lies what lay on them before."""
    found = find_user(tx, who)
    if found:
        return found
    row = tx.one("INSERT INTO users (created_at) VALUES (?) RETURNING id", now)
    assert row is not None
    tx.run(
        "INSERT INTO identities (platform, external_id, user_id) VALUES (?, ?, ?)",
        who.platform,
        who.external_id,
        row["id"],
    )
    kept = forgotten.came_back(tx, who)
    if kept.blocked_at is not None:
        set_blocked(tx, row["id"], kept.blocked_at)
    if kept.denied_at is not None:
        tx.run("INSERT INTO access (user_id, allowed, at) VALUES (?, 0, ?)", row["id"], kept.denied_at)
    blocked = kept.blocked_at is not None
    return User(row["id"], now, blocked=blocked, privacy_told=False, operator=False, settings={})


def identity(tx: Tx, user_id: int, platform: str | None = None) -> UserRef | None:
    """How the user is called, best on `platform`; None once forgotten."""
    row = tx.one(
        "SELECT platform, external_id FROM identities WHERE user_id = ?"
        " ORDER BY CASE WHEN platform = ? THEN 0 ELSE 1 END, platform LIMIT 1",
        user_id,
        platform or "",
    )
    return UserRef(row["platform"], row["external_id"]) if row else None


def blocked(tx: Tx, who: UserRef, user: User | None) -> bool:
    """Whether this person is, be it since before they were erased."""
    return user.blocked if user else forgotten.find(tx, who).blocked_at is not None


def unblock(tx: Tx, who: UserRef) -> None:
    """Also somebody of whom no more is known than their mark: their name stays out."""
    user = find_user(tx, who)
    if user:
        set_blocked(tx, user.id, None)
    else:
        forgotten.lift_block(tx, who)


def set_blocked(tx: Tx, user_id: int, blocked_at: int | None) -> None:
    tx.run("UPDATE users SET blocked_at = ? WHERE id = ?", blocked_at, user_id)


def set_privacy_told(tx: Tx, user_id: int, now: int) -> None:
    tx.run("UPDATE users SET privacy_told_at = ? WHERE id = ? AND privacy_told_at IS NULL", now, user_id)


def save_settings(tx: Tx, user_id: int, settings: dict[str, Any]) -> None:
    tx.run("UPDATE users SET settings = ? WHERE id = ?", to_text(settings), user_id)


def make_operator(tx: Tx, user_id: int, now: int) -> None:
    tx.run("INSERT INTO operators (user_id, at) VALUES (?, ?) ON CONFLICT (user_id) DO NOTHING", user_id, now)


def operators(tx: Tx) -> list[UserRef]:
    """Those who claimed the bot in chat; `OPERATORS` come on top."""
    rows = tx.all("SELECT user_id FROM operators ORDER BY at")
    found = (identity(tx, row["user_id"]) for row in rows)
    return [who for who in found if who]


def ensure_community(tx: Tx, community: CommunityRef, now: int) -> int:
    row = tx.one(
        "SELECT id FROM communities WHERE platform = ? AND external_id = ?",
        community.platform,
        community.external_id,
    ) or tx.one(
        "INSERT INTO communities (platform, external_id, created_at) VALUES (?, ?, ?) RETURNING id",
        community.platform,
        community.external_id,
        now,
    )
    assert row is not None
    number: int = row["id"]
    return number


def find_community(tx: Tx, community: CommunityRef) -> int | None:
    number: int | None = tx.value(
        "SELECT id FROM communities WHERE platform = ? AND external_id = ?",
        community.platform,
        community.external_id,
    )
    return number


def move_community(tx: Tx, old: CommunityRef, new: CommunityRef) -> tuple[int, int] | None:
    """The chat gives a community another id (a Telegram group that became a supergroup); what was decided stays.

    Returns None, or, when both were known already, the number that stays and the one that is gone: what lies in the
    pool of the latter is the former's.
    """
    mine, other = find_community(tx, old), find_community(tx, new)
    if mine is None:
        return None
    if other is not None:
        decided = tx.value("SELECT 1 FROM access WHERE community_id = ?", mine)
        if decided:
            tx.run("DELETE FROM access WHERE community_id = ?", other)
        else:
            tx.run("UPDATE access SET community_id = ? WHERE community_id = ?", mine, other)
        tx.run("DELETE FROM communities WHERE id = ?", other)
    tx.run("UPDATE communities SET external_id = ? WHERE id = ?", new.external_id, mine)
    return None if other is None else (mine, other)


def listed(tx: Tx) -> list[dict[str, Any]]:
    """All users by all their names, oldest first."""
    rows = tx.all(
        "SELECT i.platform, i.external_id, u.created_at, u.blocked_at FROM identities i"
        " JOIN users u ON u.id = i.user_id ORDER BY u.id"
    )
    return [
        {
            "user": f"{row['platform']}:{row['external_id']}",
            "since": row["created_at"],
            "blocked": row["blocked_at"] is not None,
        }
        for row in rows
    ]


def set_access(tx: Tx, who: UserRef | CommunityRef, allowed: bool, now: int) -> None:
    if isinstance(who, UserRef):
        tx.run(
            "INSERT INTO access (user_id, allowed, at) VALUES (?, ?, ?)"
            " ON CONFLICT (user_id) DO UPDATE SET allowed = excluded.allowed, at = excluded.at",
            ensure_user(tx, who, now).id,
            int(allowed),
            now,
        )
    else:
        tx.run(
            "INSERT INTO access (community_id, allowed, at) VALUES (?, ?, ?)"
            " ON CONFLICT (community_id) DO UPDATE SET allowed = excluded.allowed, at = excluded.at",
            ensure_community(tx, who, now),
            int(allowed),
            now,
        )


def access_of(
    tx: Tx, who: UserRef, user: User | None, community: CommunityRef | None
) -> tuple[bool | None, bool | None]:
    """What was decided about the user, be it before they were erased, and about the community; None: nothing was."""
    if user:
        mine = tx.value("SELECT allowed FROM access WHERE user_id = ?", user.id)
    else:
        mine = None if forgotten.find(tx, who).denied_at is None else False
    theirs = (
        tx.value(
            "SELECT a.allowed FROM access a JOIN communities c ON c.id = a.community_id"
            " WHERE c.platform = ? AND c.external_id = ?",
            community.platform,
            community.external_id,
        )
        if community
        else None
    )
    return (None if mine is None else bool(mine), None if theirs is None else bool(theirs))


def access_list(tx: Tx) -> list[dict[str, Any]]:
    """Every decision, oldest first."""
    rows = tx.all(
        "SELECT a.user_id, a.allowed, a.at, c.platform, c.external_id FROM access a"
        " LEFT JOIN communities c ON c.id = a.community_id ORDER BY a.at"
    )
    listed = []
    for row in rows:
        who = (
            identity(tx, row["user_id"])
            if row["user_id"]
            else CommunityRef(row["platform"], row["external_id"])
        )
        if who:
            listed.append({"who": str(who), "allowed": bool(row["allowed"]), "at": row["at"]})
    return listed


def add_strike(tx: Tx, user_id: int, rule: str, now: int) -> None:
    tx.run("INSERT INTO strikes (user_id, rule, at) VALUES (?, ?, ?)", user_id, rule, now)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What lies on disk of an erased person: videos, and the hashes of pictures that nobody else sent."""

    videos: list[Video]
    pictures: list[str]


def forget(tx: Tx, user_id: int, now: int, *, day: int, spent: int) -> Forgotten:
    """Erase a person: names, words, pictures, videos. Transfers stay, nameless; so does what being forgotten must not
    undo (bot.store.forgotten), `spent` since `day` among it.

    Jobs still open are left to end first (the caller refuses); returns the files to delete.
    """
    _keep(tx, user_id, day, spent)
    videos = [
        video_of(row["video"])
        for row in tx.all(
            "SELECT video FROM jobs WHERE user_id = ? AND video IS NOT NULL AND removed_at IS NULL UNION ALL"
            " SELECT e.video FROM extras e JOIN jobs j ON j.id = e.job_id WHERE j.user_id = ? AND e.video IS NOT NULL",
            user_id,
            user_id,
        )
    ]
    tx.run("DELETE FROM identities WHERE user_id = ?", user_id)
    tx.run("DELETE FROM access WHERE user_id = ?", user_id)
    tx.run("DELETE FROM operators WHERE user_id = ?", user_id)
    tx.run("DELETE FROM drafts WHERE user_id = ?", user_id)
    tx.run("DELETE FROM extras WHERE job_id IN (SELECT id FROM jobs WHERE user_id = ?)", user_id)
    mine = [row["sha256"] for row in tx.all("SELECT sha256 FROM pictures WHERE user_id = ?", user_id)]
    tx.run("DELETE FROM pictures WHERE user_id = ?", user_id)
    pictures = [each for each in mine if not tx.one("SELECT 1 FROM pictures WHERE sha256 = ?", each)]
    for sha256 in pictures:
        tx.run("DELETE FROM uploads WHERE sha256 = ?", sha256)
    tx.run(
        "UPDATE deliveries SET message_id = NULL WHERE job_id IN (SELECT id FROM jobs WHERE user_id = ?)",
        user_id,
    )
    tx.run(
        "UPDATE jobs SET key = 'forgotten:' || id, request = '{}', input = '{}', chat = '{}', message_id = NULL, failure_text ="
        " CASE WHEN failure_text IS NULL THEN NULL ELSE '' END, removed_at = ? WHERE user_id = ?",
        now,
        user_id,
    )
    tx.run("UPDATE events SET detail = '{}' WHERE job_id IN (SELECT id FROM jobs WHERE user_id = ?)", user_id)
    tx.run("UPDATE users SET forgotten_at = ?, settings = '{}' WHERE id = ?", now, user_id)
    return Forgotten(videos, pictures)


def _keep(tx: Tx, user_id: int, day: int, spent: int) -> None:
    row = tx.one(
        "SELECT u.blocked_at, a.at AS denied_at, t.id AS welcome FROM users u"
        " LEFT JOIN access a ON a.user_id = u.id AND a.allowed = 0"
        " LEFT JOIN transfers t ON t.reference = ? WHERE u.id = ?",
        ledger.welcome_reference(user_id),
        user_id,
    )
    assert row is not None
    kept = forgotten.Kept(row["blocked_at"], row["denied_at"], row["welcome"] is not None, day, spent)
    for name in tx.all("SELECT platform, external_id FROM identities WHERE user_id = ?", user_id):
        forgotten.keep(tx, UserRef(name["platform"], name["external_id"]), kept)
