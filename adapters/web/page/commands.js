// The slash-command menu: opens on "/", filters as one types, arrow keys choose, Enter or Tab takes.
import { $, announce, h, say } from "./dom.js";

/** `panel` commands only show something; the others begin a request. */
export const COMMANDS = [
  { name: "sora", about: "web.command_sora" },
  { name: "video", about: "web.command_video" },
  { name: "storyboard", about: "web.command_storyboard" },
  { name: "unwatermark", about: "web.command_unwatermark" },
  { name: "models", about: "web.command_models", panel: true },
  { name: "balance", about: "web.command_balance", panel: true },
  { name: "history", about: "web.command_history", panel: true },
  { name: "help", about: "web.command_help", panel: true },
];

/** "/sora a cat" → {command: "sora", words: "a cat"}; without a command, "video" is meant. */
export function parse(text) {
  const found = /^\s*\/(\w+)(?:\s+([\s\S]*))?$/.exec(text);
  return found
    ? { command: found[1].toLowerCase(), words: (found[2] ?? "").trim(), typed: true }
    : { command: "video", words: text.trim(), typed: false };
}

export class CommandMenu {
  #shown = [];
  #at = 0;
  #dismissed = "";

  constructor(textarea, ontake) {
    this.textarea = textarea;
    this.ontake = ontake;
    this.list = $("commands");
  }

  get isOpen() {
    return !this.list.hidden;
  }

  /** Bring the menu up to date with what is typed. */
  update() {
    const typed = /^\/(\w*)$/.exec(this.textarea.value);
    const shown = typed && this.textarea.value !== this.#dismissed
      ? COMMANDS.filter((each) => each.name.startsWith(typed[1].toLowerCase())) : [];
    if (shown.length && !this.isOpen) announce(say("web.commands_hint", { n: shown.length }));
    if (!typed) this.#dismissed = "";
    this.#shown = shown;
    this.#at = 0;
    this.#draw();
  }

  close() {
    this.#dismissed = this.textarea.value;
    this.update();
  }

  /** True when the key was the menu's. */
  key(event) {
    if (!this.isOpen) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) this.#move(step);
    else if (event.key === "Enter" || event.key === "Tab") this.#take(this.#shown[this.#at]);
    else if (event.key === "Escape") this.close();
    else return false;
    event.preventDefault();
    return true;
  }

  #move(step) {
    this.#at = (this.#at + step + this.#shown.length) % this.#shown.length;
    this.#draw();
  }

  #take(command) {
    this.textarea.value = "";
    this.update();
    this.ontake(command);
  }

  #draw() {
    this.list.hidden = !this.#shown.length;
    this.list.replaceChildren(...this.#shown.map((each, n) =>
      h("li", {
        id: `command-${each.name}`, role: "option", "aria-selected": String(n === this.#at),
        onpointerdown: (event) => { event.preventDefault(); this.#take(each); },
      }, h("b", {}, `/${each.name}`), " ", h("span", {}, say(each.about)))));
    if (this.isOpen) this.textarea.setAttribute("aria-activedescendant", `command-${this.#shown[this.#at].name}`);
    else this.textarea.removeAttribute("aria-activedescendant");
    this.list.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }
}
