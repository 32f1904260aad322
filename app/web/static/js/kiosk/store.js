/**
 * What the tablet keeps on its disk: IndexedDB `sipas`. Token and configuration, the responses not yet sent
 * (`outbox`), and those the server will not take (`set_aside`).
 *
 * IndexedDB rather than localStorage because it writes records, not one long text; because its transactions
 * say when something is on the disk (`durability: "strict"`, tablets lose their power without warning); and
 * because the service worker's neighbours on other origins cannot read it.
 *
 * Nothing here fails quietly: every failure is a StoreError whose kind says whether the disk is full or failing.
 */

const NAME = "sipas";
const VERSION = 1;
const OPEN_TIMEOUT_MS = 10_000;

/** The disk would not: `kind` is "full" or "failing". */
export class StoreError extends Error {
  constructor(cause) {
    super(`storage: ${(cause && (cause.message || cause.name)) || "unknown"}`);
    this.name = "StoreError";
    this.kind = cause && cause.name === "QuotaExceededError" ? "full" : "failing";
    this.cause = cause;
  }
}

function openDatabase() {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new StoreError(new Error("does not open"))), OPEN_TIMEOUT_MS);
    const settle = (end, value) => {
      clearTimeout(timer);
      end(value);
    };
    try {
      const request = indexedDB.open(NAME, VERSION);
      request.onupgradeneeded = () => {
        request.result.createObjectStore("settings");
        request.result.createObjectStore("outbox", { keyPath: "id" });
        request.result.createObjectStore("set_aside", { keyPath: "id" });
      };
      request.onsuccess = () => settle(resolve, request.result);
      request.onerror = () => settle(reject, new StoreError(request.error));
      request.onblocked = () => settle(reject, new StoreError(new Error("blocked by another window")));
    } catch (error) {
      settle(reject, new StoreError(error));
    }
  });
}

export class Store {
  #opening = null;

  /** Opens at the first use, and again after the browser closed it or opening failed. */
  async #database() {
    this.#opening ??= openDatabase();
    try {
      const database = await this.#opening;
      database.onclose = () => (this.#opening = null);
      database.onversionchange = () => {
        database.close();
        this.#opening = null;
      };
      return database;
    } catch (error) {
      this.#opening = null;
      throw error;
    }
  }

  /** Runs `work` in one transaction; settles when it is on the disk, with what `work` gave to `give`. */
  async #run(names, mode, work) {
    const database = await this.#database();
    return new Promise((resolve, reject) => {
      let given;
      try {
        const transaction = database.transaction(names, mode, mode === "readwrite" ? { durability: "strict" } : {});
        transaction.oncomplete = () => resolve(given);
        transaction.onabort = () => reject(new StoreError(transaction.error));
        work(transaction, (value) => (given = value));
      } catch (error) {
        if (error.name === "InvalidStateError") this.#opening = null; // closed under our hands: open anew next time
        reject(new StoreError(error));
      }
    });
  }

  /** @returns {Promise<Object<string, any>>} the settings under these names; undefined where there is none */
  read(...names) {
    return this.#run(["settings"], "readonly", (transaction, give) => {
      const found = {};
      for (const name of names) {
        const request = transaction.objectStore("settings").get(name);
        request.onsuccess = () => (found[name] = request.result);
      }
      give(found);
    });
  }

  /** Keeps settings, all or none; a value of undefined removes one. */
  write(values) {
    return this.#run(["settings"], "readwrite", (transaction) => {
      const settings = transaction.objectStore("settings");
      for (const [name, value] of Object.entries(values)) {
        if (value === undefined) settings.delete(name);
        else settings.put(value, name);
      }
    });
  }

  /** Keeps responses that wait to be sent. Keeping one twice keeps it once. */
  keep(items) {
    return this.#run(["outbox"], "readwrite", (transaction) => {
      for (const item of items) transaction.objectStore("outbox").put(item);
    });
  }

  /** @returns {Promise<Array>} the oldest waiting responses (ids begin with the time) */
  waiting(limit) {
    return this.#run(["outbox"], "readonly", (transaction, give) => {
      const request = transaction.objectStore("outbox").getAll(null, limit);
      request.onsuccess = () => give(request.result);
    });
  }

  /** Removes responses the server has. */
  forget(ids) {
    return this.#run(["outbox"], "readwrite", (transaction) => {
      for (const id of ids) transaction.objectStore("outbox").delete(id);
    });
  }

  /** Moves responses out of the way of the others. */
  setAside(items) {
    return this.#run(["outbox", "set_aside"], "readwrite", (transaction) => {
      for (const item of items) {
        transaction.objectStore("set_aside").put(item);
        transaction.objectStore("outbox").delete(item.id);
      }
    });
  }

  /** @returns {Promise<Array>} the responses set aside */
  setAsideItems() {
    return this.#run(["set_aside"], "readonly", (transaction, give) => {
      const request = transaction.objectStore("set_aside").getAll();
      request.onsuccess = () => give(request.result);
    });
  }

  /** Puts what was set aside back among those to be sent. */
  tryAgain() {
    return this.#run(["outbox", "set_aside"], "readwrite", (transaction) => {
      const aside = transaction.objectStore("set_aside");
      const request = aside.getAll();
      request.onsuccess = () => {
        for (const { id, unit, device, body } of request.result) {
          transaction.objectStore("outbox").put({ id, unit, device, body });
        }
        aside.clear();
      };
    });
  }

  /** @returns {Promise<{waiting: number, setAside: number}>} */
  counts() {
    return this.#run(["outbox", "set_aside"], "readonly", (transaction, give) => {
      const counts = { waiting: 0, setAside: 0 };
      const waiting = transaction.objectStore("outbox").count();
      const aside = transaction.objectStore("set_aside").count();
      waiting.onsuccess = () => (counts.waiting = waiting.result);
      aside.onsuccess = () => (counts.setAside = aside.result);
      give(counts);
    });
  }
}
