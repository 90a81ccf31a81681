"""Drafts (quoted requests awaiting Confirm) and the pictures they name."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from bot.domain import ChatRef, CommunityRef, Draft, Picture, Quote, Request
from bot.store.db import Row, Tx
from bot.store.plain import from_text, to_text


def insert(tx: Tx, draft: Draft) -> None:
    tx.run(
        "INSERT INTO drafts (id, key, n, user_id, payer, chat, request, quote, price, created_at, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        draft.id,
        draft.key,
        draft.n,
        draft.user_id,
        draft.payer,
        chat_text(draft.chat),
        to_text(draft.request.to_json()),
        quote_text(draft.quote),
        draft.price,
        draft.created_at,
        draft.expires_at,
    )


def requote(tx: Tx, draft: Draft) -> bool:
    """Another request or a fresh price for a draft; False once it became a job."""
    return bool(
        tx.run(
            "UPDATE drafts SET request = ?, quote = ?, price = ?, expires_at = ? WHERE id = ? AND job_id IS NULL",
            to_text(draft.request.to_json()),
            quote_text(draft.quote),
            draft.price,
            draft.expires_at,
            draft.id,
        )
    )


def get(tx: Tx, draft_id: str) -> Draft | None:
    row = tx.one("SELECT * FROM drafts WHERE id = ?", draft_id)
    return _draft(row) if row else None


def by_key(tx: Tx, key: str) -> Sequence[Draft]:
    """The drafts that one asking message led to, in order."""
    return [_draft(row) for row in tx.all("SELECT * FROM drafts WHERE key = ? ORDER BY n", key)]


def became(tx: Tx, draft_id: str, job_id: str) -> None:
    tx.run("UPDATE drafts SET job_id = ? WHERE id = ? AND job_id IS NULL", job_id, draft_id)


def drop_old(tx: Tx, before: int) -> int:
    return tx.run("DELETE FROM drafts WHERE created_at < ?", before)


def _draft(row: Row) -> Draft:
    return Draft(
        id=row["id"],
        key=row["key"],
        n=row["n"],
        user_id=row["user_id"],
        payer=row["payer"],
        chat=chat_of(row["chat"]),
        request=Request.from_json(from_text(row["request"])),
        quote=quote_of(row["quote"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        job_id=row["job_id"],
    )


# --- values as text ----------------------------------------------------------------------------------------------


def chat_text(chat: ChatRef) -> str:
    data: dict[str, Any] = {"platform": chat.platform, "address": chat.address}
    if chat.community:
        data["community"] = str(chat.community)
    if chat.private:
        data["private"] = True
    return to_text(data)


def chat_of(text: str) -> ChatRef:
    """The chat; one without a platform once its person is forgotten."""
    data = from_text(text)
    community = CommunityRef.parse(data["community"]) if data.get("community") else None
    return ChatRef(data.get("platform", ""), data.get("address", ""), community, bool(data.get("private")))


def quote_text(quote: Quote) -> str:
    return to_text(
        {
            "model": quote.model,
            "kie_model": quote.kie_model,
            "input": dict(quote.input),
            "kie_credits": str(quote.kie_credits),
            "credits": quote.credits,
            "rule": quote.rule,
            "aspect": quote.aspect,
            "seconds": quote.seconds,
            "quality": quote.quality,
            "sound": quote.sound,
            "notes": list(quote.notes),
        }
    )


def quote_of(text: str) -> Quote:
    data = from_text(text)
    return Quote(**{**data, "kie_credits": Decimal(data["kie_credits"]), "notes": tuple(data["notes"])})


# --- pictures ----------------------------------------------------------------------------------------------------


def remember_picture(tx: Tx, picture: Picture, user_id: int, now: int) -> None:
    tx.run(
        "INSERT INTO pictures (sha256, mime, width, height, size, user_id, created_at, used_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (sha256, user_id) DO UPDATE SET used_at = excluded.used_at",
        picture.sha256,
        picture.mime,
        picture.width,
        picture.height,
        picture.size,
        user_id,
        now,
        now,
    )


def picture_of(tx: Tx, sha256: str, user_id: int) -> Picture | None:
    """A picture this user sent before."""
    row = tx.one("SELECT * FROM pictures WHERE sha256 = ? AND user_id = ?", sha256, user_id)
    return Picture(row["sha256"], row["mime"], row["width"], row["height"], row["size"]) if row else None


def drop_old_pictures(tx: Tx, before: int) -> None:
    tx.run("DELETE FROM pictures WHERE used_at < ?", before)
    tx.run("DELETE FROM uploads WHERE at < ?", before)


def picture_names(tx: Tx) -> set[str]:
    """Hashes still belonging to someone."""
    return {row["sha256"] for row in tx.all("SELECT DISTINCT sha256 FROM pictures")}


def uploaded(tx: Tx, names: Sequence[str], after: int) -> dict[str, str]:
    """The addresses KIE gave for these pictures (by hash), as far as they were given after `after`."""
    found = {
        name: tx.value("SELECT url FROM uploads WHERE sha256 = ? AND at > ?", name, after) for name in names
    }
    return {name: url for name, url in found.items() if url}


def remember_upload(tx: Tx, sha256: str, url: str, now: int) -> None:
    tx.run(
        "INSERT INTO uploads (sha256, url, at) VALUES (?, ?, ?)"
        " ON CONFLICT (sha256) DO UPDATE SET url = excluded.url, at = excluded.at",
        sha256,
        url,
        now,
    )
