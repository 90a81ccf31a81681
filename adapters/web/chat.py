"""The web chat as the engine sees it. Its messages are the member's own drafts and jobs, so that nothing can get lost
between the two: delivering means telling the open pages to look again.
"""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from adapters.web.api import Api
from adapters.web.files import PageFiles
from adapters.web.pages import OpenPages
from bot.domain import Button, Job, Progress
from bot.ports import Delivery
from bot.studio import Studio


class WebChat:
    """`ports.ChatAdapter` and a mount for the web server. `sandbox` puts a banner on the page that says so."""

    platform = "web"

    def __init__(self, studio: Studio, *, sandbox: bool = False) -> None:
        self._pages = OpenPages()
        self._api = Api(studio, self._pages, sandbox=sandbox)

    def mount(self, app: web.Application) -> None:
        """Add the page and its API under `/chat`."""
        PageFiles().mount(app)
        self._api.mount(app)
        app.on_shutdown.append(self._close)

    async def _close(self, _: web.Application) -> None:
        self._pages.close()

    # --- what the engine asks ------------------------------------------------------------------------------------

    def routes(self, job: Job) -> Sequence[str]:
        return ("page",)

    async def show(self, job: Job, progress: Progress) -> None:
        self._pages.wake(job.user.external_id)

    async def deliver(self, delivery: Delivery) -> str:
        self._pages.wake(delivery.job.user.external_id)
        return f"web:{delivery.job.id}"

    async def find(self, delivery: Delivery) -> str | None:
        """Always there: the message is the job itself."""
        return f"web:{delivery.job.id}"

    async def tell(self, external_id: str, text: str, buttons: Sequence[Button] = ()) -> bool:
        """Said on the pages that are open now; False when there is none."""
        return self._pages.tell(external_id, text)
