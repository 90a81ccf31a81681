// Small helpers to build the page: elements, sentences, lengths of time.
import texts from "./texts.js";

export const $ = (id) => document.getElementById(id);

/** The page's sentence of that name with its values filled in. */
export function say(name, values = {}) {
  const text = texts[name];
  if (text === undefined) throw new Error(`no sentence named ${name}`);
  return text.replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}

/** An element: h("p.quiet", {id: "x", onclick: f}, "text", child). Empty children are left out. */
export function h(kind, attributes = {}, ...children) {
  const [tag, ...classes] = kind.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

/** A button of type "button". */
export const button = (kind, label, onclick, attributes = {}) =>
  h(`button.${kind}`, { type: "button", onclick, ...attributes }, label);

/** Say something to screen readers without moving the focus. */
export function announce(sentence) {
  const news = $("news");
  // The same sentence twice would not be noticed as a change.
  news.textContent = news.textContent === sentence ? `${sentence}\u00a0` : sentence;
}

/** 75 → "1 min 15 s" */
export function lasting(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return say("web.seconds_words", { n: s });
  if (s < 3600) return say("web.minutes_words", { n: Math.floor(s / 60), s: s % 60 });
  return say("web.hours_words", { h: Math.floor(s / 3600), n: Math.floor((s % 3600) / 60) });
}

/** A key for one asking message, made once and kept through every repeat. */
export const newKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
