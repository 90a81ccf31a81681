// The conversation: one entry for each asking message, in the order of asking. What was asked stands right, the
// bot's card left; a quote's card becomes the job's.
import { $, h, say } from "./dom.js";
import { pictureAddress } from "./pictures.js";

export class Thread {
  #entries = new Map(); // by the asking message's key: {at, item, card}

  get isEmpty() {
    return !this.#entries.size;
  }

  clear() {
    this.#entries.clear();
    $("thread").replaceChildren();
    this.#greet();
  }

  card(key) {
    return this.#entries.get(key)?.card ?? null;
  }

  /** Put `card` (with an `element`) under what was asked, in place of the one that stands there. */
  put(key, at, request, card) {
    const entry = this.#entries.get(key);
    if (entry) {
      const hadFocus = entry.card.element.contains(document.activeElement);
      entry.item.querySelector(".asked").replaceWith(asked(request));
      entry.card.element.replaceWith(card.element);
      entry.card = card;
      if (hadFocus) card.element.focus({ preventScroll: true });
    } else this.#insert(key, at, request, card);
    this.#greet();
  }

  /** Do `action`, and if the end was in sight before, bring what it changed into sight. */
  follow(key, action) {
    const box = $("scroller");
    const stuck = box.scrollHeight - box.scrollTop - box.clientHeight < 160;
    action();
    if (stuck) this.bring(key);
  }

  /** Scroll to an entry: to its end, or to its card's beginning when all of it does not fit. */
  bring(key) {
    const entry = this.#entries.get(key);
    if (!entry) return;
    const fits = entry.item.offsetHeight < $("scroller").clientHeight;
    (fits ? entry.item : entry.card.element).scrollIntoView({ block: fits ? "end" : "start" });
  }

  remove(key) {
    this.#entries.get(key)?.item.remove();
    this.#entries.delete(key);
    this.#greet();
  }

  toEnd() {
    $("scroller").scrollTop = $("scroller").scrollHeight;
  }

  /** Bring an entry before the eyes, and the focus to it. */
  show(key) {
    const element = this.card(key)?.element;
    element?.scrollIntoView({ block: "center" });
    element?.focus({ preventScroll: true });
  }

  #insert(key, at, request, card) {
    const item = h("li", {}, asked(request), card.element);
    const next = [...this.#entries.values()].filter((each) => each.at > at).sort((a, b) => a.at - b.at)[0];
    $("thread").insertBefore(item, next?.item ?? null);
    this.#entries.set(key, { at, item, card });
  }

  #greet() {
    $("welcome").hidden = !this.isEmpty;
  }
}

function asked(request) {
  const pictures = request.pictures.map((each, i) =>
    h("img", { src: pictureAddress(each.sha256), alt: say("web.picture_of", { n: i + 1 }), width: each.width, height: each.height }));
  const shots = request.shots.map((shot) =>
    h("li", {}, shot.text, shot.seconds ? h("small", {}, ` ${say("web.second", { n: shot.seconds })}`) : null));
  const words = request.prompt || request.video_url || (shots.length ? "" : say("web.no_words"));
  return h("div.asked", { role: "group", "aria-label": say("web.you") },
    pictures.length ? h("div.asked-pictures", {}, pictures) : null,
    words ? h("p", {}, words) : null,
    shots.length ? h("ol", {}, shots) : null);
}
