// The study from the browser check to the code at the end: a timeline of jsPsych whose every screen is a function
// below. What has been answered lies in the store, so that each screen asks there and not in the memory of this tab.

import { cellName, pick } from "./picker.js";
import { Sender, findWay } from "./sender.js";
import { openStore } from "./store.js";

const LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"; // without those that look alike; 32, so that each is as likely
const LONGEST_COMMENT = 2000;
const PAUSES = [300, 1500]; // milliseconds before another attempt to load something
const NARROWEST = 300; // pixels in which a grid of 8 x 8 can still be hit

const main = document.getElementById("study");
const say = (id, text) => { document.getElementById(id).textContent = text; };

// A screen: jsPsych shows it and goes on when its function is done.
class Screen {
  static info = { name: "screen", version: "1.0.0", parameters: { show: { type: jsPsychModule.ParameterType.FUNCTION } },
    data: {} };

  async trial(element, { show }) {
    main.tabIndex = -1; // jsPsych makes it a stop of the tab key, which leads nowhere
    scrollTo(0, 0);
    await show(element);
    return {};
  }
}

const screen = (show) => ({ type: Screen, show });

// Shows HTML and returns the id of the button that is pressed. Reading begins at the top: at its heading, if it has one.
function ask(element, html) {
  element.innerHTML = html;
  const first = element.querySelector("h1") ?? element;
  first.tabIndex = -1;
  first.focus({ preventScroll: true });
  return new Promise((resolve) => {
    for (const button of element.querySelectorAll(".buttons button")) {
      button.addEventListener("click", () => resolve(button.id));
    }
  });
}

class Stopped extends Error {}

// Shows nothing but a message: what is wrong, and what would help.
function show(heading, text) {
  main.innerHTML = "<h1></h1><p role='alert'></p>";
  main.querySelector("h1").textContent = heading;
  main.querySelector("p").textContent = text;
}

// Ends the study on a message.
function stop(heading, text) {
  show(heading, text);
  throw new Stopped(heading);
}

// Tries again what may fail for a moment: a line that was lost, a server that starts anew.
async function patiently(work) {
  for (const pause of PAUSES) {
    try {
      return await work();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
  return work();
}

async function load(name, kind) {
  try {
    return await patiently(async () => {
      const answer = await fetch(name, { cache: "no-store" });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      return answer[kind]();
    });
  } catch (error) {
    return stop("The study could not be loaded", `${name} is not there (${error.message}). Check the connection and `
      + "load the page again. Opened from a folder the study does not run: a web server has to serve it.");
  }
}

async function preload(images) {
  for (const [number, address] of images.entries()) {
    main.innerHTML = `<p role="status">Loading images: ${number + 1} of ${images.length}</p>`;
    const image = new Image();
    try {
      await patiently(() => {
        image.src = address;
        return image.decode();
      });
    } catch {
      stop("An image could not be loaded", `${address} did not arrive. Check the connection and load the page again.`);
    }
  }
}

// What the study needs of a browser, before anybody answers anything.
async function checkedStore(study) {
  if (innerWidth < NARROWEST) {
    stop("The window is too narrow", `It has ${innerWidth} pixels; make it wider than ${NARROWEST} and load the page again.`);
  }
  try {
    const store = await openStore(study);
    await store.participant(); // it can also be written to
    return store;
  } catch (error) {
    return stop("This browser keeps no data", `The study keeps your answers in the browser until they have arrived `
      + `(${error.message}). Leave private browsing, allow this page to keep data, or take another browser.`);
  }
}

// The participant's own order: the first block, then the second, each shuffled by the participant's number.
function ordered(jsPsych, trials, participant) {
  jsPsych.randomization.setSeed(participant);
  return [1, 2].flatMap((block) => jsPsych.randomization.shuffle(trials.filter((trial) => trial.block === block)));
}

async function runStudy() {
  const told = await load("trials.json", "json");
  document.title = told.title;
  const consent = await load("consent.html", "text");
  const store = await checkedStore(told.study);
  const fresh = new URLSearchParams(location.search).has("new");
  const participant = await store.participant(fresh);
  if (fresh) history.replaceState(null, "", location.pathname);
  await preload([...told.practice, ...told.trials].map((trial) => trial.image));
  const way = await findWay(told.study, await store.fact("way"));
  await store.remember("way", way.name);

  const state = { answers: new Map(), kinds: new Set(), practised: 0, waits: 0, comeBack: false };
  const refresh = async () => {
    const records = (await store.entries(participant)).map((entry) => entry.record);
    state.answers = new Map(records.filter((record) => record.kind === "answer").map((record) => [record.trial, record]));
    state.kinds = new Set(records.map((record) => record.kind));
    state.practised = (await store.fact(`practised ${participant}`)) ?? 0;
    state.commented = (await store.fact(`commented ${participant}`)) ?? false;
    if (state.kinds.has("start")) {
      say("number", `Your number: ${participant.slice(0, 8)}. To have your answers deleted, tell it to ${told.contact}.`);
    }
  };
  const connection = (waiting, refused) => {
    state.waits = waiting;
    say("connection", refused ? `The server does not take the answers of this page. They are kept in this browser: `
      + `please tell ${told.contact}.` : waiting ? "No connection to the server at the moment. Your answers are kept in "
      + "this browser and will be sent: just go on." : "");
  };
  const sender = way.send && new Sender(store, participant, way.send, connection);
  const keep = async (kind, values) => {
    const record = await store.add({ study: told.study, participant, kind, ...values });
    sender?.flush();
    await refresh();
    return record;
  };

  await refresh();
  sender?.flush();
  main.replaceChildren();
  state.comeBack = state.answers.size > 0;
  const jsPsych = initJsPsych({ display_element: main, use_webaudio: false });
  const order = ordered(jsPsych, told.trials, participant);
  const shared = { told, store, participant, state, keep, refresh, sender, order, consent };
  const open = () => order.filter((trial) => !state.answers.has(trial.id));
  await jsPsych.run([
    { timeline: [screen((element) => askConsent(element, shared))], conditional_function: () => !state.kinds.has("start") },
    {
      timeline: [screen((element) => practise(element, shared))],
      conditional_function: () => state.practised < told.practice.length && !state.answers.size,
      loop_function: () => state.practised < told.practice.length && !state.answers.size,
    },
    {
      timeline: [screen((element) => judge(element, shared, open()[0]))],
      conditional_function: () => open().length > 0,
      loop_function: () => open().length > 0,
    },
    {
      timeline: [screen((element) => comment(element, shared))],
      conditional_function: () => !state.commented && !state.kinds.has("end"),
    },
    screen((element) => end(element, shared)),
  ]);
}

async function askConsent(element, { told, consent, keep }) {
  const choice = await ask(element, `${consent}
    <p class="buttons"><button type="button" id="agree" class="main">I agree and take part</button>
    <button type="button" id="decline">I do not take part</button></p>`);
  if (choice === "decline") {
    stop("Thank you", "You do not take part, and nothing was kept. You may close this page.");
  }
  await keep("start", { consent: told.consent });
}

async function practise(element, { told, store, participant, state, refresh }) {
  const { grid, picks, practice } = told;
  const { image, flaw } = practice[state.practised];
  const heading = `Practice ${state.practised + 1} of ${practice.length}`;
  const notice = "One part of this image was spoilt on purpose; you will see where it is.";
  const { cells } = await pick(element, { heading, notice, image, grid, picks });
  const found = cells.filter((cell) => flaw.includes(cell)).length;
  const buttons = element.querySelectorAll(".grid button");
  for (const cell of flaw) {
    buttons[cell].classList.add("flaw");
    buttons[cell].setAttribute("aria-label", `${cellName(cell, grid)}, spoilt`);
  }
  element.querySelector("#task").textContent = `The spoilt part lies in the cells with a dashed frame: `
    + `${flaw.map((cell) => cellName(cell, grid)).join("; ")}. You picked ${found} of ${flaw.length}.`;
  element.querySelector("#picked").textContent = "In the images that follow nobody knows the answer: pick what you see.";
  element.querySelector("#keys").remove();
  const next = document.createElement("button");
  Object.assign(next, { type: "button", id: "continue", className: "main", textContent: "Continue" });
  element.querySelector(".buttons").replaceChildren(next);
  next.focus();
  await new Promise((resolve) => next.addEventListener("click", resolve));
  await store.remember(`practised ${participant}`, state.practised + 1);
  await refresh();
}

async function judge(element, { told, state, keep, order }, trial) {
  const position = order.indexOf(trial) + 1;
  const notice = state.comeBack ? "You go on where you stopped." : state.notice ?? "";
  Object.assign(state, { comeBack: false, notice: "" });
  const given = await pick(element, { heading: `Image ${position} of ${order.length}`, notice, image: trial.image,
    grid: told.grid, picks: told.picks });
  const kept = await keep("answer", { trial: trial.id, position, ...given });
  if (String(kept.cells) !== String(given.cells)) state.notice = "You had answered the last image already, in another tab.";
}

async function comment(element, { store, participant, keep, refresh }) {
  const choice = await ask(element, `<h1>Anything to add?</h1>
    <p><label for="text">If you like: what did you look for, was anything unclear? Nothing that tells who you are.</label></p>
    <textarea id="text" maxlength="${LONGEST_COMMENT}"></textarea>
    <p class="buttons"><button type="button" id="send" class="main">Send comment</button>
    <button type="button" id="skip">No comment</button></p>`);
  const written = element.querySelector("#text").value.toWellFormed?.() ?? element.querySelector("#text").value;
  if (choice === "send" && written.trim()) await keep("comment", { text: written });
  await store.remember(`commented ${participant}`, true);
  await refresh();
}

async function end(element, { told, store, participant, sender, keep }) {
  const letters = [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => LETTERS[byte % LETTERS.length]).join("");
  const made = `${letters.slice(0, 4)}-${letters.slice(4)}`;
  if (sender) {
    element.innerHTML = "<h1>Almost done</h1><p>Your last answers are being sent. Please leave this page open.</p>";
    await sender.flush(); // all before the end, which needs them
  }
  const { code } = await keep("end", { code: made });
  await sender?.flush();
  const arrived = sender && !sender.refused;
  if (!arrived) await download(element, { told, store, participant });
  element.innerHTML = `<h1>Thank you</h1>
    <p>${arrived ? "All your answers have arrived." : "Your answers are in the file that you downloaded."} Your code:</p>
    <p class="code">${code}</p>
    <p>Write it down if you were asked for one, or to have your answers deleted later. You may close this page.</p>`;
  await new Promise(() => {}); // the study stays here, also after a reload
}

async function download(element, { told, store, participant }) {
  const records = (await store.entries(participant)).map((entry) => entry.record);
  const lines = records.map((record) => `${JSON.stringify(record)}\n`).join("");
  await ask(element, `<h1>One last step</h1>
    <p>Download your answers and send the file to the person who runs the study<span></span>.</p>
    <p class="buttons"><button type="button" id="download" class="main">Download my answers</button></p>`);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([lines], { type: "application/jsonl" }));
  link.download = `${participant}.jsonl`;
  link.click();
}

runStudy().catch((error) => {
  if (error instanceof Stopped) return; // it has been said on the page
  show("Something went wrong", "Your answers so far are kept in this browser. Load the page again to go on.");
  console.error(error);
});
