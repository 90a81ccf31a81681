// The one dialog: help, models, balance, receipts. The browser keeps the focus inside and gives it back.
import { $ } from "./dom.js";

let onclosed = null;

export function openPanel(title, content, closed = null) {
  $("panel-title").textContent = title;
  $("panel-body").replaceChildren(content);
  onclosed = closed;
  if (!$("panel").open) $("panel").showModal();
  $("panel-body").scrollTop = 0;
}

export const closePanel = () => $("panel").close();

export function setUpPanel() {
  const panel = $("panel");
  $("panel-close").addEventListener("click", closePanel);
  panel.addEventListener("click", (event) => { if (event.target === panel) closePanel(); });
  panel.addEventListener("close", () => { onclosed?.(); onclosed = null; });
}
