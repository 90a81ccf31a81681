// What only shows something: help, models, the purse.
import { button, h, say } from "./dom.js";
import { get } from "./api.js";
import { COMMANDS } from "./commands.js";
import { closePanel, openPanel } from "./panel.js";
import * as models from "./models.js";

const HELP = [
  ["web.help_1_title", "web.help_1"],
  ["web.help_2_title", "web.help_2"],
  ["web.help_3_title", "web.help_3"],
  ["web.help_4_title", "web.help_4"],
  ["web.help_5_title", "web.help_5"],
];

export function showHelp(support) {
  const commands = COMMANDS.flatMap((each) => [h("dt", {}, `/${each.name}`), h("dd", {}, say(each.about))]);
  openPanel(say("web.help"), h("div.help", {},
    HELP.flatMap(([title, text]) => [h("h3", {}, say(title)), h("p", {}, say(text))]),
    h("h3", {}, say("web.commands_label")), h("dl", {}, commands),
    support ? h("p", {}, say("web.support", { contact: support })) : null));
}

/** All videos models; `onuse(name)` takes the chosen one. */
export function showModels(onuse) {
  const sold = models.shelf();
  const families = Map.groupBy ? Map.groupBy(sold, (each) => each.family) : grouped(sold);
  const row = (model) => h("li", { "data-state": model.state },
    h("div", {}, h("b", {}, model.name), h("small", {}, [model.state_text, model.price ?? say("web.no_price")].join(" · ")),
      model.reason ? h("small", {}, model.reason) : null),
    model.state === "active" && model.kind === "video"
      ? button("second", say("web.use"), () => { closePanel(); onuse(model.name); }, { "aria-label": say("web.use_model", { model: model.name }) })
      : null);
  openPanel(say("web.models"), h("div.models", {}, h("p.quiet", {}, say("web.models_about")),
    [...families.values()].map((list) => h("ul", {}, list.map(row)))));
}

const grouped = (list) => list.reduce((map, each) => map.set(each.family, [...(map.get(each.family) ?? []), each]), new Map());

export async function showBalance(balance) {
  const body = h("div.ledger", {}, h("p.sum", {}, balance.text, balance.held_text ? h("small", {}, ` · ${balance.held_text}`) : null));
  openPanel(say("web.purse"), body);
  try {
    const { entries } = await get("ledger");
    const day = (at) => new Date(at).toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
    const rows = entries.map((each) => h("li", {}, h("span", {}, each.text, h("small", {}, day(each.at))), h("b", {}, each.amount)));
    body.append(h("p.quiet", {}, say(entries.length ? "web.balance_about" : "web.no_entries")), h("ul", {}, rows));
  } catch (refusal) {
    body.append(h("p.problem", { role: "alert" }, refusal.message));
  }
}
