// What a participant has answered, in this browser's IndexedDB: it outlasts a reload, a lost connection and a closed
// tab. Each change is one transaction, and transactions of several tabs follow one another: that is why the first
// answer stays, whichever tab gave it.

const wait = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

const slot = (record) => (record.kind === "answer" ? `answer ${record.trial}` : record.kind);

export async function openStore(study) {
  const opening = indexedDB.open(`study ${study}`, 1);
  opening.onupgradeneeded = () => {
    opening.result.createObjectStore("facts");
    opening.result.createObjectStore("records", { keyPath: ["participant", "number"], autoIncrement: false })
      .createIndex("slot", ["participant", "slot"], { unique: true });
  };
  return new Store(await wait(opening));
}

class Store {
  constructor(database) {
    this.database = database;
  }

  // Runs `work` in one transaction, and returns what it returned when all of it is on the disk.
  async #change(work) {
    const change = this.database.transaction(["facts", "records"], "readwrite", { durability: "strict" });
    const done = new Promise((resolve, reject) => {
      change.oncomplete = resolve;
      change.onabort = () => reject(change.error);
    });
    done.catch(() => {}); // where `work` fails itself, that is the error
    const result = await work(change.objectStore("facts"), change.objectStore("records"));
    await done;
    return result;
  }

  // The number of this browser's participant, random; a new one if there is none yet, or if `fresh`.
  participant(fresh = false) {
    return this.#change(async (facts) => {
      const known = await wait(facts.get("participant"));
      if (known && !fresh) return known;
      const made = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0"));
      await wait(facts.put(made.join(""), "participant"));
      return made.join("");
    });
  }

  fact(name) {
    return wait(this.database.transaction("facts").objectStore("facts").get(name));
  }

  remember(name, value) {
    return this.#change((facts) => wait(facts.put(value, name)));
  }

  // A participant's entries in the order in which they were made: {record, kept: whether it has arrived}.
  entries(participant) {
    const range = IDBKeyRange.bound([participant], [participant, []]);
    return wait(this.database.transaction("records").objectStore("records").getAll(range));
  }

  // Keeps a record, unless there is one in its place; returns the one that is kept.
  add(record) {
    return this.#change(async (facts, records) => {
      const { participant } = record;
      const found = await wait(records.index("slot").get([participant, slot(record)]));
      if (found) return found.record;
      const number = await wait(records.count(IDBKeyRange.bound([participant], [participant, []])));
      await wait(records.add({ participant, number, slot: slot(record), record, kept: false }));
      return record;
    });
  }

  // Notes that a record has arrived, as what.
  arrived(entry, record) {
    return this.#change((facts, records) => wait(records.put({ ...entry, record, kept: true })));
  }
}
