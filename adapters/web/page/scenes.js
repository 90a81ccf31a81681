// The storyboard editor: scenes with seconds, and what remains of the film's length.
import { $, button, h, say } from "./dom.js";

const plain = (number) => String(Math.round(number * 10) / 10);

export class Scenes {
  #rows = [];
  #most = 10;
  #total = 0;

  constructor() {
    $("add-scene").addEventListener("click", () => {
      this.#add();
      this.#rows.at(-1).text.focus();
    });
  }

  get isOpen() {
    return !$("scenes").hidden;
  }

  set(shots) {
    this.#rows = [];
    for (const shot of shots) this.#add(shot);
    this.#draw();
  }

  /** Show the editor for a film of `total` seconds of at most `most` scenes, or hide it. */
  show(isOpen, most, total) {
    $("scenes").hidden = !isOpen;
    this.#most = most || 10;
    this.#total = total || 0;
    if (isOpen && !this.#rows.length) { this.#add(); this.#add(); }
    this.#draw();
  }

  values() {
    return this.#rows
      .map((row) => ({ text: row.text.value.trim(), seconds: row.seconds.value ? Number(row.seconds.value) : null }))
      .filter((shot) => shot.text);
  }

  #add(shot = { text: "", seconds: null }) {
    const row = {
      text: h("textarea", { rows: "2" }),
      seconds: h("input", { type: "number", min: "0.1", max: "15", step: "0.1", inputmode: "decimal" }),
    };
    row.text.value = shot.text;
    row.seconds.value = shot.seconds ?? "";
    row.seconds.addEventListener("input", () => this.#left());
    this.#rows.push(row);
    this.#draw();
  }

  #draw() {
    $("scene-list").replaceChildren(...this.#rows.map((row, i) => {
      const n = i + 1;
      row.text.setAttribute("aria-label", say("web.scene", { n }));
      row.text.placeholder = say("web.scene_placeholder", { n });
      row.seconds.setAttribute("aria-label", say("web.seconds_of", { n }));
      const drop = () => {
        this.#rows.splice(i, 1);
        this.#draw();
        $("add-scene").focus();
      };
      return h("li", {}, row.text, h("span.seconds", {}, row.seconds, h("i", { "aria-hidden": "true" }, say("web.seconds_short"))),
        button("round", "×", drop, { "aria-label": say("web.remove_scene", { n }), disabled: this.#rows.length < 2 }));
    }));
    $("add-scene").disabled = this.#rows.length >= this.#most;
    this.#left();
  }

  #left() {
    const given = this.#rows.map((row) => Number(row.seconds.value) || 0);
    const left = this.#total - given.reduce((sum, each) => sum + each, 0);
    const values = { n: plain(Math.abs(left)), total: plain(this.#total) };
    const key = left < -0.04 ? "web.scenes_over" : Math.abs(left) < 0.05 ? "web.scenes_full"
      : given.includes(0) ? "web.scenes_shared" : "web.scenes_left";
    $("scene-left").textContent = this.#total ? say(key, values) : "";
    $("scene-left").classList.toggle("wrong", left < -0.04);
  }
}
