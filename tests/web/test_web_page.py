"""The page in a real browser, against the whole bot with the sandbox in KIE's place.

One Chromium and few bots for all tests; every test chats under a name of its own.
"""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, Route, expect
from support.browsing import OpenPage, ask, attach, serious_findings, sunset
from support.relay import relay
from support.web_bot import WebBot

from bot.domain import UserRef

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
PLAYS = """async () => {
  const video = document.querySelector('.job video');
  video.muted = true;
  await video.play();
  await new Promise((done) => setTimeout(done, 300));
  return [video.readyState >= 2, video.videoWidth, video.videoHeight, video.currentTime > 0];
}"""


async def order(page: Page) -> None:
    await page.click(".quote .main")
    await page.wait_for_selector(".job")


async def finish(page: Page) -> None:
    await order(page)
    await page.wait_for_selector(".job video")


# --- from words to a video -------------------------------------------------------------------------------------------


async def test_words_and_a_picture_become_a_video_that_plays_with_a_receipt(
    open_page: OpenPage, rendering: WebBot
) -> None:
    page = await open_page(rendering.url)
    await attach(page)
    await ask(page, "/sora A paper boat sails down a rainy street")
    quote = page.locator(".quote")
    await expect(quote).to_contain_text("Sora 2")
    await expect(quote).to_contain_text("landscape 16:9")
    await expect(quote).to_contain_text("970 credits")
    await expect(quote).to_contain_text("go to KIE.ai")
    first = quote.get_by_role("button").first
    await expect(first).to_have_text("✅ Confirm · 30 credits")
    await first.click()
    await expect(page.locator(".job .progress")).to_contain_text("so far · usually")
    await page.wait_for_selector(".job video")
    assert await page.evaluate(PLAYS) == [True, 1280, 720, True]
    await expect(page.locator("figcaption")).to_have_text("AI-generated · Sora 2 · 30 credits")
    await expect(page.locator("#purse")).to_have_text("970 credits")
    await page.get_by_role("button", name="Receipt").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Charged: 30 credits")


async def test_details_show_what_was_sent_to_kie_and_no_secret(open_page: OpenPage, bot: WebBot) -> None:
    page = await open_page()
    await ask(page, "Waves")
    await finish(page)
    await page.get_by_text("Details").click()
    await expect(page.locator("details pre").first).to_contain_text('"prompt": "Waves"')
    name = await page.evaluate("JSON.parse(localStorage['kiebot.user'])")
    (job,) = await bot.bot.core.studio.history(UserRef("web", name))
    assert job.callback_token not in await page.content()


async def test_a_withdrawn_model_leads_to_offers_and_one_press_takes_one_over(
    open_page: OpenPage, withdrawn: WebBot
) -> None:
    page = await open_page(withdrawn.url)
    await attach(page)
    await ask(page, "/sora A paper boat", card=".offers")
    offers = page.locator(".offers > ol > li")
    assert 1 <= await offers.count() <= 3
    await expect(page.locator(".offers h2")).to_have_text("Sora 2 is retired")
    await expect(page.locator(".offers")).to_contain_text("2026-09-24")
    await expect(page.locator("#purse")).to_have_text("1,000 credits")
    chosen = await offers.first.locator("h3").inner_text()
    await offers.first.get_by_role("button", name="Confirm").click()
    await page.wait_for_selector(".job video")
    await expect(page.locator("figcaption")).to_contain_text(chosen)
    await expect(page.locator(".asked img")).to_have_count(1)


async def test_again_change_and_animate_on_begin_from_what_was_made(
    open_page: OpenPage, rendering: WebBot
) -> None:
    page = await open_page(rendering.url)
    await page.select_option("#option-aspect", "9:16")
    await ask(page, "A tall tower")
    await finish(page)
    await page.get_by_role("button", name="Again").click()
    await expect(page.locator(".quote")).to_contain_text("portrait 9:16")
    await page.locator(".quote").get_by_role("button", name="Cancel").click()
    await expect(page.locator(".quote")).to_have_count(0)
    await page.locator(".job").get_by_role("button", name="Change").click()
    await expect(page.locator("#say")).to_have_value("A tall tower")
    await expect(page.locator("#option-aspect")).to_have_value("9:16")
    await page.get_by_role("button", name="Animate on").click()
    await page.wait_for_selector("#pictures li[aria-busy=false]")
    await ask(page, "It begins to snow")
    await expect(page.locator(".quote")).to_contain_text("portrait 9:16")


async def test_the_list_of_models_names_each_once_as_everywhere_else(open_page: OpenPage) -> None:
    page = await open_page()
    await page.click("#open-models")
    names = await page.locator(".models li b").all_inner_texts()
    assert {"Sora 2", "Kling 2.6", "Veo 3.1 Lite"} <= set(names)
    assert len(set(names)) == len(names)
    assert not [each for each in names if each.endswith(("(text)", "(image)"))]


async def test_a_quote_is_changed_in_the_same_card(open_page: OpenPage) -> None:
    page = await open_page()
    await ask(page, "Waves")
    await page.locator(".quote").get_by_role("button", name="Change").click()
    await expect(page.locator("#changing")).to_be_visible()
    await page.select_option("#option-quality", "1080p")
    await page.fill("#say", "Bigger waves")
    await page.press("#say", "Enter")
    await expect(page.locator(".asked")).to_have_text("Bigger waves")
    await expect(page.locator(".quote")).to_have_count(1)
    await expect(page.locator(".quote")).to_contain_text("1080p")


async def test_a_stale_quote_is_asked_again_in_the_same_card(open_page: OpenPage, bot: WebBot) -> None:
    page = await open_page()
    await ask(page, "Waves")
    await bot.bot.core.store.write(lambda tx: tx.run("UPDATE drafts SET expires_at = 1 WHERE job_id IS NULL"))
    await page.click(".quote .main")
    await expect(page.locator(".quote .notice")).to_have_text(
        "This price is no longer fresh; here it is again."
    )
    await finish(page)


async def test_a_storyboard_shows_what_remains_and_becomes_one_film(open_page: OpenPage) -> None:
    page = await open_page()
    await page.fill("#say", "/storyboard ")
    await expect(page.locator("#scenes")).to_be_visible()
    await page.get_by_label("Scene 1", exact=True).fill("A seed falls")
    await page.get_by_label("Seconds of scene 1").fill("4")
    await expect(page.locator("#scene-left")).to_have_text("6 s to share among the scenes without seconds")
    await page.get_by_label("Scene 2", exact=True).fill("A tree stands")
    await page.get_by_label("Seconds of scene 2").fill("8")
    await expect(page.locator("#scene-left")).to_have_text("2 s too long for 10 s")
    await page.get_by_label("Seconds of scene 2").fill("6")
    await expect(page.locator("#scene-left")).to_have_text("All 10 s used")
    await page.press("#say", "Enter")
    await expect(page.locator(".quote")).to_contain_text("10 s")
    await expect(page.locator(".asked li")).to_have_count(2)


# --- waiting, cancelling, failing ------------------------------------------------------------------------------------


async def test_cancelling_is_free_in_line_and_honest_later(open_page: OpenPage, stuck: WebBot) -> None:
    page = await open_page(stuck.url)
    await ask(page, "The first")
    await order(page)
    await expect(page.locator(".job h2")).to_have_text("KIE is making the video")
    await ask(page, "The second")
    await page.click(".quote .main")
    second = page.locator(".job", has=page.get_by_text("Waiting for a turn"))
    await expect(page.locator("#held")).to_have_text("60 credits set aside")
    await second.get_by_role("button", name="Cancel").click()
    await expect(page.locator(".job .why")).to_contain_text("Your 30 credits are back.")
    await expect(page.locator("#held")).to_have_text("30 credits set aside")
    await page.locator(".job").first.get_by_role("button", name="Cancel").click()
    await expect(page.locator(".job .notice").first).to_contain_text("Too late to cancel")


async def test_a_slow_answer_to_confirm_never_covers_what_the_stream_showed_meanwhile(
    open_page: OpenPage,
) -> None:
    page = await open_page()

    async def late(route: Route) -> None:
        answer = await route.fetch()
        await page.wait_for_selector(".job video")
        await route.fulfill(response=answer)

    await page.route("**/order", late)
    await ask(page, "Waves")
    async with page.expect_response("**/order"):
        await page.click(".quote .main")
    await page.wait_for_timeout(100)
    await expect(page.locator(".job h2")).to_have_text("Your video is ready")


async def test_markup_in_the_words_is_shown_as_words_and_never_run(open_page: OpenPage) -> None:
    page = await open_page()
    words = "<img src=x onerror='window.hacked = 1'><script>window.hacked = 1</script> waves"
    await ask(page, words)
    await order(page)
    await page.wait_for_selector(".job video")
    await page.reload()
    await page.wait_for_selector(".job video")
    await expect(page.locator("#thread")).to_contain_text(words)
    assert await page.locator("#thread img[src='x'], #thread script").count() == 0
    assert await page.evaluate("window.hacked") is None


async def test_what_cannot_be_made_is_said_in_a_sentence_and_the_words_stay(open_page: OpenPage) -> None:
    page = await open_page()
    await page.fill("#say", "/dance")
    await page.press("#say", "Enter")
    await expect(page.get_by_role("alert").first).to_have_text(
        "There is no command /dance. Type / to see all of them."
    )
    await page.set_input_files("#file", {"name": "fake.png", "mimeType": "image/png", "buffer": b"no"})
    await expect(page.locator("#problem")).to_contain_text("not a picture")
    await page.fill("#say", "/unwatermark https://example.org/video.mp4")
    await page.press("#say", "Enter")
    await expect(page.locator("#problem")).to_contain_text("sora.chatgpt.com")
    await expect(page.locator("#say")).to_have_value("/unwatermark https://example.org/video.mp4")


async def test_too_few_credits_are_said_before_and_refused_in_the_card(open_page: OpenPage) -> None:
    page = await open_page()
    await page.select_option("#option-model", "Veo 3.1 Quality")
    for words in ("One", "Two", "Three", "Four"):
        await ask(page, words)
        await page.locator(".quote .main").last.click()
        await expect(page.locator(".quote")).to_have_count(0)
        await page.select_option("#option-model", "Veo 3.1 Quality")
    await ask(page, "Five")
    await expect(page.locator(".quote")).to_contain_text("not enough: 250 credits missing")
    await page.click(".quote .main")
    await expect(page.locator(".quote [role=alert]")).to_contain_text("250 more are needed")


async def test_a_lost_connection_is_said_and_found_again(open_page: OpenPage, bot: WebBot) -> None:
    assert bot.bot.web
    async with relay(bot.bot.web.port) as wire:
        page = await open_page(f"http://127.0.0.1:{wire.port}", name="faraway")
        wire.cut()
        await expect(page.locator("#connection")).to_contain_text("The connection is lost")
        await page.fill("#say", "Waves")
        await page.press("#say", "Enter")
        await expect(page.locator("#problem")).to_contain_text("cannot be reached")
        wire.join()
        await expect(page.locator("#connection")).to_have_text("")
        await page.press("#say", "Enter")
        await expect(page.locator(".quote")).to_have_count(1)
        await page.context.close()


# --- people ----------------------------------------------------------------------------------------------------------


async def test_two_users_have_two_purses_and_two_histories(open_page: OpenPage) -> None:
    page = await open_page()
    await ask(page, "Mine")
    await finish(page)
    await page.select_option("#who", "grace")
    await expect(page.locator("#purse")).to_have_text("0 credits")
    await expect(page.locator("#history li")).to_have_count(0)
    await page.select_option("#who", "")
    await page.get_by_label("Your name here").fill("Zoë-2")
    await page.get_by_role("button", name="Use this name").click()
    await expect(page.locator("#who")).to_have_value("zoë-2")
    await ask(page, "Hers")
    await expect(page.locator(".asked")).to_have_text("Hers")


async def test_a_reload_keeps_the_quotes_and_the_videos(open_page: OpenPage) -> None:
    page = await open_page()
    await ask(page, "Made")
    await finish(page)
    await ask(page, "Only quoted")
    await page.reload()
    await expect(page.locator(".job video")).to_have_count(1)
    await expect(page.locator(".quote")).to_have_count(1)
    await expect(page.locator(".asked")).to_have_text(["Made", "Only quoted"])
    await page.locator("#history button").click()
    await expect(page.locator(".job")).to_be_focused()
    await page.click(".quote .main")
    await expect(page.locator(".job")).to_have_count(2)


async def test_two_pages_of_one_user_show_the_same(open_page: OpenPage) -> None:
    one = await open_page(name="both")
    other = await open_page(name="both")
    await ask(one, "Seen twice")
    await order(one)
    await expect(other.locator(".job")).to_have_count(1)
    await expect(other.locator(".job video")).to_have_count(1)


async def test_a_word_from_the_operator_reaches_open_pages_only(open_page: OpenPage, bot: WebBot) -> None:
    chat = bot.bot.engine.kit.adapters["web"]
    assert not await chat.tell("nobody", "Hello")
    page = await open_page(name="listener")
    assert await chat.tell("listener", "You were granted 50 credits.")
    await expect(page.locator("#connection")).to_have_text("You were granted 50 credits.")


# --- for everyone ----------------------------------------------------------------------------------------------------


async def test_everything_can_be_done_with_the_keyboard_alone(open_page: OpenPage) -> None:
    page = await open_page()
    await expect(page.locator("#say")).to_be_focused()
    await page.keyboard.type("/")
    await expect(page.locator("#commands [role=option]")).to_have_count(8)
    await page.keyboard.type("s")
    await expect(page.locator("#commands [role=option]")).to_have_count(2)
    await page.keyboard.press("ArrowDown")
    await expect(page.locator("#commands [aria-selected=true]")).to_contain_text("/storyboard")
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("Enter")
    await expect(page.locator("#say")).to_have_value("/sora ")
    await page.keyboard.type("A kite in the wind")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("above the sea")
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".quote")
    await tab_to(page, "✅ Confirm · 30 credits", back=True)
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".job video")
    await tab_to(page, "Receipt")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    assert await page.evaluate("document.activeElement.textContent") == "Receipt"


async def tab_to(page: Page, label: str, back: bool = False) -> None:
    for _ in range(40):
        await page.keyboard.press("Shift+Tab" if back else "Tab")
        if await page.evaluate("document.activeElement.textContent") == label:
            return
    pytest.fail(f"Tab does not lead to {label}")


async def test_changes_of_state_are_told_to_screen_readers(open_page: OpenPage) -> None:
    page = await open_page()
    await page.evaluate(
        "window.heard = []; new MutationObserver(() => heard.push(document.querySelector('#news').textContent))"
        ".observe(document.querySelector('#news'), {childList: true})"
    )
    await ask(page, "Waves")
    await finish(page)
    await expect(page.locator("#news")).to_have_text("Your video is ready")
    heard = await page.evaluate("heard")
    assert heard[0] == "Your quote: Veo 3.1 Lite, 30 credits"
    assert "KIE is making the video" in heard


async def test_on_a_phone_nothing_is_cut_off_and_targets_are_large(open_page: OpenPage) -> None:
    page = await open_page(**PHONE)
    await attach(page, sunset(720, 1280))
    await ask(page, "A tall sunset")
    await finish(page)
    await page.fill("#say", "/storyboard ")
    assert await page.evaluate("document.documentElement.scrollWidth") == 360
    small = await page.evaluate("""[...document.querySelectorAll('button, select, summary, a.second, input:not([hidden])')]
      .map((each) => [each.outerHTML.slice(0, 80), each.getBoundingClientRect()])
      .filter(([, box]) => box.width && (box.height < 43.5 || box.width < 43.5))
      .map(([html, box]) => `${html} ${box.width}x${box.height}`)""")
    small = [each for each in small if "option-" not in each]  # they fill their pill, whose border counts
    assert small == []
    await page.click("#open-side")
    await expect(page.locator("#history button")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator("#history button")).to_be_hidden()
    assert await serious_findings(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_serious(open_page: OpenPage, withdrawn: WebBot, scheme: str) -> None:
    page = await open_page(withdrawn.url, color_scheme=scheme)
    found = await serious_findings(page)
    await page.fill("#say", "/")
    found += await serious_findings(page)
    await attach(page)
    await ask(page, "/sora Waves", card=".offers")
    await ask(page, "Waves")
    found += await serious_findings(page)
    await finish(page)
    await page.get_by_text("Details").click()
    await page.wait_for_selector("details pre")
    await page.fill("#say", "/storyboard ")
    found += await serious_findings(page)
    for button in ("#open-help", "#open-models", "#purse"):
        await page.click(button)
        await page.wait_for_timeout(100)
        found += await serious_findings(page)
        await page.keyboard.press("Escape")
    assert found == []
