// Calls to the bot. What cannot be done comes back as a Refusal whose message is the bot's own sentence.
import { say } from "./dom.js";
import { user } from "./user.js";

export class Refusal extends Error {
  constructor(sentence, answer = {}) {
    super(sentence);
    this.answer = answer;
  }
}

export const address = (path) => `/chat/api/${encodeURIComponent(user())}/${path}`;

export const get = (path) => call(path);
export const post = (path, data) =>
  call(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(data) });
export const upload = (file) =>
  call(`pictures?name=${encodeURIComponent(file.name ?? "")}`, {
    method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: file,
  });

let ahead = 0; // the bot's clock minus ours, in milliseconds

/** The time on the bot's clock, in Unix milliseconds. */
export const now = () => Date.now() + ahead;

function compareClocks(date) {
  const difference = Date.parse(date) - Date.now();
  // The header has whole seconds, so less than two mean nothing.
  ahead = Math.abs(difference) > 2000 ? difference : 0;
}

async function call(path, options) {
  let response;
  try {
    response = await fetch(address(path), options);
  } catch {
    throw new Refusal(say("web.unreached"));
  }
  compareClocks(response.headers.get("Date"));
  // Logged out: the page itself leads to the log-in.
  if (response.status === 401) location.reload();
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refusal(answer.error ?? say("web.fault"), answer);
  return answer;
}
