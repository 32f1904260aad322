/**
 * The service worker, and when a new version of the page may take over: between two citizens only. It waits,
 * installed and complete, until the page stands at its attract screen and holds nothing in memory alone.
 */

const LOOK_EVERY_MS = 10 * 60_000;

export class Updates {
  #registration = null;
  #mayReload;
  #due = false;

  /** @param {() => boolean} mayReload whether nobody is answering and nothing would be lost */
  constructor(mayReload) {
    this.#mayReload = mayReload;
    this.problem = null;
  }

  async start() {
    if (!navigator.serviceWorker) {
      this.problem = "no_service_worker";
      return;
    }
    let controlled = navigator.serviceWorker.controller !== null;
    navigator.serviceWorker.addEventListener("controllerchange", () => {
      this.#due = controlled; // the first worker of all brings what this page already is
      controlled = true;
      this.settle();
    });
    try {
      this.#registration = await navigator.serviceWorker.register("/kiosk/sw.js", { scope: "/kiosk", updateViaCache: "none" });
    } catch (error) {
      this.problem = String(error.message || error); // shown on the status page
      return;
    }
    this.#registration.addEventListener("updatefound", () => this.#follow(this.#registration.installing));
    this.#follow(this.#registration.installing);
    setInterval(() => this.look(), LOOK_EVERY_MS);
    this.settle();
  }

  #follow(worker) {
    if (worker) worker.addEventListener("statechange", () => this.settle());
  }

  /** Asks the service for a newer page. Without network there is none. */
  async look() {
    if (!this.#registration) return;
    try {
      await this.#registration.update();
      this.problem = null;
    } catch (error) {
      this.problem = String(error.message || error);
    }
  }

  /** Called between two citizens, too, and when something has been saved: takes over what is waiting. */
  settle() {
    if (!this.#registration || !this.#mayReload()) return;
    if (this.#due) {
      location.reload();
      return;
    }
    const { waiting } = this.#registration;
    if (waiting && navigator.serviceWorker.controller) waiting.postMessage("take-over");
  }
}
