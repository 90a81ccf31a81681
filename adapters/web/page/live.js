// The stream of changes. Each connection begins with the whole state, so nothing can be missed in between.
import { $, announce, say } from "./dom.js";
import { address, get } from "./api.js";

const SILENCE_MS = 12_000; // a tick comes every 2 s
const AGAIN_MS = 1_500;

let source = null;
let alarm = 0;
let wasLost = false;

/** Connect as the present user; `on` has one function for each kind of event. */
export function connect(on) {
  source?.close();
  source = new EventSource(address("events"));
  const mine = source;
  for (const name of ["state", "job", "balance", "notice"]) {
    mine.addEventListener(name, (event) => on[name](JSON.parse(event.data)));
  }
  const again = () => {
    if (mine !== source) return;
    mine.close();
    lost();
    clearTimeout(alarm);
    alarm = setTimeout(() => connect(on), AGAIN_MS);
    // A stream does not tell why it ended; an ordinary call finds out whether we are logged out.
    get("ledger").catch(() => {});
  };
  const alive = () => {
    if (mine !== source) return;
    found();
    clearTimeout(alarm);
    alarm = setTimeout(again, SILENCE_MS);
  };
  mine.addEventListener("tick", alive);
  mine.addEventListener("error", again);
  clearTimeout(alarm);
  alarm = setTimeout(again, SILENCE_MS);
}

function lost() {
  if (wasLost) return;
  wasLost = true;
  $("connection").textContent = say("web.lost");
}

function found() {
  if (!wasLost) return;
  wasLost = false;
  $("connection").textContent = "";
  announce(say("web.back"));
}
