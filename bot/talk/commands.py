"""Members' commands that make no video: what the bot is, what it sells, their own things, and being forgotten."""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from bot import wording
from bot.domain import Button, Failure
from bot.errors import UserError
from bot.talk.base import Pressed, action
from bot.talk.ends import Ends
from bot.talk.prefs import Prefs
from bot.talk.purse import Purse
from bot.talk.rows import turning
from bot.talk.shelf import entry, pages, shelved
from bot.talk.values import Answer, Asker, Fields, Heading, Part, Screen, Small, Text, Words
from bot.texts import in_credits, say

# To register with the chats, in this order: name, and the key of what it says it does.
COMMANDS: tuple[tuple[str, str], ...] = (
    ("video", "info.about_video"),
    ("sora", "info.about_sora"),
    ("storyboard", "info.about_storyboard"),
    ("unwatermark", "info.about_unwatermark"),
    ("models", "info.about_models"),
    ("balance", "info.about_balance"),
    ("history", "info.about_history"),
    ("cancel", "info.about_cancel"),
    ("settings", "info.about_settings"),
    ("help", "info.about_help"),
    ("terms", "info.about_terms"),
    ("privacy", "info.about_privacy"),
    ("forget", "info.about_forget"),
    ("report", "info.about_report"),
)
# What anybody may ask, let in or not.
OPEN = frozenset(["start", "help", "privacy", "terms", "claim", "forget"])
OWN = frozenset(["history", "balance", "cancel"])
# What a deep link leads to (`/start history`, `/start get_<job>`).
LINKED = OWN | {"help", "models", "settings", "terms", "privacy", "forget"}
JOB = "a job"  # no command has such a name
OPERATOR_COMMANDS: tuple[tuple[str, str], ...] = (
    ("status", "operate.about_status"),
    ("allow", "operate.about_allow"),
    ("deny", "operate.about_deny"),
    ("grant", "operate.about_grant"),
    ("block", "operate.about_block"),
    ("unblock", "operate.about_unblock"),
    ("pause", "operate.about_pause"),
    ("resume", "operate.about_resume"),
)
_HELP_GROUPS = (
    ("info.help_make", ("video", "sora", "storyboard", "unwatermark", "models")),
    ("info.help_yours", ("history", "balance", "cancel", "settings")),
    ("info.help_rules", ("privacy", "terms", "forget", "report")),
)
_ABOUT = dict(COMMANDS)
_NAME_MOST = 32

Command = Callable[[Asker, str], Awaitable[Answer]]


def unknown(name: str, operator: bool = False) -> UserError:
    """The sentence for a command that does not exist, or not for this asker."""
    names = [*_ABOUT, *(dict(OPERATOR_COMMANDS) if operator else ())]
    near = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.6)
    shown = wording.cut(name, _NAME_MOST)
    if near:
        return UserError("info.unknown_near", name=shown, near=near[0])
    return UserError("info.unknown", name=shown)


def _linked(payload: str) -> str:
    """The command that a deep link stands for, or JOB; "" for none."""
    payload = payload.strip()
    kind, _, job_id = payload.partition("_")
    if kind in ("job", "get") and job_id:
        return JOB
    return payload if payload in LINKED else ""


def _for_operators(asker: Asker) -> Fields:
    """Their commands, as this chat spells them."""
    prefix = "/operator " if asker.has_fields else "/"
    return Fields(tuple((prefix + name, say(about, asker.language)) for name, about in OPERATOR_COMMANDS))


class Commands(Purse, Prefs, Ends):
    """Commands of members that make no video."""

    def verbs(self) -> Mapping[str, Pressed]:
        return {
            **Purse.verbs(self),
            **Prefs.verbs(self),
            "model": self._turn_models,
            "bye": self._bye,
        }

    async def admit_to(self, asker: Asker, name: str, text: str = "") -> None:
        """To one of the commands below, before it is followed. What somebody has ordered is theirs to look at also where
        the community that let them in is not. Raises UserError or Hush."""
        name = name.lower()
        if name == "start" and (kind := _linked(text)):
            name = kind
        if name in OPEN:
            await self.admit_anybody(asker)
        elif name == JOB or (name in OWN and await self.studio.history(asker.who, limit=1)):
            await self.admit_owner(asker)
        else:
            await self.admit(asker)

    async def command(self, asker: Asker, name: str, text: str = "") -> Answer:
        """One of COMMANDS but for the first four, or start or claim. Raises UserError, for an unknown one too."""
        known: Mapping[str, Command] = {
            "start": self._on_start,
            "help": self._on_help,
            "models": self._on_models,
            "balance": self._on_balance,
            "history": self._on_history,
            "cancel": self._on_cancel,
            "settings": self._on_settings,
            "terms": self._on_terms,
            "privacy": self._on_privacy,
            "forget": self._on_forget,
            "report": self.report_command,
            "claim": self._on_claim,
        }
        handle = known.get(name.lower())
        if handle is None:
            raise unknown(name, await self.studio.is_operator_now(asker.who))
        return await handle(asker, text.strip())

    # --- coming in -----------------------------------------------------------------------------------------------

    async def _on_start(self, asker: Asker, payload: str) -> Answer:
        """A greeting; or what a deep link leads to: `job_<id>`, `get_<id>`, the name of a command."""
        linked = _linked(payload)
        if linked == JOB:
            return await self._job_now(asker, payload.partition("_")[2])
        if linked:
            return await self.command(asker, linked)
        return Answer(screen=await self._greeting(asker))

    async def _job_now(self, asker: Asker, job_id: str) -> Answer:
        """The video of one of the asker's jobs, or how it stands. Raises UserError."""
        job = await self._their_job(asker, job_id)
        if job.outcome is None:
            now = self.status(job, await self.studio.progress(job), asker.language)
            return Answer(screen=replace(now, private=True))
        if isinstance(job.outcome, Failure) and not await self.studio.video(job):
            return Answer(screen=replace(self.failed(job, asker.language), private=True))
        return await self.bring(asker, job.id)

    async def _greeting(self, asker: Asker) -> Screen:
        language = asker.language
        parts: list[Part] = [
            Heading(say("info.hello", language)),
            Text("\n".join(say(key, language) for key in ("info.hello_1", "info.hello_2", "info.hello_3"))),
        ]
        closed = await self._closed(asker)
        if closed:
            return Screen((*parts, Text(closed)))
        parts += [Small(say("info.hello_try", language)), Words(say("info.hello_example", language))]
        if not asker.in_public:
            parts.append(Text(await self._purse_line(asker)))
        models = Button(say("info.button_models", language), action("model", 1))
        mine = Button(say("info.button_settings", language), action("pref", "menu"))
        return Screen(tuple(parts), ((models,) if asker.in_public else (models, mine),))

    async def _closed(self, asker: Asker) -> str:
        """Why this asker may not come in, if so."""
        try:
            await self.let_in(asker)
        except UserError as error:
            return error.text(asker.language)
        return ""

    async def _purse_line(self, asker: Asker) -> str:
        balance = await self.studio.balance(asker.who)
        welcome = self.studio.settings.new_user_credits
        if balance.account == str(asker.who) and welcome:
            return say("info.balance_welcome", asker.language, price=in_credits(welcome, asker.language))
        return say("info.balance_have", asker.language, price=in_credits(balance.available, asker.language))

    # --- what it does --------------------------------------------------------------------------------------------

    async def _on_help(self, asker: Asker, _: str) -> Answer:
        language = asker.language
        parts: list[Part] = [Text(say("info.help_intro", language))]
        for title, names in _HELP_GROUPS:
            lines = tuple((f"/{name}", say(_ABOUT[name], language)) for name in names)
            parts += [Heading(say(title, language)), Fields(lines)]
        if not asker.in_public and await self.studio.is_operator_now(asker.who):
            parts += [Heading(say("operate.help_title", language)), _for_operators(asker)]
        contact = self.contact()
        if contact:
            parts.append(Small(say("info.questions", language, contact=contact)))
        return Answer(screen=Screen(tuple(parts)))

    async def _on_models(self, asker: Asker, text: str) -> Answer:
        return Answer(screen=await self._models_screen(int(text) if text.isdecimal() else 1, asker.language))

    async def _turn_models(self, asker: Asker, rest: str) -> Answer:
        return await self._on_models(asker, rest)

    async def _models_screen(self, page: int, language: str) -> Screen:
        markup, name_of = self.studio.settings.price_markup, self.studio.name_of
        usual = self.studio.catalog.find(self.studio.settings.default_model)
        shelf = pages(shelved(await self.studio.models()), usual.id)
        page = min(max(page, 1), len(shelf))
        title = say("info.models_title", language)
        if len(shelf) > 1:
            title = say("info.paged_of", language, title=title, page=page, pages=len(shelf))
        parts: list[Part] = [Heading(title)]
        if page == 1:
            others = [
                each
                for family in shelf[0]
                for each in family
                if each.active and each.from_words and each.name != usual.group
            ]
            example = min((each.name.lower() for each in others), key=len, default=usual.group.lower())
            parts.append(Small(say("info.models_about", language, usual=usual.group, example=example)))
        parts += [
            Fields(tuple((each.name, entry(each, markup, name_of, language)) for each in family))
            for family in shelf[page - 1]
        ]
        turns = tuple(turning(page, len(shelf), language, "model"))
        return Screen(tuple(parts), (turns,) if turns else ())

    # --- their own things ----------------------------------------------------------------------------------------

    async def _on_balance(self, asker: Asker, _: str) -> Answer:
        return Answer(screen=await self.balance_screen(asker))

    async def _on_history(self, asker: Asker, text: str) -> Answer:
        return Answer(screen=await self.history_screen(asker, int(text) if text.isdecimal() else 1))

    async def _on_cancel(self, asker: Asker, text: str) -> Answer:
        """`/cancel`, or `/cancel JOB`."""
        job_id = next(iter(text.upper().split()), "")
        return Answer(screen=await (self.cancelled(asker, job_id) if job_id else self.cancel_screen(asker)))

    async def _on_settings(self, asker: Asker, _: str) -> Answer:
        return Answer(screen=await self.settings_screen(asker))

    async def _on_claim(self, asker: Asker, code: str) -> Answer:
        """Never tells whether there is a code to be had."""
        await self.office.claim(asker.who, code)
        parts = (
            Heading(say("operate.claimed", asker.language)),
            Text(say("operate.claimed_about", asker.language)),
            _for_operators(asker),
        )
        return Answer(screen=Screen(parts, private=True))

    # --- the small print -----------------------------------------------------------------------------------------

    async def _on_terms(self, asker: Asker, _: str) -> Answer:
        keys = ("info.terms_1", "info.terms_2", "info.terms_3", "info.terms_4", "info.terms_5")
        return self._print(asker, "info.terms_title", [say(key, asker.language) for key in keys])

    async def _on_privacy(self, asker: Asker, _: str) -> Answer:
        language, keeping = asker.language, self.studio.keeping
        return self._print(
            asker,
            "info.privacy_title",
            [
                say("info.privacy_kie", language),
                say(
                    "info.privacy_kept",
                    language,
                    videos=wording.days(keeping.videos, language),
                    waiting=wording.days(keeping.waiting, language),
                    pictures=wording.days(keeping.pictures, language),
                    quotes=wording.days(keeping.quotes, language),
                    backups=wording.days(keeping.backups, language),
                ),
                say("info.privacy_operator", language),
                say("info.privacy_use", language),
                say("info.privacy_forget", language),
            ],
        )

    def _print(self, asker: Asker, title: str, paragraphs: Sequence[str]) -> Answer:
        parts: list[Part] = [Heading(say(title, asker.language)), *(Text(each) for each in paragraphs)]
        contact = self.contact()
        if contact:
            parts.append(Small(say("info.operator_contact", asker.language, contact=contact)))
        return Answer(screen=Screen(tuple(parts)))

    # --- leaving -------------------------------------------------------------------------------------------------

    async def _on_forget(self, asker: Asker, _: str) -> Answer:
        language = asker.language
        balance = await self.studio.balance(asker.who)
        backups = wording.days(self.studio.keeping.backups, language)
        parts: list[Part] = [
            Heading(say("info.forget_title", language)),
            Text(say("info.forget_about", language, backups=backups)),
        ]
        if balance.available:
            lost = in_credits(balance.available, language)
            parts.append(Text(say("info.forget_credits", language, price=lost)))
        yes = Button(say("info.forget_yes", language), action("bye", "yes"), style="danger")
        no = Button(say("info.forget_no", language), action("bye", "no"))
        return Answer(screen=Screen(tuple(parts), ((yes, no),), private=True))

    async def _bye(self, asker: Asker, rest: str) -> Answer:
        if rest != "yes":
            return Answer(screen=Screen((Text(say("info.forget_kept", asker.language)),), private=True))
        await self.studio.forget(asker.who)
        return Answer(screen=Screen((Text(say("info.forgotten", asker.language)),), private=True))
