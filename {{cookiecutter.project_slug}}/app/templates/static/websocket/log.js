// The log of a room: messages by day and by name, and the reader's place among them.
const MOST_SHOWN = 1000; // messages
const SAME_BREATH = 5 * 60_000; // milliseconds within which one name stands over several messages
const NEAR = 60; // pixels from the end that still count as the end

export class Log {
  #log; #list; #jump; #message; #day; #divider; #times;
  #newest; // the last message shown
  #following = true; // the end is in sight, and stays so
  #unseen = false; // something was said since the reader looked

  constructor(room, language) {
    [this.#log, this.#list, this.#jump] = [".log", ".log ol", ".jump"].map((s) => room.querySelector(s));
    const moulds = room.querySelector("template").content.children;
    [this.#message, this.#day, this.#divider] = [".message", ".day", ".divider"].map((s) => [...moulds].find((m) => m.matches(s)));
    this.#times = {
      day: new Intl.DateTimeFormat(language, { dateStyle: "full" }),
      clock: new Intl.DateTimeFormat(language, { timeStyle: "short" }),
      exact: new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "medium" }),
    };
    this.#log.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#jump.addEventListener("click", () => this.#jumped());
    document.addEventListener("visibilitychange", () => this.#tell());
    new ResizeObserver(() => this.#settle()).observe(this.#log);
  }

  show(messages) {
    if (this.#newest && !this.#unseen && (document.hidden || !this.#following)) this.#divide();
    this.#list.append(...messages.flatMap((message) => this.#rendered(message)));
    if (this.#following) this.#shorten();
    this.#settle();
  }

  forget() {
    this.announce(false);
    this.#newest = undefined;
    this.#list.replaceChildren();
    this.follow();
  }

  // Whether screen readers read what comes: what is news, but not the history.
  announce(whether) {
    this.#log.ariaLive = whether ? "polite" : "off";
  }

  follow() {
    this.#following = true;
    this.#settle();
  }

  #scrolled() {
    this.#following = this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < NEAR;
    this.#tell();
  }

  // The button goes, and would take the focus with it.
  #jumped() {
    this.#log.focus();
    this.follow();
  }

  // At once, not in the next frame: a scroll event in between would look like the reader's.
  #settle() {
    if (this.#following) this.#log.scrollTop = this.#log.scrollHeight;
    this.#tell();
  }

  #tell() {
    if (this.#following && !document.hidden) this.#unseen = false;
    this.#jump.hidden = this.#following;
    this.#jump.toggleAttribute("data-unseen", this.#unseen);
  }

  // What is read is not taken away, so only where the end is read.
  #shorten() {
    while (this.#list.children.length > MOST_SHOWN) this.#list.firstElementChild.remove();
    this.#list.firstElementChild.classList.remove("more");
  }

  // The name stands again below the divider.
  #divide() {
    this.#unseen = true;
    this.#newest.who = undefined;
    this.#list.append(this.#divider);
  }

  #rendered({ who, text, at }) {
    const date = new Date(at), before = this.#newest;
    const newDay = date.toDateString() !== before?.date.toDateString();
    const more = !newDay && who === before.who && date - before.date < SAME_BREATH;
    this.#newest = { who, date };
    const item = this.#filled(who, text, date);
    item.classList.toggle("more", more);
    return newDay ? [this.#headed(date), item] : [item];
  }

  #filled(who, text, date) {
    const item = this.#message.cloneNode(true);
    const [face, name, time, said] = [".face", ".who", "time", ".text"].map((s) => item.querySelector(s));
    item.dataset.tint = tint(who);
    [face.textContent, name.textContent, said.textContent] = [initial(who), who, text];
    Object.assign(time, { dateTime: date.toISOString(), title: this.#times.exact.format(date) });
    time.textContent = this.#times.clock.format(date);
    return item;
  }

  #headed(date) {
    const item = this.#day.cloneNode(true);
    item.firstElementChild.textContent = this.#times.day.format(date);
    return item;
  }
}

// The colour of a name: always the same one.
export function tint(who) {
  return [...who].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 997, 0) % 6;
}

function initial(who) {
  return who.match(/[\p{L}\p{N}\p{Extended_Pictographic}]/u)?.[0].toUpperCase() ?? "?";
}
