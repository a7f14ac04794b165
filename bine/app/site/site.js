// The live parts of the example page. Text from the server is only ever set as text.
"use strict";

const $ = (id) => document.getElementById(id);
const kTicks = 20;
const kTrips = 200;

function showDuration(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

async function getJson(path) {
  const response = await fetch(path, { cache: "no-store" });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

async function showFacts() {
  const facts = await getJson("api/facts");
  $("version").textContent = facts.version;
  $("driver").textContent = facts.driver;
  $("driver").title = facts.reason;
  $("uptime").textContent = showDuration(facts.uptime_ms);
  $("answers").textContent = facts.answers.toLocaleString("en");
}

async function showRequest() {
  const request = await getJson("api/request");
  $("request-line").textContent = `${request.method} ${request.target} HTTP/1.${request.minor_version}, from ${request.peer}`;
  const rows = request.fields.map(([name, value]) => {
    const row = document.createElement("tr");
    for (const text of [name, value]) row.insertCell().textContent = text;
    return row;
  });
  $("fields").replaceChildren(...rows);
}

function prepareTicks() {
  const ticks = Array.from({ length: kTicks }, (_, index) => {
    const tick = document.createElement("li");
    tick.textContent = index + 1;
    return tick;
  });
  $("ticks").replaceChildren(...ticks);
}

async function showStream() {
  $("again").hidden = true;
  prepareTicks();
  const started = performance.now();
  const response = await fetch("api/count", { cache: "no-store" });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let count = 0;
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    const lines = (rest + piece.value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      $("ticks").children[Number(line) - 1]?.classList.add("here");
      count += 1;
    }
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    $("stream-state").textContent = `${count} of ${kTicks} chunks after ${seconds} s`;
  }
  $("again").hidden = false;
}

function drawBars(times) {
  const ns = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(ns, "svg");
  const most = [...times].sort((a, b) => a - b)[Math.floor(times.length * 0.97)];
  svg.setAttribute("viewBox", `0 0 ${times.length} 100`);
  svg.setAttribute("preserveAspectRatio", "none");
  times.forEach((time, index) => {
    const height = Math.min(100, (100 * time) / most);
    const bar = document.createElementNS(ns, "rect");
    for (const [name, value] of Object.entries({ x: index + 0.1, y: 100 - height, width: 0.8, height })) bar.setAttribute(name, value);
    svg.append(bar);
  });
  $("bars").replaceChildren(svg);
}

async function measureTrips() {
  const times = [];
  for (let trip = 0; trip < kTrips; ++trip) {
    const started = performance.now();
    await (await fetch("api/hello", { cache: "no-store" })).text();
    times.push(performance.now() - started);
  }
  const sorted = [...times].sort((a, b) => a - b);
  $("median").textContent = sorted[Math.floor(sorted.length / 2)].toFixed(2);
  drawBars(times);
}

function showLoss() {
  $("state").textContent = "bine does not answer any more. Has it been stopped?";
}

function run(work) {
  return work().catch(showLoss);
}

for (const place of document.querySelectorAll(".origin")) place.textContent = location.origin;
$("again").addEventListener("click", () => run(showStream));
run(async () => {
  await showRequest();
  await measureTrips();
  await showFacts();
});
run(showStream);
