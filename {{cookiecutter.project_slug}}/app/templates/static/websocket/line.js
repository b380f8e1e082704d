// The line to a room: keeps messages in order, notices when it is dead, and comes back by itself.
const START = "0-0"; // the id before the first message
const GOING_AWAY = 1001, SESSION_ENDED = 4401;
// All in milliseconds.
const FIRST_WAIT = 1000, LONGEST_WAIT = 30_000; // before trying again, at most: doubles in between
const LEAST_WAIT = { 1008: 30_000, 1013: 5000 }; // by close code: for those who were too much or too slow
const PROVEN = 5000; // for as long must a line hold until its failures are forgotten
const QUIET = 25_000; // without a word before we ask whether somebody is there
const PATIENCE = 5000, OPENING = 20_000; // for an answer, and for the line to open

export class Line {
  state;
  #page; #address; #socket; #asked;
  #last = START;
  #failures = 0;
  #next; #watch; #proof; // timers

  // The page is told by its methods `line`, `messages`, `presence`, `error` and `reset`.
  constructor(address, page) {
    this.#address = address;
    this.#page = page;
  }

  async connect() {
    clearTimeout(this.#next);
    this.#tell("connecting");
    try {
      await this.#catchUp();
      this.#listen();
    } catch (error) {
      this.#lost({ least: error.least });
    }
  }

  say(text) {
    this.#send({ type: "say", text });
  }

  // Something may have happened that closes no socket: the network went or came, or we slept.
  check() {
    if (this.state === "open") this.#ask();
    else if (this.state === "closed" && navigator.onLine) this.connect();
  }

  // The history by HTTP comes first: unlike a refused socket, it can say why.
  async #catchUp() {
    const signal = AbortSignal.timeout(OPENING);
    const response = await fetch(this.#url("messages"), { headers: { Accept: "application/json" }, signal });
    if (response.status === 401) this.#leave();
    if (!response.ok) throw Object.assign(new Error(response.status), { least: 1000 * response.headers.get("Retry-After") || 0 });
    const { messages, reset } = await response.json();
    if (reset) this.#forget();
    this.#news(messages);
  }

  #listen() {
    this.#socket = new WebSocket(this.#url("socket").replace(/^http/, "ws"));
    this.#socket.onopen = () => this.#opened();
    this.#socket.onmessage = ({ data }) => this.#heard(JSON.parse(data));
    this.#socket.onclose = ({ code }) => this.#lost({ code });
    this.#after(OPENING, () => this.#drop());
  }

  #opened() {
    this.#asked = false;
    this.#proof = setTimeout(() => (this.#failures = 0), PROVEN);
    this.#rest();
    this.#tell("open");
  }

  #heard(message) {
    this.#rest();
    if (message.type === "message") this.#news([message]);
    else if (message.type === "reset") this.#forget();
    else if (message.code === "invalid" && this.#asked) this.#asked = false;
    else {
      if (message.type === "error") this.#asked = false; // any of them may be the answer
      this.#page[message.type]?.(message);
    }
  }

  // What comes twice, by HTTP and by the socket, is told once, and nothing out of order.
  #news(messages) {
    const news = messages.filter(({ id }) => isAfter(id, this.#last) && (this.#last = id));
    if (news.length) this.#page.messages(news);
  }

  #forget() {
    this.#last = START;
    this.#page.reset();
  }

  // Browsers hide pings from us. But the service answers also what it does not understand.
  #ask() {
    if (this.#asked) return;
    this.#asked = true;
    this.#send({ type: "ping" });
  }

  #send(message) {
    this.#socket.send(JSON.stringify(message));
    this.#after(PATIENCE, () => this.#drop());
  }

  #rest() {
    this.#after(QUIET, () => this.#ask());
  }

  #after(wait, act) {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(act, wait);
  }

  #drop() {
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
    this.#lost({});
  }

  // How long to wait is left to chance, so that a restart is not followed by everybody at once.
  #lost({ code, least = LEAST_WAIT[code] ?? 0 }) {
    clearTimeout(this.#watch);
    clearTimeout(this.#proof);
    if (code === GOING_AWAY) this.#failures = 0;
    const most = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#failures++);
    const wait = least + Math.random() * most;
    this.#next = setTimeout(() => this.connect(), wait);
    this.#tell("closed", { code, until: Date.now() + wait });
    if (code === SESSION_ENDED) this.#leave();
  }

  // The page loads anew, which shows what to do: once, so nothing else is tried meanwhile.
  #leave() {
    this.connect = () => {};
    location.reload();
  }

  #tell(state, more = {}) {
    this.state = state;
    this.#page.line(state, more);
  }

  #url(what) {
    const url = new URL(`${this.#address}/${what}`, location.href);
    url.searchParams.set("after", this.#last);
    return url.href;
  }
}

// Ids are "milliseconds-number", and may be larger than a Number holds.
function isAfter(id, other) {
  const [[ms, number], [otherMs, otherNumber]] = [id, other].map((text) => text.split("-").map(BigInt));
  return ms > otherMs || (ms === otherMs && number > otherNumber);
}
