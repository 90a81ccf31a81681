// The side: who is chatting, and their videos, each leading to its place in the conversation.
import { $, h, say } from "./dom.js";

export class Side {
  #items = new Map(); // by job

  constructor(onshow) {
    this.onshow = onshow;
    $("open-side").addEventListener("click", () => (this.isOpen ? this.close() : this.open()));
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.isOpen && this.close());
    document.addEventListener("pointerdown", (event) => {
      if (this.isOpen && !event.target.closest("#side, #open-side")) this.close(false);
    });
  }

  get isOpen() {
    return $("open-side").getAttribute("aria-expanded") === "true";
  }

  open() {
    this.#set(true);
    ($("history").querySelector("button") ?? $("who")).focus();
  }

  close(takeFocus = true) {
    this.#set(false);
    if (takeFocus) $("open-side").focus();
  }

  #set(open) {
    $("open-side").setAttribute("aria-expanded", String(open));
    $("side").classList.toggle("open", open);
  }

  clear() {
    this.#items.clear();
    this.#drawEmptiness();
    $("history").replaceChildren();
  }

  put(job) {
    const words = job.request.prompt || job.request.shots.map((shot) => shot.text).join(" ") || say("web.no_words");
    const picture = job.video?.poster ? h("img", { src: job.video.poster, alt: "", loading: "lazy" }) : h("span.blank", { "aria-hidden": "true" });
    const show = () => { this.#set(false); this.onshow(job.key); };
    const item = h("li", {}, h("button", { type: "button", onclick: show }, picture,
      h("span", {}, h("b", {}, words), h("small", {}, job.status))));
    item.dataset.at = job.created_at;
    const old = this.#items.get(job.id);
    if (old) old.replaceWith(item);
    else $("history").insertBefore(item, [...$("history").children].find((each) => Number(each.dataset.at) < job.created_at) ?? null);
    this.#items.set(job.id, item);
    this.#drawEmptiness();
  }

  /** When the oldest video here was asked for. */
  get oldest() {
    return Math.min(...[...this.#items.values()].map((item) => Number(item.dataset.at)));
  }

  #drawEmptiness() {
    $("no-videos").hidden = this.#items.size > 0;
  }
}
