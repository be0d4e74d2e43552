"use strict";
// Shows what the program sends, and sends back what the person does. Text is only ever set as
// text: what is said in a meeting is never markup.
const $ = (id) => document.getElementById(id);
const el = (tag, className, text) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};
const clock = (seconds) => {
  const s = Math.max(0, Math.floor(seconds)), two = (n) => String(n).padStart(2, "0");
  return s < 3600 ? `${Math.floor(s / 60)}:${two(s % 60)}`
    : `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
};
const side = (speaker) => ({ me: "me", them: "them" })[speaker.toLowerCase()] || "other";
const STATES = { recording: "Recording", paused: "Paused", finishing: "Finishing", ended: "Ended" };
const KINDS = { question: "You were asked", turn: "Suggestion", request: "Suggestion", answer: "Answer" };
let view = { state: "connecting", suggesting: "off", suggestions: [], levels: [], missing: [] };

// What the person does

const send = (what, more = {}) =>
  fetch("do", {
    method: "POST", headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ do: what, ...more }),
  }).then((answer) => { if (!answer.ok) throw new Error(answer.statusText); })
    .catch(() => notice("That did not reach the program."));

let entering = null;
const enter = (what) => {
  entering = what;
  $("label").textContent = what === "ask" ? "Ask" : "Note";
  $("entry").querySelector("[type=submit]").textContent = what === "ask" ? "Ask" : "Keep";
  $("entry").hidden = false;
  $("text").value = "";
  $("text").focus();
};
const leave = () => { entering = null; $("entry").hidden = true; $("text").blur(); };
$("entry").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  if (text) send(entering, { text });
  leave();
});
$("cancel").addEventListener("click", leave);

let sure = 0;
const end = () => {
  clearTimeout(sure);
  if ($("end").classList.toggle("sure")) {
    $("end").textContent = "End the recording?";
    sure = setTimeout(end, 4000);
  } else $("end").textContent = "End";
};
const run = (what) => {
  if (what === "note" || what === "ask") enter(what);
  else if (what === "pause") send(view.state === "paused" ? "resume" : "pause");
  else if (what !== "end") send(what);
  else { if ($("end").classList.contains("sure")) send("end"); end(); }
};
$("controls").addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (button) run(button.dataset.do);
});
const KEYS = { m: "mark", n: "note", "?": "ask", s: "suggest", g: "toggle", p: "pause" };
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  if (event.key === "Escape") {
    const last = view.suggestions.at(-1);
    if (entering) leave();
    else if (last) send("dismiss", { id: last.id });
    else $("notices").replaceChildren();
  } else if (!entering && !event.repeat && KEYS[event.key] && !$("pause").disabled) {
    event.preventDefault();
    run(KEYS[event.key]);
  }
});

const dark = matchMedia("(prefers-color-scheme: dark)");
$("theme").addEventListener("click", () => {
  const now = document.documentElement.dataset.theme || (dark.matches ? "dark" : "light");
  document.documentElement.dataset.theme = now === "dark" ? "light" : "dark";
});

// What is shown

const scroll = $("scroll");
let following = true;
const follow = () => { if (following) scroll.scrollTop = scroll.scrollHeight; };
scroll.addEventListener("scroll", () => {
  following = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 40;
  $("latest").hidden = following;
});
$("latest").addEventListener("click", () => { following = true; follow(); scroll.focus(); });
new ResizeObserver(follow).observe(scroll);

const line = (tag, caption, before) => {
  const made = el(tag, caption.speaker === before ? "same" : "");
  made.dataset.speaker = caption.speaker;
  const said = el("span");
  said.append(el("strong", side(caption.speaker), caption.speaker), caption.text);
  made.append(el("time", "", clock(caption.start)), said);
  return made;
};
const captions = ({ drop, keep, lines }) => {
  const list = $("captions");
  const stay = [...list.children].slice(drop, drop + keep);
  for (const it of [...list.children]) if (!stay.includes(it)) it.remove();
  for (const it of lines) list.append(line("li", it, list.lastChild?.dataset.speaker));
};
const saying = (lines) =>
  $("saying").replaceChildren(...lines.map((it) => line("p", { ...it, text: `${it.text} …` })));

const levels = (all, missing) => {
  const box = $("levels");
  while (box.children.length > all.length) box.lastChild.remove();
  all.forEach(([speaker, level], i) => {
    const made = box.children[i] || box.appendChild(el("div"));
    if (made.dataset.speaker !== speaker) {
      made.dataset.speaker = speaker;
      made.className = `level ${side(speaker)}`;
      const bar = el("i");
      bar.append(el("b"));
      made.replaceChildren(speaker, bar);
    }
    const gone = missing.includes(speaker);
    made.classList.toggle("gone", gone);
    made.firstChild.data = gone ? `${speaker} ✕ not recorded` : speaker;
    const part = level === null ? 0 : Math.min(1, Math.max(0, (level + 60) / 60));
    made.querySelector("b").style.transform = `scaleX(${part})`;
    made.title = level === null ? "silence" : `${Math.round(level)} dBFS`;
  });
};

const shown = new Map();
let spoken = -1;
const suggestions = (all) => {
  const box = $("suggestions");
  for (const [id, made] of shown) if (!all.some((it) => it.id === id)) { made.remove(); shown.delete(id); }
  const newest = all.slice(-3).reverse();
  newest.forEach((it, place) => {
    let made = shown.get(it.id);
    if (!made) {
      made = el("article");
      const close = el("button", "close quiet", "×");
      close.type = "button";
      close.setAttribute("aria-label", "Dismiss this suggestion");
      close.addEventListener("click", () => send("dismiss", { id: it.id }));
      made.append(el("h3"), el("p", "about"), el("p", "text"), el("ul"), close);
      shown.set(it.id, made);
    }
    made.className = (place ? "old" : "") + (it.complete ? "" : " growing");
    const [title, about, text, rests] = made.children;
    title.textContent = KINDS[it.kind] || "Suggestion";
    about.textContent = it.about && `“${it.about}”`;
    text.textContent = it.text;
    rests.hidden = !it.evidence.length;
    rests.setAttribute("aria-label", "It rests on");
    rests.replaceChildren(...it.evidence.map((one) => {
      const row = el("li");
      if (one.meeting) row.append(`${one.meeting}: `);
      else row.append(el("time", "", clock(one.start)));
      row.append(one.speaker ? `${one.speaker}: ` : "", one.text);
      return row;
    }));
    if (box.children[place] !== made) box.insertBefore(made, box.children[place] || null);
    if (!place && it.complete && it.id !== spoken) {
      spoken = it.id;
      $("spoken").textContent = `${title.textContent}: ${it.text}`;
    }
  });
  while (box.children.length > newest.length) box.lastChild.remove();
};

const off = () => view.suggesting === "off";
const about = () => {
  const some = view.suggestions.length > 0;
  $("none").hidden = some;
  $("none").textContent = off() ? "Suggestions are off. G turns them on, S asks for one."
    : "Suggestions appear here.";
  $("limits").textContent = off() || view.suggesting === "on" ? "" : `Suggestions: ${view.suggesting}`;
  $("toggle").setAttribute("aria-pressed", String(!off()));
  $("toggle").firstChild.textContent = `Suggestions ${off() ? "off" : "on"} `;
};

const notice = (text) => {
  const made = el("p", "", text);
  const close = el("button", "quiet", "×");
  close.type = "button";
  close.setAttribute("aria-label", "Dismiss this notice");
  close.addEventListener("click", () => made.remove());
  made.append(close);
  $("notices").append(made);
  while ($("notices").children.length > 3) $("notices").firstChild.remove();
  setTimeout(() => made.remove(), 30000);
};

const state = () => {
  const now = view.state;
  document.body.dataset.state = now;
  if ($("state").textContent !== STATES[now]) $("state").textContent = STATES[now] || "Connecting";
  for (const it of $("controls").querySelectorAll("button"))
    it.disabled = now !== "recording" && now !== "paused";
  if (now === "ended" || now === "finishing") leave();
  $("pause").firstChild.textContent = now === "paused" ? "Resume " : "Pause ";
  document.title = `${now === "recording" ? "● " : ""}${view.title || "Sottovoce"}`;
};

const change = (part) => {
  const { captions: said, notices, ...rest } = part;
  Object.assign(view, rest);
  if ("state" in part || "title" in part) state();
  if ("title" in part) $("title").textContent = view.title || "Sottovoce";
  if ("seconds" in part) $("time").textContent = clock(view.seconds);
  if ("levels" in part || "missing" in part) levels(view.levels, view.missing);
  if (said) captions(said);
  if ("saying" in part) saying(view.saying);
  if ("suggestions" in part) suggestions(view.suggestions);
  if ("suggestions" in part || "suggesting" in part) about();
  if ("marks" in part) $("marks").textContent = view.marks ? `★ ${view.marks} marked` : "";
  for (const text of notices || []) notice(text);
  if (said || "saying" in part) follow();
};

const source = new EventSource("events");
source.addEventListener("message", (event) => {
  change(JSON.parse(event.data));
  if (view.state === "ended") source.close();
});
source.addEventListener("open", () => state());
source.addEventListener("error", () => {
  if (view.state === "ended") return;
  document.body.dataset.state = "lost";
  $("state").textContent = "No connection to the program";
  for (const it of $("controls").querySelectorAll("button")) it.disabled = true;
});
