// A room: fetches what was said, then listens, and comes back by itself when the line drops.
const FIRST_WAIT = 500, LONGEST_WAIT = 30_000; // milliseconds
const MOST_SHOWN = 1000; // messages
const SAME_BREATH = 5 * 60_000; // milliseconds within which one name stands over several messages
const SESSION_ENDED = 4401;
const START = "0-0"; // the id before the first message

const room = document.querySelector(".room");
const [log, people, state] = [".log", ".people ul", ".state"].map((s) => room.querySelector(s));
const [form, mould, trouble] = [".say", "template", ".trouble"].map((s) => room.querySelector(s));
const address = `/rooms/${encodeURIComponent(room.dataset.room)}`;
const shown = new Set();
const clock = new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: "short" });
const calendar = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });

let socket, last = START, failures = 0, timer;

const take = {
  message: show,
  presence: ({ who }) => people.replaceChildren(...who.map(person)),
  error: ({ code, detail }) => say(room.dataset[code] ?? detail),
  reset: forget,
};

async function connect() {
  timer = clearTimeout(timer);
  tell("connecting");
  try {
    await catchUp();
    listen();
  } catch {
    retry();
  }
}

// The history by HTTP comes first: unlike a refused socket, it can say why.
async function catchUp() {
  const response = await fetch(withAfter("/messages"), { headers: { Accept: "application/json" } });
  if (response.status === 401) location.reload();
  if (!response.ok) throw new Error(response.status);
  const { messages, reset } = await response.json();
  if (reset) forget();
  messages.forEach(show);
}

function listen() {
  socket = new WebSocket(withAfter("/socket").replace(/^http/, "ws"));
  socket.onopen = () => tell("open");
  socket.onmessage = ({ data }) => {
    failures = 0;
    const message = JSON.parse(data);
    take[message.type]?.(message);
  };
  socket.onclose = ({ code }) => (code === SESSION_ENDED ? location.reload() : retry());
}

// Half of each wait is chance, so that a restart is not followed by everybody at once.
function retry() {
  tell("closed");
  const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** failures++);
  clearTimeout(timer);
  timer = setTimeout(connect, wait / 2 + (Math.random() * wait) / 2);
}

function withAfter(path) {
  const url = new URL(address + path, location.href);
  url.searchParams.set("after", last);
  return url.href;
}

function show(message) {
  if (shown.has(message.id)) return;
  shown.add(message.id);
  last = message.id;
  const follow = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
  log.append(rendered(message));
  while (log.children.length > MOST_SHOWN) {
    shown.delete(keyOf(log.firstElementChild));
    log.firstElementChild.remove();
  }
  if (follow || message.who === room.dataset.who) log.scrollTop = log.scrollHeight;
}

function rendered({ id, who, text, at }) {
  const item = mould.content.firstElementChild.cloneNode(true);
  const when = new Date(at), before = log.lastElementChild;
  const [face, name, time] = [".face", ".who", "time"].map((s) => item.querySelector(s));
  face.textContent = initial(who);
  item.dataset.tint = tint(who);
  name.textContent = who;
  time.dateTime = at;
  time.textContent = (isToday(when) ? clock : calendar).format(when);
  item.querySelector(".text").textContent = text;
  item.classList.toggle("more", before?.dataset.who === who && when - before.dataset.at < SAME_BREATH);
  Object.assign(item.dataset, { who, at: +when, id: JSON.stringify(id) });
  return item;
}

const keyOf = (item) => JSON.parse(item.dataset.id);
const initial = (who) => [...who][0]?.toUpperCase() ?? "?";
const tint = (who) => [...who].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 6, 0);
const isToday = (when) => when.toDateString() === new Date().toDateString();

function person(who) {
  const item = document.createElement("li");
  item.textContent = who;
  item.dataset.tint = tint(who);
  item.classList.toggle("me", who === room.dataset.who);
  return item;
}

function forget() {
  log.replaceChildren();
  shown.clear();
  last = START;
}

function tell(name) {
  state.dataset.state = name;
  state.textContent = room.dataset[name];
}

function say(words) {
  trouble.textContent = words;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = form.text.value.trim();
  if (!text) return;
  if (socket?.readyState !== WebSocket.OPEN) return say(room.dataset.unsent);
  socket.send(JSON.stringify({ type: "say", text }));
  form.reset();
  say("");
});

addEventListener("online", () => timer && connect());
connect();
form.text.focus();
