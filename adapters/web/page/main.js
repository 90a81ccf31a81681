// Puts the page together: the stream's news into the conversation, and what is pressed to the bot.
import { $, announce, button, h, say } from "./dom.js";
import { get, now } from "./api.js";
import { memory, setUpUsers, user } from "./user.js";
import { connect } from "./live.js";
import { setModels } from "./models.js";
import { setUpPanel } from "./panel.js";
import { Thread } from "./thread.js";
import { Composer } from "./composer.js";
import { Side } from "./side.js";
import { offersCard, quoteCard } from "./cards.js";
import { jobCard, tickElapsed } from "./job.js";
import * as info from "./info.js";

const IDEAS = ["web.idea_1", "web.idea_2", "web.idea_3"];
const DRAFTS_KEPT = 10;
const PAGE = 20; // jobs in one piece of the history

const thread = new Thread();
const side = new Side((key) => thread.show(key));
const composer = new Composer({ card: (card, old) => { replaceCard(card, old); thread.bring(card.key); }, panel: showPanel });
let about = {};
let balance = { text: "", held_text: "" };

// --- cards -----------------------------------------------------------------------------------------------------------

const onCard = {
  ordered: (job) => {
    // the stream may have been faster, and then it knows more than this answer
    if (thread.card(job.key)?.kind !== "job") putJob(job);
    thread.bring(job.key);
  },
  requoted: (card, notice, old) => replaceCard(card, old, notice),
  change: (card) => composer.load(card.request, card.kind === "quote" ? card : null),
  cancel: (card) => {
    dropCard(card);
    announce(say("web.cancelled_quote"));
    $("say").focus();
  },
};

const onJob = {
  card: (card) => { putCard(card); thread.bring(card.key); },
  change: (job) => composer.load(job.request),
  animate: (file) => composer.animate(file),
};

function putCard(card, notice = "", at = now()) {
  const present = thread.card(card.key);
  if (present?.kind === "job") return;
  const made = card.kind === "quote" ? quoteCard(card, onCard, notice) : offersCard(card, onCard);
  thread.put(card.key, at, card.request, made);
  const others = (memory("drafts") ?? []).filter((each) => each.card.key !== card.key);
  memory("drafts", [...others, { at, card }].slice(-DRAFTS_KEPT));
}

function dropCard(card) {
  forgetDraft(card.key);
  thread.remove(card.key);
}

/** A fresh card for an old one; offers in place of a quote come under a key of their own. */
function replaceCard(card, old = null, notice = "") {
  if (old && old.key !== card.key) dropCard(old);
  putCard(card, notice);
}

function putJob(job) {
  const present = thread.card(job.key);
  if (present?.kind === "job") present.update(job);
  else thread.put(job.key, job.created_at, job.request, jobCard(job, onJob));
  forgetDraft(job.key);
  side.put(job);
  tickElapsed();
}

// --- drafts: kept by this browser until they are ordered --------------------------------------------------------------

function forgetDraft(key) {
  const kept = memory("drafts") ?? [];
  if (kept.some((each) => each.card.key === key)) memory("drafts", kept.filter((each) => each.card.key !== key));
}

async function restoreDrafts() {
  const whose = user();
  for (const { at, card } of memory("drafts") ?? []) {
    if (thread.card(card.key)) continue;
    const draft = card.kind === "quote" ? card : card.offers[0];
    if (!draft) { putCard(card, "", at); continue; }
    const fresh = await get(`drafts/${draft.id}`).catch(() => null);
    if (user() !== whose) return;
    if (!fresh || fresh.job) forgetDraft(card.key);
    else putCard(card.kind === "quote" ? { ...fresh, privacy: card.privacy } : card, "", at);
  }
}

// --- news ------------------------------------------------------------------------------------------------------------

const news = {
  state: async (state) => {
    const isFirst = thread.isEmpty; // not again after a lost connection: somebody may be reading further up
    news.balance(state.balance);
    for (const job of [...state.jobs].reverse()) putJob(job);
    $("older").hidden = state.jobs.length < PAGE;
    await restoreDrafts();
    if (isFirst) thread.toEnd();
  },
  job: (job) => thread.follow(job.key, () => putJob(job)),
  balance: (fresh) => {
    balance = fresh;
    $("available").textContent = fresh.text;
    $("held").textContent = fresh.held_text;
  },
  notice: ({ text }) => {
    $("connection").textContent = text;
  },
};

async function showOlder() {
  const { jobs } = await get(`history?before=${side.oldest}`).catch(() => ({ jobs: [] }));
  for (const job of jobs) putJob(job);
  $("older").hidden = jobs.length < PAGE;
}

// --- the frame -------------------------------------------------------------------------------------------------------

function showPanel(name) {
  const panels = {
    help: () => info.showHelp(about.support),
    models: () => info.showModels((model) => composer.useModel(model)),
    balance: () => info.showBalance(balance),
    history: () => side.open(),
  };
  panels[name]();
}

async function begin() {
  thread.clear();
  side.clear();
  composer.clear();
  connect(news);
}

async function learn() {
  about = await get("start");
  setModels(about.models, about.default_model);
  $("sandbox").hidden = !about.sandbox;
  $("welcome-credits").textContent = about.welcome ? say("web.welcome", { price: about.welcome }) : "";
}

setUpPanel();
setUpUsers(begin);
$("purse").addEventListener("click", () => showPanel("balance"));
$("open-help").addEventListener("click", () => showPanel("help"));
$("open-models").addEventListener("click", () => showPanel("models"));
$("older").addEventListener("click", showOlder);
$("ideas").append(...IDEAS.map((key) => h("li", {}, button("idea", say(key), () => composer.write(say(key))))));
setInterval(tickElapsed, 1000);
try {
  await learn();
  composer.start();
} catch (refusal) {
  $("problem").textContent = refusal.message;
}
await begin();
