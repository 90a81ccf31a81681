"""Operators' commands in chat: access, credits, blocks, the pause switch, the state of the bot."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping

from bot import wording
from bot.domain import CommunityRef, JobState, UserRef
from bot.errors import UserError
from bot.office import user_of, who_of
from bot.talk.base import Base, Pressed
from bot.talk.commands import unknown
from bot.talk.values import Answer, Asker, Fields, Heading, Part, Screen, Text
from bot.texts import in_credits, say

Target = UserRef | CommunityRef | None
_REASON_MOST = 200
_SHOWN_MOST = 10
_AMOUNT = re.compile(r"[+-]?\d{1,3}(,\d{3})+|[+-]?\d+")
_STATES = {
    JobState.QUEUED: "operate.state_queued",
    JobState.SUBMITTING: "operate.state_submitting",
    JobState.RUNNING: "operate.state_running",
    JobState.SETTLED: "operate.state_settled",
}
# what each kind of notice was about, by the beginning of its name
_NOTICES = {
    "account": "operate.notice_account",
    "backup": "operate.notice_backup",
    "balance": "operate.notice_balance",
    "check": "operate.notice_check",
    "disk": "operate.notice_disk",
    "fault": "operate.notice_fault",
    "gate": "operate.notice_gate",
    "gate-open": "operate.notice_gate_open",
    "gift": "operate.notice_gift",
    "kept": "operate.notice_kept",
    "lost": "operate.notice_lost",
    "no-result": "operate.notice_no_result",
    "orphan": "operate.notice_orphan",
    "report": "operate.notice_report",
    "twice": "operate.notice_twice",
    "unfetchable": "operate.notice_unfetchable",
    "withdrawn": "operate.notice_withdrawn",
}


class Operate(Base):
    """Checks itself that the asker is an operator; to everybody else these commands do not exist."""

    def verbs(self) -> Mapping[str, Pressed]:
        return {"op": self._pressed}

    async def operate(self, asker: Asker, name: str, text: str = "", target: Target = None) -> Answer:
        """allow, deny, grant, block, unblock, pause, resume, status. `target` is whom the message replies to or
        mentions; what the text itself names comes first. Raises UserError."""
        known: Mapping[str, Callable[[Asker, str, Target], Awaitable[Answer]]] = {
            "allow": self._allow,
            "deny": self._deny,
            "grant": self._grant,
            "block": self._block,
            "unblock": self._unblock,
            "pause": self._pause,
            "resume": self._resume,
            "status": self._status,
        }
        handle, allowed = known.get(name.lower()), await self.studio.is_operator_now(asker.who)
        if handle is None or not allowed:
            raise unknown(name, allowed)
        return await handle(asker, text.strip(), target)

    # --- who may come in -----------------------------------------------------------------------------------------

    async def _allow(self, asker: Asker, text: str, target: Target) -> Answer:
        usage = "operate.usage_allow_fields" if asker.has_fields else "operate.usage_allow"
        who = self._anybody(asker, text, target, usage)
        await self.office.allow(who)
        return _decided(asker, who, "operate.allowed", "operate.allowed_here")

    async def _deny(self, asker: Asker, text: str, target: Target) -> Answer:
        usage = "operate.usage_deny_fields" if asker.has_fields else "operate.usage_deny"
        who = self._anybody(asker, text, target, usage)
        await self.office.allow(who, allowed=False)
        return _decided(asker, who, "operate.denied", "operate.denied_here")

    def _anybody(self, asker: Asker, text: str, target: Target, usage: str) -> UserRef | CommunityRef:
        """Who is meant: by the text, by the reply, or this community. Raises UserError."""
        word = _first_word(text)
        found = UserRef.parse(word) or CommunityRef.parse(word) or target
        if found is None and word:
            return who_of(word)
        found = found or asker.chat.community
        if found is None:
            raise UserError(usage)
        return found

    async def _block(self, asker: Asker, text: str, target: Target) -> Answer:
        return await self._block_user(asker, self._somebody(text, target, "operate.usage_block"))

    async def _unblock(self, asker: Asker, text: str, target: Target) -> Answer:
        who = self._somebody(text, target, "operate.usage_unblock")
        await self.office.block(who, blocked=False)
        return _said("operate.unblocked", asker, who=who)

    async def _block_user(self, asker: Asker, who: UserRef) -> Answer:
        if await self.studio.is_operator_now(who):
            raise UserError("operate.no_block", who=who)
        await self.office.block(who)
        return _said("operate.blocked", asker, who=who)

    @staticmethod
    def _somebody(text: str, target: Target, usage: str) -> UserRef:
        """Raises UserError."""
        word = _first_word(text)
        named = UserRef.parse(word)
        if named is None and isinstance(target, UserRef):
            return target
        if not word:
            raise UserError(usage)
        return user_of(word)

    # --- credits -------------------------------------------------------------------------------------------------

    async def _grant(self, asker: Asker, text: str, target: Target) -> Answer:
        """`[USER] N [reason]`; the message's key lets it grant once."""
        who, amount, reason = _grant_of(text, target)
        why = reason or say("operate.grant_reason" if amount > 0 else "operate.take_reason")
        balance = await self.office.grant(who, amount, why, asker.key)
        price = in_credits(abs(amount), asker.language)
        key = "operate.granted" if amount > 0 else "operate.taken"
        done = say(
            key, asker.language, price=price, who=who, balance=in_credits(balance.available, asker.language)
        )
        told = "" if amount < 0 else say(await self._tell_granted(who, amount, reason), asker.language)
        return Answer(screen=_private(Text(" ".join(filter(None, [done, told])))))

    async def _tell_granted(self, who: UserRef, amount: int, reason: str) -> str:
        """The key of what to say about it."""
        language = await self.language(who)
        price = in_credits(amount, language)
        text = say("operate.gift", language, price=price)
        if reason:
            text = say("operate.gift_reason", language, price=price, reason=wording.cut(reason, _REASON_MOST))
        return "operate.told" if await self._tell(who, text) else "operate.not_told"

    # --- switches ------------------------------------------------------------------------------------------------

    async def _pause(self, asker: Asker, text: str, _: Target) -> Answer:
        await self.office.pause(wording.cut(" ".join(text.split()), _REASON_MOST) or None)
        return _said("operate.paused", asker)

    async def _resume(self, asker: Asker, _text: str, _target: Target) -> Answer:
        """After a restore also: which jobs were refunded, since they may have been sent after the backup was made."""
        lost = await self.office.resume()
        parts: list[Part] = [Text(say("operate.resumed", asker.language))]
        if lost:
            lines = [f"{job.id} · {job.user} · {in_credits(job.price, asker.language)}" for job in lost]
            parts += [
                Text(say("operate.written_off", asker.language, n=len(lost))),
                Text("\n".join(_first(lines, asker.language))),
            ]
        return Answer(screen=_private(*parts))

    # --- the state of things -------------------------------------------------------------------------------------

    async def _status(self, asker: Asker, _text: str, _target: Target) -> Answer:
        status, language = await self.office.status(), asker.language
        jobs = [
            say(key, language, n=status.jobs[state])
            for state, key in _STATES.items()
            if status.jobs.get(state)
        ]
        orders = (
            say("operate.orders_open", language)
            if status.paused is None
            else say("operate.orders_paused", language, reason=wording.cut(status.paused, _REASON_MOST))
        )
        gates = "\n".join(
            say(
                "operate.gate_closed",
                language,
                account=gate.account,
                code=gate.code,
                text=wording.cut(gate.text, 120),
            )
            for gate in status.gates[:_SHOWN_MOST]
        )
        balance = "" if status.kie_balance is None else f"{status.kie_balance:,}"
        lines = [
            ("operate.label_orders", orders),
            ("operate.label_jobs", ", ".join(jobs) or say("operate.no_jobs", language)),
            ("operate.label_kie", gates or say("operate.gates_open", language)),
            ("operate.label_today", say("operate.kie_credits", language, n=status.kie_today)),
            ("operate.label_balance", say("operate.kie_credits", language, n=balance) if balance else ""),
            ("operate.label_disk", say("operate.disk_free", language, gb=f"{status.free_bytes / 1e9:.1f}")),
        ]
        fields = Fields(tuple((say(label, language), value) for label, value in lines if value))
        parts: list[Part] = [Heading(say("operate.status_title", language)), fields]
        notices = [
            f"{wording.moment(each.at)} · {_notice_words(each.kind, language)}" for each in status.notices
        ]
        if notices:
            parts += [Heading(say("operate.notices_title", language)), Text("\n".join(notices))]
        return Answer(screen=_private(*parts))

    # --- the buttons of a report ---------------------------------------------------------------------------------

    async def _pressed(self, asker: Asker, rest: str) -> Answer:
        """`op:remove:<job>`, `op:block:<job>`: the video from our disk, its asker from the bot. Raises UserError."""
        if not await self.studio.is_operator_now(asker.who):
            raise UserError("talk.not_yours")
        what, _, job_id = rest.partition(":")
        job, _ = await self.office.job(job_id)
        if what == "remove":
            await self.office.remove(job.id)
            return Answer(fresh=_private(Text(say("operate.removed", asker.language, job=job.id))))
        if what != "block":
            raise UserError("talk.old_button")
        if job.user.platform == "gone":
            raise UserError("operate.asker_gone")
        blocked = await self._block_user(asker, job.user)
        return Answer(fresh=blocked.screen)


def _first_word(text: str) -> str:
    """A reason may follow whom it is about."""
    return text.split()[0] if text else ""


def _grant_of(text: str, target: Target) -> tuple[UserRef, int, str]:
    """Who gets how much, and why. Raises UserError."""
    words = text.split()
    who = UserRef.parse(words[0]) if words else None
    if who:
        words = words[1:]
    elif isinstance(target, UserRef):
        who = target
        if words and not _AMOUNT.fullmatch(words[0]):
            # a mention stands in front; `target` is whom it names
            words = words[1:]
    if who is None or not words or not _AMOUNT.fullmatch(words[0]):
        raise UserError("operate.usage_grant")
    return who, int(words[0].replace(",", "")), " ".join(words[1:])


def _notice_words(kind: str, language: str) -> str:
    name, _, subject = kind.partition(":")
    words = say(_NOTICES[name], language) if name in _NOTICES else name
    return f"{words} ({wording.cut(subject, 40)})" if subject else words


def _first(lines: list[str], language: str) -> list[str]:
    if len(lines) <= _SHOWN_MOST:
        return lines
    return [*lines[:_SHOWN_MOST], say("operate.and_more", language, n=len(lines) - _SHOWN_MOST)]


def _private(*parts: Part) -> Screen:
    return Screen(parts, private=True)


def _decided(asker: Asker, who: UserRef | CommunityRef, key: str, key_here: str) -> Answer:
    """What is decided about a community in the community itself is said to all, for they wait for it."""
    if who == asker.chat.community:
        return Answer(screen=Screen((Text(say(key_here, asker.language)),)))
    return _said(key, asker, who=who)


def _said(key: str, asker: Asker, **values: object) -> Answer:
    return Answer(screen=_private(Text(say(key, asker.language, **values))))
