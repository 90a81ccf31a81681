// A job's card: where the video is while it is made, then the video itself, or why there is none.
import { announce, button, h, lasting, newKey, say } from "./dom.js";
import { get, now, post } from "./api.js";
import { openPanel } from "./panel.js";

const STEPS = [
  ["queued", "web.step_queued"],
  ["submitting", "web.step_submitting"],
  ["running", "web.step_running"],
  ["ended", "web.step_ended"],
];
const DETAILS = [
  ["submitting", "web.detail_submitting"],
  ["accepted", "web.detail_accepted"],
  ["refused", "web.detail_refused"],
  ["answered", "web.detail_answered"],
];

/** `on.card(card)` takes a fresh quote, `on.change(job)` fills the message box, `on.animate(file)` takes a picture. */
export function jobCard(job, on) {
  const element = h("article.card.job", { tabindex: "-1" });
  const card = { element, kind: "job", data: null, update: (fresh) => update(card, fresh, on) };
  card.update(job);
  return card;
}

function update(card, job, on) {
  const before = card.data;
  if (before && JSON.stringify(before) === JSON.stringify(job)) return;
  if (before && before.status !== job.status) announce(job.status);
  card.data = job;
  const { element } = card;
  const focused = element.contains(document.activeElement) ? document.activeElement.dataset.action : null;
  const details = element.querySelector("details") ?? detailsFold(job);
  // A video that plays must not be torn out of the page by an update.
  const video = element.querySelector("figure") ?? null;
  element.setAttribute("aria-label", `${job.name}: ${job.status}`);
  element.dataset.state = job.failure ? "failed" : job.state;
  element.dataset.job = job.id;
  element.replaceChildren(...[
    h("header", {}, h("h2", {}, job.status), h("p.model", {}, job.name)),
    ...(job.state === "ended" ? ended(job, video, on) : underWay(job)),
    details,
  ].filter(Boolean));
  if (focused) (element.querySelector(`[data-action=${focused}]`) ?? element).focus({ preventScroll: true });
}

// --- under way -------------------------------------------------------------------------------------------------------

function underWay(job) {
  const said = h("p.notice", { role: "status" });
  const at = STEPS.findIndex(([state]) => state === job.state);
  const steps = STEPS.map(([, key], i) =>
    h("li", { "aria-current": i === at ? "step" : null, "data-done": i < at ? "yes" : null }, say(key)));
  const progress = job.progress;
  return [
    h("ol.steps", { "aria-label": say("web.steps") }, steps),
    progress?.waiting
      ? h("p.progress", {}, progress.waiting)
      : h("p.progress", {}, h("span", { "data-since": String(progress?.since ?? job.created_at) }), progress?.usual ? ` · ${progress.usual}` : ""),
    progress?.slow ? h("p.notice", {}, progress.slow) : null,
    said,
    h("div.actions", {}, button("second", say("web.cancel"), (event) => cancel(job, event.target, said), { "data-action": "cancel" })),
  ];
}

async function cancel(job, pressed, said) {
  pressed.disabled = true;
  try {
    const answer = await post(`jobs/${job.id}/cancel`, {});
    said.textContent = answer.text;
    announce(answer.text);
  } catch (refusal) {
    said.textContent = refusal.message;
  }
  pressed.disabled = false;
}

/** Keep all the "40 s so far" going. */
export function tickElapsed() {
  for (const element of document.querySelectorAll("[data-since]")) {
    const seconds = (now() - Number(element.dataset.since)) / 1000;
    element.textContent = say("web.elapsed", { time: lasting(seconds) });
  }
}

// --- the end ---------------------------------------------------------------------------------------------------------

function ended(job, figure, on) {
  const said = h("p.problem", { role: "alert" });
  const tried = (action) => async () => {
    said.textContent = "";
    try { await action(); } catch (refusal) { said.textContent = refusal.message; }
  };
  const actions = [
    button("second", say("web.again"), tried(async () => on.card(await post(`jobs/${job.id}/again`, { key: newKey() }))), { "data-action": "again" }),
    button("second", say("web.change"), () => on.change(job), { "data-action": "change" }),
    job.video ? button("second", say("web.animate"), tried(async () => on.animate(await lastPicture(job.video.url))),
      { title: say("web.animate_about"), "data-action": "animate" }) : null,
    button("second", say("web.receipt"), () => showReceipt(job), { "data-action": "receipt" }),
    job.video ? h("a.second", { href: job.video.download, download: true, "data-action": "download" }, say("web.download")) : null,
  ];
  return [
    job.failure ? h("p.why", {}, job.failure.text) : null,
    job.failure?.quote ? h("blockquote", {}, job.failure.quote) : null,
    job.video ? figure ?? videoFigure(job) : null,
    job.gone ? h("p.notice", {}, job.gone) : null,
    said,
    h("div.actions", {}, actions),
  ];
}

function videoFigure(job) {
  const { url, poster, width, height, label } = job.video;
  const broken = h("p.problem", { role: "alert" });
  const video = h("video", { src: url, poster, width: String(width), height: String(height), controls: true, playsinline: true, preload: "metadata", "aria-label": label });
  video.addEventListener("error", () => { broken.textContent = say("web.video_broken"); });
  return h("figure", { "data-shape": width < height ? "portrait" : "landscape" },
    h("div.frame", {}, video), broken, h("figcaption", {}, job.receipt_line));
}

function showReceipt(job) {
  openPanel(say("web.receipt"), h("ul.receipt", {}, job.receipt.map((line) => h("li", {}, line))));
}

/** The last picture of a video, as a file. */
async function lastPicture(url) {
  const video = h("video", { src: url, preload: "auto", muted: true });
  const until = (name) => new Promise((done, failed) => {
    video.addEventListener(name, done, { once: true });
    video.addEventListener("error", () => failed(new Error(say("web.video_broken"))), { once: true });
  });
  await until("loadeddata");
  const there = until("seeked");
  video.currentTime = Math.max(0, video.duration - 0.05);
  await there;
  const canvas = h("canvas", { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.95));
  return new File([blob], "last.jpg", { type: "image/jpeg" });
}

// --- details ---------------------------------------------------------------------------------------------------------

function detailsFold(job) {
  const body = h("div.detail-body");
  const fold = h("details", {}, h("summary", {}, say("web.details")), body);
  fold.addEventListener("toggle", async () => {
    if (!fold.open) return;
    try {
      body.replaceChildren(...exchange(await get(`jobs/${job.id}/details`)));
    } catch (refusal) {
      body.replaceChildren(h("p.problem", {}, refusal.message));
    }
  });
  return fold;
}

function exchange({ exchange: found, events }) {
  const parts = DETAILS.filter(([kind]) => found[kind]).flatMap(([kind, key]) => [h("h3", {}, say(key)), json(found[kind], say(key))]);
  const time = (at) => new Date(at).toLocaleTimeString(document.documentElement.lang);
  return [
    ...(parts.length ? parts : [h("p", {}, say("web.details_empty"))]),
    h("h3", {}, say("web.detail_events")),
    h("ol.events", {}, events.map((each) => h("li", {}, h("time", {}, time(each.at)), ` ${each.kind}`))),
  ];
}

const json = (data, label) => h("pre", { tabindex: "0", role: "region", "aria-label": label }, JSON.stringify(data, null, 2));
