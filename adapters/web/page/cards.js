// The cards before an order: a quote, or offers in place of a model that is not active.
import { announce, button, h, newKey, say } from "./dom.js";
import { post } from "./api.js";

/** A quote. `on.ordered(job)`, `on.requoted(card, notice, old)`, `on.change(card)` and `on.cancel(card)` tell what was pressed. */
export function quoteCard(card, on, notice = "") {
  const problem = h("p.problem", { role: "alert" });
  const actions = h("div.actions", {},
    confirm(card, () => order(card, actions, problem, on)),
    button("second", say("web.change"), () => on.change(card)),
    button("second", say("web.cancel"), () => on.cancel(card)));
  const lines = card.lines.flatMap(([label, value]) => [h("dt", {}, label), h("dd", {}, value)]);
  const element = h("article.card.quote", { tabindex: "-1", "aria-label": say("web.quote_title") },
    h("h2", {}, say("web.quote_title")),
    notice ? h("p.notice", { role: "status" }, notice) : null,
    h("dl", {}, lines),
    notes(card.notes),
    card.privacy ? h("p.privacy", {}, card.privacy) : null,
    actions, problem);
  announce(`${say("web.quote_title")}: ${card.name}, ${card.price}`);
  return { element, kind: "quote", data: card };
}

/** Why the model cannot be had, and up to three complete quotes in its place. */
export function offersCard(card, on) {
  const problem = h("p.problem", { role: "alert" });
  const offers = card.offers.map((offer) => {
    const actions = h("div.actions", {}, confirm(offer, () => order(offer, actions, problem, on)));
    const changes = offer.changes.length ? offer.changes : [say("web.offer_same")];
    return h("li", {}, h("h3", {}, offer.name), h("p.summary", {}, offer.summary),
      h("ul.changes", {}, changes.map((each) => h("li", {}, each))), notes(offer.notes), actions);
  });
  const element = h("article.card.offers", { tabindex: "-1", "aria-label": card.title },
    h("h2", {}, card.title),
    card.reason ? h("p", {}, card.reason) : null,
    h("p.lead", {}, card.lead),
    offers.length ? h("ol", {}, offers) : null,
    card.privacy ? h("p.privacy", {}, card.privacy) : null,
    problem,
    h("div.actions", {},
      button("second", say("web.change"), () => on.change(card)),
      button("second", say("web.cancel"), () => on.cancel(card))));
  announce(`${card.title}. ${card.lead}`);
  return { element, kind: "offers", data: card };
}

function confirm(card, onclick) {
  const [tick, ...words] = card.confirm.split(" ");
  return button("main", [h("span.tick", {}, tick), ` ${words.join(" ")}`], onclick);
}

const notes = (list) => (list.length ? h("ul.notes", {}, list.map((each) => h("li", {}, each))) : null);

async function order(card, actions, problem, on) {
  const buttons = [...actions.children];
  const pressed = document.activeElement;
  for (const each of buttons) each.disabled = true;
  problem.textContent = "";
  try {
    on.ordered(await post(`drafts/${card.id}/order`, { key: newKey(), price: card.credits }));
  } catch (refusal) {
    if (refusal.answer?.card) { on.requoted(refusal.answer.card, refusal.message, card); return; }
    problem.textContent = refusal.message;
    for (const each of buttons) each.disabled = false;
    pressed?.focus();
  }
}
