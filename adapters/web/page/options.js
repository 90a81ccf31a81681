// The row of options under the message box: only what the chosen model can do, each with a plain select.
import { $, h, say } from "./dom.js";
import * as models from "./models.js";

const TIERS = [
  ["standard", "web.tier_standard"],
  ["pro", "web.tier_pro"],
  ["hd", "web.tier_hd"],
];

export class Options {
  chosen = {};
  #drawn = "";

  constructor(onchange) {
    this.onchange = onchange;
    this.row = $("options");
  }

  set(chosen) {
    this.chosen = { ...chosen };
    this.#drawn = "";
  }

  /** The model in force for a command, as far as the page knows. */
  model(command, pictures) {
    if (command === "sora") return models.sora(this.chosen.tier ?? "standard", pictures);
    if (command === "unwatermark") return models.variant("sora-watermark-remover");
    if (command === "storyboard" && !this.#storyboard()) return models.storyboards()[0] ?? null;
    return models.variant(this.chosen.model ?? "", pictures);
  }

  #storyboard() {
    return models.storyboards().find((each) => each.name === this.chosen.model);
  }

  /** What goes into the request. */
  values(command, pictures) {
    const model = this.model(command, pictures);
    const shown = Object.fromEntries(this.#fields(command, pictures).map((field) => [field.name, this.#value(field)]));
    const flag = (value, yes) => (value ? value === yes : null);
    const isUsual = command === "video" && !this.chosen.model;
    return {
      model: isUsual ? "" : model?.id ?? this.chosen.model,
      aspect: shown.aspect || null,
      seconds: shown.seconds ? Number(shown.seconds) : null,
      quality: command === "sora" && shown.tier === "hd" ? "high" : shown.quality || null,
      sound: flag(shown.sound, "on"),
      remove_watermark: flag(shown.watermark, "remove"),
    };
  }

  draw(command, pictures) {
    const fields = this.#fields(command, pictures);
    const sign = JSON.stringify([command, fields, this.chosen]);
    if (sign === this.#drawn) return;
    this.#drawn = sign;
    const focused = document.activeElement?.id;
    this.row.replaceChildren(this.row.firstElementChild, ...fields.map((field) => this.#draw(field)));
    this.row.hidden = !fields.length;
    if (focused?.startsWith("option-")) $(focused)?.focus();
  }

  #value(field) {
    const value = this.chosen[field.name] ?? "";
    return field.choices.some(([each]) => each === value) ? value : field.choices[0][0];
  }

  #draw(field) {
    const value = this.#value(field);
    const take = (event) => {
      this.chosen[field.name] = event.target.value;
      this.onchange();
    };
    const option = ([each, label]) => h("option", { value: each, selected: each === value }, label);
    return h("label.option", {}, h("span", {}, say(field.label)),
      h("select", { id: `option-${field.name}`, onchange: take }, ...field.choices.map(option)));
  }

  #fields(command, pictures) {
    const options = this.model(command, pictures)?.options;
    if (!options || command === "unwatermark") return [];
    const any = ["", say("web.any")];
    const plain = (values) => [any, ...values.map((each) => [each, each])];
    const lengths = options.lengths.map((n) => [String(n), say("web.second", { n })]);
    const fields = [this.#modelField(command)];
    if (options.aspects.length && !(pictures && options.aspect_from_picture)) {
      fields.push({ name: "aspect", label: "web.option_aspect", choices: plain(options.aspects) });
    }
    if (lengths.length > 1) {
      // A storyboard's scenes share out a definite length.
      const choices = command === "storyboard" ? tenFirst(lengths) : [any, ...lengths];
      fields.push({ name: "seconds", label: "web.option_seconds", choices });
    }
    if (options.sizes.length > 1 && command !== "sora") {
      fields.push({ name: "quality", label: "web.option_quality", choices: plain(options.sizes) });
    }
    if (options.sound === "switch") {
      const choices = [any, ["on", say("web.on")], ["off", say("web.off")]];
      fields.push({ name: "sound", label: "web.option_sound", choices });
    }
    if (options.watermark) {
      const choices = [any, ["remove", say("web.remove")], ["keep", say("web.keep")]];
      fields.push({ name: "watermark", label: "web.option_watermark", choices });
    }
    return fields;
  }

  #modelField(command) {
    if (command === "sora") {
      return { name: "tier", label: "web.option_tier", choices: TIERS.map(([tier, key]) => [tier, say(key)]) };
    }
    const label = (model) => [model.name, model.state === "active" ? model.price : model.state_text].filter(Boolean).join(" · ");
    const named = (model) => [model.name, label(model)];
    if (command === "storyboard") {
      return { name: "model", label: "web.option_model", choices: models.storyboards().map(named) };
    }
    const usual = models.variant("")?.name ?? "";
    const choices = [["", say("web.usual_model", { model: usual })], ...models.choices().map(named)];
    return { name: "model", label: "web.option_model", choices };
  }
}

const tenFirst = (lengths) => [...lengths.filter(([n]) => n === "10"), ...lengths.filter(([n]) => n !== "10")];
