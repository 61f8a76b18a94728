"use strict";
// All texts are set as textContent: whatever they hold is shown, and nothing of it is obeyed.
const data = JSON.parse(document.getElementById("data").textContent);
const items = data.items;
const storageKey = "hn_assets review " + data.sample;
const element = (id) => document.getElementById(id);
let state = { verdicts: {}, history: [], place: 0 };

function warn(text) {
  element("warning").textContent = text;
  element("warning").hidden = false;
}

function restore() {
  try {
    const kept = JSON.parse(localStorage.getItem(storageKey));
    if (kept && kept.verdicts && Array.isArray(kept.history)) state = kept;
  } catch (error) {
    warn("This browser keeps nothing of this page: save the verdicts before you close it.");
  }
  if (!(state.place >= 0 && state.place < items.length)) state.place = 0;
}

function keep() {
  try {
    localStorage.setItem(storageKey, JSON.stringify(state));
  } catch (error) {
    warn("This browser keeps nothing of this page: save the verdicts before you close it.");
  }
}

function judgedCount() {
  return items.filter((item) => item.item in state.verdicts).length;
}

function addText(parent, label, text) {
  const heading = document.createElement("h2");
  heading.textContent = label;
  const box = document.createElement("div");
  box.className = "text";
  box.dir = "auto";
  box.textContent = text;
  parent.append(heading, box);
}

function show() {
  const item = items[state.place];
  element("query").textContent = item.query;
  element("passage").textContent = item.passage;
  element("passage").scrollTop = 0;
  element("beside").replaceChildren();
  for (const [label, text] of item.beside) addText(element("beside"), label, text);
  const judged = judgedCount();
  element("bar").max = items.length;
  element("bar").value = judged;
  element("count").textContent = `${judged} of ${items.length} judged, this is number ${state.place + 1}`;
  const verdict = state.verdicts[item.item];
  let said = verdict ? `You said: ${verdict}` : "";
  if (judged === items.length) said += (said ? ". " : "") + "All are judged: save the verdicts.";
  element("said").textContent = said;
  for (const button of document.querySelectorAll("[data-verdict]"))
    button.setAttribute("aria-pressed", String(button.dataset.verdict === verdict));
  element("undo").disabled = state.history.length === 0;
  element("before").disabled = state.place === 0;
  element("next").disabled = state.place === items.length - 1;
}

function judge(verdict) {
  const item = items[state.place];
  state.history.push([state.place, state.verdicts[item.item] || null]);
  state.verdicts[item.item] = verdict;
  const open = (place) => !(items[place].item in state.verdicts);
  const order = items.map((_, step) => (state.place + 1 + step) % items.length);
  const next = order.find(open);
  if (next !== undefined) state.place = next;
  element("how").open = false;
  keep();
  show();
}

function undo() {
  const last = state.history.pop();
  if (!last) return;
  const [place, before] = last;
  if (before) state.verdicts[items[place].item] = before;
  else delete state.verdicts[items[place].item];
  state.place = place;
  keep();
  show();
}

function move(step) {
  state.place = Math.min(Math.max(state.place + step, 0), items.length - 1);
  keep();
  show();
}

function cell(value) {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function save() {
  const rows = [["sample", "item", "query_id", "doc_id", "verdict"]];
  for (const item of items)
    if (item.item in state.verdicts)
      rows.push([data.sample, item.item, item.query_id, item.doc_id, state.verdicts[item.item]]);
  const text = rows.map((row) => row.map(cell).join(",") + "\n").join("");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  link.download = data.file_name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  element("said").textContent = `${rows.length - 1} verdicts were saved as ${data.file_name}`;
}

const keys = {
  r: () => judge("relevant"),
  n: () => judge("not relevant"),
  u: () => judge("unsure"),
  z: undo,
  s: save,
  ArrowLeft: () => move(-1),
  ArrowRight: () => move(1),
};
document.addEventListener("keydown", (event) => {
  // a key that is held down judges once
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (!Object.hasOwn(keys, name)) return;
  event.preventDefault();
  keys[name]();
});
for (const button of document.querySelectorAll("[data-verdict]"))
  button.addEventListener("click", () => judge(button.dataset.verdict));
element("undo").addEventListener("click", undo);
element("save").addEventListener("click", save);
element("before").addEventListener("click", () => move(-1));
element("next").addEventListener("click", () => move(1));
restore();
element("how").open = judgedCount() === 0;
if (items.length) show();
