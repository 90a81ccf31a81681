// Who is chatting: a name chosen on the page, remembered by this browser. Each has a purse of its own.
import { $, h, say, button } from "./dom.js";
import { openPanel, closePanel } from "./panel.js";

const SUGGESTED = ["ada", "grace", "linus", "mary"];
const NAME = /^[\p{L}\p{N}][\p{L}\p{N}-]{0,31}$/u;
const read = (key) => { try { return JSON.parse(localStorage.getItem(key)); } catch { return null; } };

let current = read("kiebot.user") ?? SUGGESTED[0];

export const user = () => current;

/** Plain data of this user's kept by the browser: `memory("drafts")`, `memory("drafts", [...])`. */
export function memory(name, value) {
  const key = `kiebot.${current}.${name}`;
  if (value === undefined) return read(key);
  localStorage.setItem(key, JSON.stringify(value));
  return value;
}

export function setUpUsers(onchange) {
  const select = $("who");
  const others = () => [...new Set([...SUGGESTED, ...(read("kiebot.users") ?? []), current])];
  const draw = () => {
    select.replaceChildren(
      ...others().map((name) => h("option", { value: name, selected: name === current }, name)),
      h("option", { value: "" }, say("web.someone_else")),
    );
  };
  const become = (name) => {
    current = name;
    localStorage.setItem("kiebot.user", JSON.stringify(name));
    localStorage.setItem("kiebot.users", JSON.stringify(others()));
    draw();
    onchange();
  };
  select.addEventListener("change", () => {
    if (select.value) become(select.value);
    else askName(become, draw);
  });
  draw();
}

function askName(become, draw) {
  const wrong = h("p.problem", { role: "alert" });
  const input = h("input", { id: "other-name", maxlength: "32", required: true, "aria-describedby": "other-about" });
  const take = (event) => {
    event.preventDefault();
    const name = input.value.trim().toLowerCase();
    if (!NAME.test(name)) { wrong.textContent = say("web.other_name_about"); return; }
    closePanel();
    become(name);
  };
  const form = h("form.name", { onsubmit: take },
    h("label", { for: "other-name" }, say("web.other_name")), input,
    h("p.quiet", { id: "other-about" }, say("web.other_name_about")), wrong,
    h("button.main", {}, say("web.use_name")));
  openPanel(say("web.someone_else"), form, draw);
  input.focus();
}
