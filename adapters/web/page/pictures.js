// The pictures of a request: added by button, drop or paste; each with its use, as the model allows.
import { $, announce, button, h, say } from "./dom.js";
import { address, upload } from "./api.js";

const ROLES = { first: "web.role_first", last: "web.role_last", reference: "web.role_reference" };

export const pictureAddress = (sha256) => address(`pictures/${sha256}`);

export class Pictures {
  /** {sha256, role, name}; one still on its way has no sha256 yet. */
  list = [];
  #allowed = Object.keys(ROLES);

  constructor(onchange, onproblem) {
    this.onchange = onchange;
    this.onproblem = onproblem;
    this.strip = $("pictures");
    $("add-picture").addEventListener("click", () => $("file").click());
    $("file").addEventListener("change", () => { this.add($("file").files); $("file").value = ""; });
    this.#takeDrops();
  }

  get areComing() {
    return this.list.some((each) => !each.sha256);
  }

  set(pictures) {
    this.list = pictures.map((each) => ({ ...each, url: pictureAddress(each.sha256) }));
    this.#draw();
  }

  add(files) {
    const pictures = [...files].filter((file) => file.type.startsWith("image/") || /\.(heic|heif|avif)$/i.test(file.name));
    if (files.length > pictures.length) this.onproblem(say("web.not_pictures"));
    return Promise.all(pictures.map((file) => this.#send(file)));
  }

  async #send(file) {
    const picture = { role: "", name: file.name, url: URL.createObjectURL(file) };
    this.list.push(picture);
    this.#changed();
    try {
      Object.assign(picture, await upload(file));
      announce(say("web.picture_added", { n: this.list.indexOf(picture) + 1 }));
    } catch (refusal) {
      this.list = this.list.filter((each) => each !== picture);
      this.onproblem(refusal.message);
    }
    this.#changed();
  }

  /** What the model can do with pictures; roles that it does not know are chosen anew. */
  allow(options) {
    const can = { first: options?.first, last: options?.last, reference: options?.references_max > 0 };
    const allowed = Object.keys(ROLES).filter((role) => can[role]);
    this.#allowed = allowed.length ? allowed : ["first"];
    const taken = new Set();
    for (const picture of this.list) {
      if (!this.#allowed.includes(picture.role) || (picture.role !== "reference" && taken.has(picture.role))) {
        picture.role = this.#allowed.find((role) => role === "reference" || !taken.has(role)) ?? this.#allowed.at(-1);
      }
      taken.add(picture.role);
    }
    this.#draw();
  }

  values() {
    return this.list.filter((each) => each.sha256).map(({ sha256, role }) => ({ sha256, role }));
  }

  #changed() {
    this.onchange();
    this.#draw();
  }

  #draw() {
    this.strip.hidden = !this.list.length;
    this.strip.replaceChildren(...this.list.map((picture, n) => this.#thumbnail(picture, n + 1)));
  }

  #thumbnail(picture, n) {
    const drop = () => {
      this.list = this.list.filter((each) => each !== picture);
      this.#changed();
      $("say").focus();
    };
    const swap = (event) => {
      const other = this.list.find((each) => each !== picture && each.role === event.target.value);
      if (other && event.target.value !== "reference") other.role = picture.role;
      picture.role = event.target.value;
      this.#changed();
      $(`role-${n}`)?.focus();
    };
    const role = (each) => h("option", { value: each, selected: each === picture.role }, say(ROLES[each]));
    return h("li", { "aria-busy": String(!picture.sha256) },
      h("img", { src: picture.url, alt: say("web.picture_of", { n }) }),
      picture.sha256 ? null : h("span.coming", { role: "status" }, say("web.uploading", { name: picture.name ?? "" })),
      this.#allowed.length > 1
        ? h("select", { id: `role-${n}`, "aria-label": say("web.role_label", { n }), onchange: swap }, ...this.#allowed.map(role))
        : null,
      button("round", "×", drop, { "aria-label": say("web.remove_picture", { n }) }));
  }

  #takeDrops() {
    const zone = $("drop");
    const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
    let depth = 0;
    const show = (change) => { depth = Math.max(0, depth + change); zone.hidden = !depth; };
    document.addEventListener("dragenter", (event) => holdsFiles(event) && show(1));
    document.addEventListener("dragleave", (event) => holdsFiles(event) && show(-1));
    document.addEventListener("dragover", (event) => holdsFiles(event) && event.preventDefault());
    document.addEventListener("drop", (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      show(-depth);
      this.add(event.dataTransfer.files);
    });
    $("say").addEventListener("paste", (event) => {
      if (!event.clipboardData.files.length) return;
      event.preventDefault();
      this.add(event.clipboardData.files);
    });
  }
}
