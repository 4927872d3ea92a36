// The inbox page: asks for the newest messages once a second and shows the chosen one.

const POLL_MS = 1000;
const SHOWN_MAX = 100;

const $ = (id) => document.getElementById(id);
let chosen = null;
let following = true;
let view = "text";
let listed = "";

async function poll() {
  try {
    if (!document.hidden) await refresh();
  } catch {
    $("state").textContent = "The inbox does not answer";
    listed = "";
  }
  setTimeout(poll, POLL_MS);
}

async function refresh() {
  const answer = await fetch(`/api/v1/messages?limit=${SHOWN_MAX}`);
  if (!answer.ok) throw new Error(answer.statusText);
  const body = await answer.text();
  if (body === listed) return;
  listed = body;
  const page = JSON.parse(body);
  $("state").textContent = `${page.total} ${page.total === 1 ? "message" : "messages"}, ${page.unread} unread`;
  $("clear").disabled = page.total === 0;
  $("empty").hidden = page.total > 0;
  showList(page.messages);
  // The newest message opens by itself until somebody picks one.
  const newest = page.messages[0]?.ID ?? null;
  if (page.total === 0) close();
  else if (following && newest !== chosen) await open(newest);
}

function showList(messages) {
  const focused = document.activeElement?.closest("#list button")?.dataset.id;
  $("list").replaceChildren(...messages.map(row));
  if (focused) $("list").querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
}

function row(message) {
  const item = $("row").content.cloneNode(true).firstElementChild;
  const button = item.querySelector("button");
  button.dataset.id = message.ID;
  button.classList.toggle("unread", !message.Read);
  if (message.ID === chosen) button.setAttribute("aria-current", "true");
  button.querySelector(".to").textContent = addresses([...message.To, ...message.Bcc]);
  button.querySelector(".subject").textContent = message.Subject || "(no subject)";
  button.querySelector(".snippet").textContent = message.Snippet;
  const time = button.querySelector("time");
  time.dateTime = message.Created;
  time.textContent = new Date(message.Created).toLocaleTimeString();
  button.addEventListener("click", () => {
    following = false;
    open(message.ID);
  });
  return item;
}

async function open(id) {
  const answer = await fetch(`/api/v1/message/${encodeURIComponent(id)}`);
  if (!answer.ok) return;
  const message = await answer.json();
  chosen = id;
  for (const button of $("list").querySelectorAll("button")) {
    if (button.dataset.id === id) {
      button.setAttribute("aria-current", "true");
      button.classList.remove("unread");
    } else {
      button.removeAttribute("aria-current");
    }
  }
  $("subject").textContent = message.Subject || "(no subject)";
  $("from").textContent = addresses([message.From]);
  $("to").textContent = addresses([...message.To, ...message.Cc, ...message.Bcc]);
  $("date").textContent = new Date(message.Date).toLocaleString();
  $("text").textContent = message.Text;
  $("html").src = `/view/${encodeURIComponent(id)}.html`;
  $("raw").href = `/api/v1/message/${encodeURIComponent(id)}/raw`;
  const code = codeIn(message.Text);
  $("code").textContent = code ?? "";
  $("code-row").hidden = code === null;
  $("copy").textContent = "Copy code";
  document.querySelector('[data-view="html"]').disabled = message.HTML === "";
  $("message").hidden = false;
  show(message.HTML === "" ? "text" : view);
}

function close() {
  chosen = null;
  following = true;
  $("message").hidden = true;
}

function show(which) {
  $("text").hidden = which !== "text";
  $("html").hidden = which !== "html";
  for (const button of document.querySelectorAll("[data-view]")) {
    button.setAttribute("aria-pressed", String(button.dataset.view === which));
  }
}

// The code of a verification mail: digits that have a line to themselves, else the first run of four to ten.
function codeIn(text) {
  const alone = /^[ \t]*(\d{2,5}[ -]?\d{2,5})[ \t]*\r?$/m.exec(text);
  const inside = /(?<![\w.:#-])\d{4,10}(?![\w:-])/.exec(text);
  const found = alone?.[1] ?? inside?.[0];
  return found ? found.replace(/\D/g, "") : null;
}

const addresses = (people) => people.map((p) => (p.Name ? `${p.Name} <${p.Address}>` : p.Address)).join(", ");

for (const button of document.querySelectorAll("[data-view]")) {
  button.addEventListener("click", () => {
    view = button.dataset.view;
    show(view);
  });
}

$("copy").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText($("code").textContent);
    $("copy").textContent = "Copied";
  } catch {
    // Without a secure context there is no clipboard: the code is selected for the keyboard.
    getSelection().selectAllChildren($("code"));
  }
});

$("clear").addEventListener("click", async () => {
  await fetch("/api/v1/messages", { method: "DELETE" });
  close();
  await refresh();
});

poll();
