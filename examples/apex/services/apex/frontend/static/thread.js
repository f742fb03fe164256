// A thread, live: what is asked here or elsewhere is shown as it happens.
// Without this script the form still works. It is sent, and the page that comes next has the answer.
"use strict";

const view = document.getElementById("thread");
const thread = view.dataset.thread;
const form = document.getElementById("ask");
const line = document.getElementById("line");
const problem = document.getElementById("problem");

const EVENTS = new Set([
  "agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed",
  "agent_failed",
]);
const SHORTEST_WAIT = 500;
const LONGEST_WAIT = 8000;

let socket = null;
let live = false;
let wait = SHORTEST_WAIT;
let held = null; // What comes in while the page is brought up to date.
let updating = Promise.resolve();
let asked = "";

function tell(state, text) {
  live = state === "live";
  line.dataset.state = state;
  line.textContent = text;
}

function complain(text) {
  problem.textContent = text;
  problem.hidden = false;
}

function add(parent, tag, text, name = "") {
  const made = document.createElement(tag);
  // Always text, never mark-up.
  made.textContent = text;
  if (name) made.className = name;
  parent.append(made);
  return made;
}

function show(event) {
  const messages = document.getElementById("messages");
  let list = document.getElementById("events");
  if (list.dataset.run !== event.run_id) {
    if (event.type !== "agent_started") return catchUp();
    list.replaceChildren();
    list.dataset.run = event.run_id;
    const said = messages.lastElementChild;
    const known = said && said.className === "user" && said.textContent === event.question;
    if (!known) add(messages, "p", event.question, "user");
  }
  const last = list.lastElementChild;
  // A run that was asked here is told twice: to who asked, and to who watches.
  if (last && event.sequence <= Number(last.dataset.sequence)) return;
  const item = add(list, "li", event.tool ? `${event.type}: ${event.tool}` : event.type);
  item.dataset.event = event.type;
  item.dataset.sequence = event.sequence;
  if (event.type === "agent_completed") add(messages, "p", event.answer, "assistant");
  if (event.type === "agent_failed") complain(event.reason);
}

function take(event) {
  if (EVENTS.has(event.type)) {
    if (held) held.push(event);
    else show(event);
  } else if (event.type === "watching") {
    catchUp().then(() => tell("live", "Live"));
  } else if (event.type === "error") {
    complain(event.error ? event.error.message : "that did not work");
    if (asked && !form.content.value) form.content.value = asked;
  } else {
    complain("the service said something that is not known here");
  }
}

// What happened while nobody listened is in the page as it is now.
function catchUp() {
  updating = updating.then(update);
  return updating;
}

async function update() {
  held = [];
  try {
    const answer = await fetch(location.href);
    if (answer.redirected) return location.assign("/"); // The session has ended.
    if (!answer.ok) return complain("the thread could not be read");
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of ["messages", "events"]) {
      document.getElementById(id).replaceWith(page.getElementById(id));
    }
  } catch {
    complain("the thread could not be read");
  } finally {
    const waiting = held;
    held = null;
    waiting.forEach(show);
  }
}

function listen() {
  socket = new WebSocket(`${location.origin.replace("http", "ws")}/live`);
  socket.onopen = () => socket.send(JSON.stringify({ type: "watch", thread_id: thread }));
  socket.onmessage = (message) => {
    wait = SHORTEST_WAIT;
    try {
      take(JSON.parse(message.data));
    } catch {
      complain("the service said something that is not known here");
    }
  };
  socket.onclose = () => {
    tell("off", "Not live. Trying again.");
    setTimeout(() => catchUp().then(listen), wait);
    wait = Math.min(wait * 2, LONGEST_WAIT);
  };
}

form.addEventListener("submit", (submitted) => {
  if (!live) return; // The browser sends the form.
  submitted.preventDefault();
  problem.hidden = true;
  asked = form.content.value;
  socket.send(JSON.stringify({ type: "message", thread_id: thread, content: asked }));
  form.reset();
});

listen();
