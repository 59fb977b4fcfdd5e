// Where answers go: to the server of `selfrefine study serve`, to JATOS, or, from a host that takes none, into a file
// that is downloaded at the end. What has not arrived is sent again until it has.

const PATIENCE = 10000; // milliseconds for an answer of the server
const PAUSES = [1000, 2000, 5000, 10000]; // milliseconds between attempts: the first, ..., all the others

export class Refused extends Error {}

// How records leave: a function that returns the record that is kept, or null where they are downloaded.
export async function findWay(study, known) {
  if (location.pathname.includes("/publix/")) return { name: "jatos", send: await jatosSend() };
  if (known === "server" || (await isServed(study))) return { name: "server", send: serverSend };
  return { name: "download", send: null };
}

async function isServed(study) {
  try {
    const answer = await fetch("server.json", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    return answer.ok && (await answer.json()).study === study;
  } catch {
    return false;
  }
}

async function serverSend(record) {
  const answer = await fetch("answers", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(record),
    signal: AbortSignal.timeout(PATIENCE),
  });
  if (answer.status === 400) throw new Refused();
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  return answer.json();
}

// JATOS serves its library beside the page; nobody else has it.
async function jatosSend() {
  await new Promise((resolve, reject) => {
    const script = document.createElement("script");
    Object.assign(script, { src: "jatos.js", onload: resolve, onerror: reject });
    document.head.append(script);
  });
  await new Promise((resolve) => jatos.onLoad(resolve));
  return async (record) => {
    await jatos.appendResultData(`${JSON.stringify(record)}\n`);
    if (record.kind === "end") await jatos.endStudyAjax(true);
    return record;
  };
}

export class Sender {
  // `changed` is called with the number of records that wait, and with whether they were refused.
  constructor(store, participant, send, changed) {
    Object.assign(this, { store, participant, send, changed, running: null, wake: () => {}, refused: false });
    addEventListener("online", () => this.wake());
  }

  // Sends what waits; returns when all has arrived, or when it was refused.
  flush() {
    this.wake();
    this.running ??= this.#run().finally(() => { this.running = null; });
    return this.running;
  }

  async #run() {
    for (let failures = 0; ;) {
      const waiting = (await this.store.entries(this.participant)).filter((entry) => !entry.kept);
      if (!waiting.length) return this.changed(0, false);
      try {
        await this.store.arrived(waiting[0], await this.send(waiting[0].record));
        failures = 0;
      } catch (error) {
        this.refused = error instanceof Refused;
        this.changed(waiting.length, this.refused);
        if (this.refused) return undefined;
        await this.#pause(PAUSES[Math.min(failures, PAUSES.length - 1)]);
        failures += 1;
      }
    }
  }

  #pause(milliseconds) {
    return new Promise((resolve) => {
      this.wake = resolve;
      setTimeout(resolve, milliseconds);
    });
  }
}
