"""What all use cases share: the doors, who may come in, and whose things are whose."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bot import access, content
from bot.catalog import Catalog, Model
from bot.domain import ChatRef, Draft, Job, ModelStatus, UserRef
from bot.engine import rules
from bot.errors import UserError
from bot.money import limits
from bot.ports import Clock, Media
from bot.settings import Settings
from bot.store import Store, Tx, drafts, jobs, people, provider, tally

QUOTE_LIVES_MS = 15 * 60_000
LOW_WATER_BYTES = 500_000_000
LOCAL_PLATFORMS = ("web", "cli")
PRESSES_A_COMMAND = 4  # as many presses of buttons as reading through the menus of one request may take
TERMINAL_OPERATOR = UserRef("cli", "operator")


class Base:
    """Made once, by the composition root. Every method may raise UserError: nothing was lost, the sentence says what to do."""

    def __init__(
        self,
        *,
        store: Store,
        models: Catalog,
        media: Media,
        clock: Clock,
        settings: Settings,
        content_rules: Sequence[content.Rule],
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self.catalog = models
        self.settings = settings
        self._store = store
        self._media = media
        self._clock = clock
        self._content_rules = content_rules
        self._wake = wake
        self._pace = limits.Pace(settings.commands_per_minute)
        self._presses = limits.Pace(
            settings.commands_per_minute * PRESSES_A_COMMAND, "limits.presses_too_fast"
        )

    def _check_access(self, tx: Tx, who: UserRef, chat: ChatRef) -> None:
        user = people.find_user(tx, who)
        mine, theirs = people.access_of(tx, who, user, chat.community)
        access.check(
            operator=self.is_operator(who, user),
            blocked=people.blocked(tx, who, user),
            user=mine,
            community=theirs,
            is_open=self.settings.access == "open",
            local=who.platform in LOCAL_PLATFORMS,
            who=str(chat.community or who),
        )

    def is_shut_out(self, tx: Tx, who: UserRef, user: people.User) -> bool:
        """Whether the operator turned this very person away, wherever they ask."""
        mine, _ = people.access_of(tx, who, user, None)
        return not self.is_operator(who, user) and (people.blocked(tx, who, user) or mine is False)

    def is_operator(self, who: UserRef, user: people.User | None = None) -> bool:
        """A name chosen on the page never gains operator rights (contract.md, HTTP)."""
        if who.platform == "web":
            return False
        return bool(who == TERMINAL_OPERATOR or who in self.settings.operators or (user and user.operator))

    def _states(self, tx: Tx) -> Mapping[str, ModelStatus]:
        return provider.model_states(tx, self.settings.kie_api_url)

    @staticmethod
    def status_of(model: Model, states: Mapping[str, ModelStatus]) -> ModelStatus:
        """The bundled fact, overlaid by what this provider's answers taught."""
        return states.get(model.id, model.status)

    def name_of(self, model_id: str) -> str:
        """A model's name as members read it."""
        model = self.catalog.get(model_id)
        return model.plain_name if model else model_id

    def _usual(self, tx: Tx, model_id: str) -> tuple[float, float]:
        model = self.catalog.get(model_id)
        return rules.usual(tally.durations(tx, model_id), model.usual_seconds if model else 120)

    async def states(self) -> Mapping[str, ModelStatus]:
        """What this provider's answers taught of its models; `status_of` overlays the bundled facts with it."""
        return await self._store.read(self._states)

    async def owns(self, who: UserRef, thing_id: str) -> bool | None:
        """Whether a draft or job of this id is this user's; None when there is none."""

        def look(tx: Tx) -> bool | None:
            user = people.find_user(tx, who)
            thing = drafts.get(tx, thing_id) or jobs.get(tx, thing_id)
            return bool(user and thing.user_id == user.id) if thing else None

        return await self._store.read(look)

    async def _own_draft(self, who: UserRef, draft_id: str) -> Draft:
        def find(tx: Tx) -> Draft | None:
            user = people.find_user(tx, who)
            draft = drafts.get(tx, draft_id)
            return draft if draft and user and draft.user_id == user.id else None

        draft = await self._store.read(find)
        if draft is None:
            raise UserError("order.no_draft")
        return draft

    async def job(self, who: UserRef, job_id: str) -> Job:
        """A job of this user's. Raises UserError."""

        def find(tx: Tx) -> Job | None:
            user = people.find_user(tx, who)
            job = jobs.get(tx, job_id.strip().upper())
            return job if job and user and job.user_id == user.id else None

        found = await self._store.read(find)
        if found is None:
            raise UserError("order.no_job", job=job_id)
        return found
