"""Which ways lead back to an asker, and how a message is known again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from adapters.discord.address import Address, Place, Ticket
from adapters.discord.routes import address_of, carries, in_sight, nonce, routes
from bot.domain import Failure, FailureKind, Job, JobState, Request, UserRef, Video
from bot.ports import Delivery

VIDEO = Video("v.mp4", 5, 1280, 720, Decimal(10), True)
HERE = Address(user=7, channel=8, guild=9)


def job(address: Address = HERE, *, private: bool = False, **more: Any) -> Job:
    made = Job(
        id="7K3M9Q2XAB",
        state=JobState.SETTLED,
        user=UserRef("discord", "7"),
        user_id=1,
        payer="user:1",
        chat=address.chat(private),
        request=Request("sora-2", "a cat"),
        model="sora-2",
        kie_model="sora-2",
        input={},
        price=1,
        kie_credits=Decimal(1),
        created_at=0,
        due_at=0,
        outcome=VIDEO,
    )
    return replace(made, **more)


def message(*actions: str, number: int = 55) -> dict[str, Any]:
    """As Discord gives it: buttons in a row in a container."""
    buttons = [{"type": 2, "custom_id": each} for each in actions]
    row = {"type": 1, "components": [{"type": 2, "url": "https://x.example"}, *buttons]}
    return {"id": str(number), "components": [{"type": 17, "components": [row]}]}


@pytest.mark.parametrize(
    ("address", "private", "ways"),
    [
        (HERE, False, ("token", "channel", "dm")),
        (HERE, True, ("token", "dm", "notice")),
        (replace(HERE, hidden=True), False, ("token", "dm", "notice")),
        (replace(HERE, member=False), False, ("token", "dm")),
        (replace(HERE, member=False), True, ("token", "dm")),
        (Address(7, 8, Place.BOT_DM), False, ("token", "channel")),
        (Address(7, 8, Place.BOT_DM), True, ("token", "channel")),
        (Address(7, 8, Place.ELSEWHERE, member=False), False, ("token", "dm")),
    ],
)
def test_the_ways_of_each_place_come_in_order(address: Address, private: bool, ways: Sequence[str]) -> None:
    assert tuple(routes(job(address, private=private))) == ways


def test_an_address_of_an_unknown_make_leaves_direct_messages() -> None:
    odd = job()
    odd = replace(odd, chat=replace(odd.chat, address="telegram's"))
    assert address_of(odd).user == 7
    assert routes(odd) == ("token", "dm")


def test_others_read_what_stands_openly_in_a_server_only() -> None:
    ticket = Ticket(1, "t", 0)
    assert in_sight(job())
    assert in_sight(job(), ticket)
    assert not in_sight(job(), replace(ticket, hidden=True))
    assert not in_sight(job(Address(7, 8, Place.BOT_DM)))


def test_every_attempt_by_one_route_has_the_same_nonce_and_a_later_gift_another() -> None:
    first, second = (Delivery(job(), "channel", number, video=VIDEO) for number in (1, 2))
    assert nonce(first) == nonce(second) != nonce(replace(first, route="dm"))
    assert nonce(replace(first, gift=True)) != nonce(replace(second, gift=True))
    sent_again = replace(second, job=job(state=JobState.DELIVERED))
    assert nonce(sent_again) not in (nonce(first), nonce(replace(sent_again, number=3)))


def test_a_nonce_stays_within_25_characters() -> None:
    late = Delivery(job(state=JobState.DELIVERED), "channel", 99_999, gift=True)
    assert len(nonce(late, "p")) <= 25


@pytest.mark.parametrize(
    ("route", "outcome", "actions", "known"),
    [
        ("channel", VIDEO, ("1:again:7K3M9Q2XAB", "1:del:7K3M9Q2XAB"), True),
        ("channel", VIDEO, ("1:del:7K3M9Q2XAB:link",), True),
        ("channel", VIDEO, ("1:get:7K3M9Q2XAB",), False),  # a receipt, a card
        ("channel", VIDEO, ("1:del:7K3M9Q2XAC",), False),
        ("channel", VIDEO, ("1:stop:7K3M9Q2XAB",), False),
        ("dm", Failure(FailureKind.POLICY, "no"), ("1:rcpt:7K3M9Q2XAB",), True),
        ("notice", VIDEO, ("1:get:7K3M9Q2XAB",), True),
        ("notice", Failure(FailureKind.POLICY, "no"), ("1:rcpt:7K3M9Q2XAB",), True),
    ],
)
def test_a_message_is_known_by_the_buttons_that_name_its_job(
    route: str, outcome: Any, actions: Sequence[str], known: bool
) -> None:
    video = outcome if isinstance(outcome, Video) else None
    delivery = Delivery(job(outcome=outcome), route, 1, video=video)
    assert carries(message(*actions), delivery) is known


def test_what_was_delivered_before_is_not_taken_for_what_is_sent_again() -> None:
    delivery = Delivery(job(message_id="55", state=JobState.DELIVERED), "channel", 2, video=VIDEO)
    assert not carries(message("1:del:7K3M9Q2XAB", number=55), delivery)
    assert carries(message("1:del:7K3M9Q2XAB", number=56), delivery)
