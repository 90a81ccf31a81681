// The message box and all that belongs to a request before its price is asked.
import { $, newKey, say } from "./dom.js";
import { post } from "./api.js";
import { COMMANDS, CommandMenu, parse } from "./commands.js";
import { Options } from "./options.js";
import { Pictures } from "./pictures.js";
import { Scenes } from "./scenes.js";
import { variant } from "./models.js";

const NEAR_THE_END = 200; // characters left, from where on they are counted

export class Composer {
  #changing = null; // the quote's card that is being changed
  #key = newKey();
  #busy = false;

  /** `on.card(card, old)` takes a quote or offers, perhaps in place of an old card; `on.panel(name)` shows a panel. */
  constructor(on) {
    this.on = on;
    this.say = $("say");
    this.menu = new CommandMenu(this.say, (command) => this.#command(command));
    this.options = new Options(() => this.#refresh());
    this.pictures = new Pictures(() => this.#refresh(), (sentence) => this.#problem(sentence));
    this.scenes = new Scenes();
    this.say.addEventListener("input", () => { this.#problem(""); this.menu.update(); this.#refresh(); });
    this.say.addEventListener("keydown", (event) => this.#keyDown(event));
    this.say.addEventListener("blur", () => this.menu.close());
    $("composer").addEventListener("submit", (event) => { event.preventDefault(); this.#send(); });
    $("stop-changing").addEventListener("click", () => this.clear());
  }

  start() {
    this.#refresh();
    this.say.focus();
  }

  clear() {
    this.#changing = null;
    this.say.value = "";
    this.pictures.set([]);
    this.scenes.set([]);
    this.options.set({});
    this.#problem("");
    this.#refresh();
    this.say.focus();
  }

  /** Fill in a request to change it; with a quote's card, that one will change. */
  load(request, card = null) {
    this.clear();
    this.#changing = card;
    const model = variant(request.model);
    const isSora = /^sora-2-(pro-)?(text|image)-to-video$/.test(request.model);
    const command = request.video_url ? "/unwatermark " : request.shots.length ? "/storyboard " : isSora ? "/sora " : "";
    const tier = !request.model.includes("-pro-") ? "standard" : request.quality === "high" ? "hd" : "pro";
    const word = (value, yes, no) => (value === null ? "" : value ? yes : no);
    this.options.set({
      model: model?.name ?? request.model, tier, aspect: request.aspect ?? "", seconds: String(request.seconds ?? ""),
      quality: request.quality ?? "", sound: word(request.sound, "on", "off"),
      watermark: word(request.remove_watermark, "remove", "keep"),
    });
    this.pictures.set(request.pictures);
    this.scenes.set(request.shots);
    this.write(command + (request.video_url ?? request.prompt));
  }

  write(text) {
    this.say.value = text;
    this.#refresh();
    this.say.focus();
    this.say.setSelectionRange(text.length, text.length);
  }

  useModel(name) {
    this.options.chosen.model = name;
    if (parse(this.say.value).typed) this.say.value = parse(this.say.value).words;
    this.write(this.say.value);
  }

  /** The first frame of a request to come, from a video's last picture. */
  async animate(file) {
    this.clear();
    await this.pictures.add([file]);
    this.say.focus();
  }

  #command(command) {
    if (command.panel) {
      this.#refresh();
      this.on.panel(command.name);
    } else this.write(`/${command.name} `);
  }

  #keyDown(event) {
    if (event.isComposing || this.menu.key(event)) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      $("composer").requestSubmit();
    }
  }

  #refresh() {
    // Another request is another message; only the very same one, sent again after a lost answer, keeps its key.
    this.#key = newKey();
    const { command } = parse(this.say.value);
    const pictures = this.pictures.list.length;
    const options = this.options.model(command, pictures)?.options;
    this.options.draw(command, pictures);
    this.pictures.allow(options);
    this.scenes.show(command === "storyboard", options?.shots_max, this.options.values(command, pictures).seconds);
    $("changing").hidden = !this.#changing;
    this.say.placeholder = say(
      { storyboard: "web.say_scenes", unwatermark: "web.say_link" }[command] ?? "web.say_placeholder");
    this.say.style.height = "auto";
    this.say.style.height = `${Math.min(this.say.scrollHeight, innerHeight * 0.3)}px`;
    this.#count(options);
  }

  #count(options) {
    const left = (options?.prompt_max ?? Infinity) - parse(this.say.value).words.length;
    if (left >= NEAR_THE_END) return;
    this.#problem(left < 0 ? say("web.too_long", { n: -left }) : say("web.characters_left", { n: left }));
  }

  #request() {
    const { command, words } = parse(this.say.value);
    const request = this.options.values(command, this.pictures.list.length);
    request.pictures = this.pictures.values();
    if (command === "unwatermark") return { ...request, model: "sora-watermark-remover", video_url: words };
    if (command === "storyboard") request.shots = this.scenes.values();
    return { ...request, prompt: words };
  }

  async #send() {
    const { command, words, typed } = parse(this.say.value);
    const known = COMMANDS.find((each) => each.name === command);
    if (!known) return this.#problem(say("web.unknown_command", { name: `/${command}` }));
    if (known.panel) { this.clear(); return this.on.panel(command); }
    const isEmpty = !words && !this.pictures.list.length && command !== "storyboard";
    if (this.#busy || this.pictures.areComing || (isEmpty && !typed)) return this.say.focus();
    this.#setBusy(true);
    try {
      const path = this.#changing ? `drafts/${this.#changing.id}` : "quotes";
      const card = await post(path, { key: this.#key, request: this.#request() });
      const old = this.#changing;
      this.clear();
      this.on.card(card, old);
    } catch (refusal) {
      this.#problem(refusal.message);
    } finally {
      this.#setBusy(false);
    }
  }

  #setBusy(busy) {
    this.#busy = busy;
    $("send").setAttribute("aria-busy", String(busy));
  }

  #problem(sentence) {
    $("problem").textContent = sentence;
  }
}
