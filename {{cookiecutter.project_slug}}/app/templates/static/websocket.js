// The page of a room: who is there, how the line is, and a field that loses nothing that is typed.
import { Line } from "websocket/line";
import { Log, tint } from "websocket/log";

const TOO_LARGE = 1009; // a close code
const COMPOSING = 229; // the key code of an Enter that belongs to an input method, also in Safari

const room = document.querySelector(".room"), words = room.dataset;
const [people, count, mould] = [".people ul", ".count", ".person"].map((s) => room.querySelector(s));
const [state, when, again] = [".state", ".when", ".again"].map((s) => room.querySelector(s));
const [form, field, trouble] = [".say", ".say textarea", ".trouble"].map((s) => room.querySelector(s));

// The page's language, as it is written where the reader lives.
const { lang } = document.documentElement;
const language = navigator.languages.find((l) => l.split("-")[0] === lang.split("-")[0]) ?? lang;
const inSeconds = new Intl.RelativeTimeFormat(language, { style: "short" });

const log = new Log(room, language);
const line = new Line(`/rooms/${encodeURIComponent(words.room)}`, {
  line: tell,
  messages: show,
  presence: present,
  error: refused,
  reset: forget,
});

function show(messages) {
  log.show(messages);
  messages.forEach(heard);
}

function present({ who }) {
  count.textContent = who.length;
  people.replaceChildren(...who.map(person));
}

function person(who) {
  const item = mould.content.firstElementChild.cloneNode(true);
  item.dataset.tint = tint(who);
  item.classList.toggle("me", who === words.who);
  item.querySelector("bdi").textContent = who;
  return item;
}

// The line. Once it is lost that is said until it is back, not at each attempt.

let ticking;

function tell(name, { code, until }) {
  const lost = name === "closed" || (name === "connecting" && state.dataset.state === "closed");
  const shown = lost ? "closed" : name;
  if (state.dataset.state !== shown) state.textContent = words[shown];
  room.dataset.line = state.dataset.state = shown;
  when.textContent = lost ? words.connecting : "";
  again.hidden = !lost;
  clearInterval(ticking);
  if (until) countDown(until);
  if (name === "open") opened();
  if (name === "closed" && unheard.length) giveBack(code === TOO_LARGE ? words.too_large : words.unsent);
}

function opened() {
  log.announce(true);
  sayNext();
}

// What is kept comes next, and is no news.
function forget() {
  log.forget();
  setTimeout(() => log.announce(line.state === "open"), 1000);
}

function countDown(until) {
  const tick = () => {
    const seconds = Math.max(1, Math.ceil((until - Date.now()) / 1000));
    when.textContent = words.again.replace("{when}", inSeconds.format(seconds, "second"));
  };
  ticking = setInterval(tick, 1000);
  tick();
}

again.addEventListener("click", () => {
  if (line.state === "closed") line.connect();
  field.focus();
});

// What is typed. One text is under way at a time, so that it is known which one was refused.

const unheard = []; // sent, or waiting for its turn
let doubtful; // given back, but perhaps said all the same

function send(event) {
  event.preventDefault();
  const text = field.value.trim();
  if (!text) return;
  if ([...text].length > words.most) return complain(words.too_large);
  if (line.state === "closed") return complain(words.unsent);
  field.value = "";
  doubtful = undefined;
  complain("");
  log.follow();
  if (unheard.push(text) === 1) sayNext();
}

function sayNext() {
  if (unheard.length && line.state === "open") line.say(unheard[0]);
}

function heard({ who, text }) {
  if (who === words.who && text === unheard[0] && line.state === "open") {
    unheard.shift();
    sayNext();
  } else if (who === words.who && text === doubtful && field.value.startsWith(text)) {
    field.value = field.value.slice(text.length).trimStart();
    complain("");
  }
}

function refused({ code, detail }) {
  if (unheard.length) giveBack(words[code] ?? detail);
}

function giveBack(why) {
  doubtful = unheard[0];
  field.value = [...unheard.splice(0), field.value].filter(Boolean).join("\n");
  complain(why);
}

function complain(why) {
  trouble.textContent = why;
  field.ariaInvalid = why ? "true" : "false";
}

form.addEventListener("submit", send);
field.addEventListener("input", () => complain(""));
field.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.keyCode === COMPOSING) return;
  event.preventDefault();
  form.requestSubmit();
});

// A draft outlives a reload, also one by way of another page. Where storage is forbidden, it does not.
try {
  const key = `draft of ${words.who} in ${words.room}`;
  field.value = sessionStorage.getItem(key) ?? "";
  addEventListener("pagehide", () => sessionStorage.setItem(key, field.value));
} catch {}

for (const event of ["online", "offline", "pageshow"]) addEventListener(event, () => line.check());
document.addEventListener("visibilitychange", () => document.hidden || line.check());
line.connect();
if (matchMedia("(pointer: fine)").matches) field.focus();
