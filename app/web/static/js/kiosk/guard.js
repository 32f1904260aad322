/**
 * Keeps a hall full of fingers inside the survey: no context menu, selection, dragging, zoom or way back.
 *
 * Zoom is held off here and by `touch-action`, not in the viewport's meta element: there it would also forbid
 * the browser's own large-print settings, which the people who set up a tablet may need.
 */

const MARK = { sipas: "kiosk" };

/** @param {() => void} left called when the page comes back from where somebody had left it to */
export function guardPage(left) {
  const refuse = (event) => event.preventDefault();
  for (const type of ["contextmenu", "dragstart", "drop", "dragover", "gesturestart", "gesturechange"]) {
    window.addEventListener(type, refuse, { passive: false });
  }
  window.addEventListener("selectstart", (event) => isText(event.target) || refuse(event));
  window.addEventListener("wheel", (event) => event.ctrlKey && refuse(event), { passive: false });
  window.addEventListener("touchmove", (event) => event.touches.length > 1 && refuse(event), { passive: false });
  window.addEventListener("keydown", (event) => leadsAway(event) && refuse(event));
  trapHistory();
  window.addEventListener("pageshow", (event) => event.persisted && left());
}

function isText(target) {
  return target instanceof Element && target.closest("textarea, input") !== null;
}

function leadsAway({ key, ctrlKey, metaKey, altKey }) {
  if ((ctrlKey || metaKey) && ["+", "-", "=", "0"].includes(key)) return true; // zoom
  return key === "BrowserBack" || key === "BrowserForward" || (altKey && /^Arrow(Left|Right)$/.test(key));
}

/**
 * Going back lands on an entry of our own, from which we step forward again. Browsers skip entries made without
 * a touch, so one more is made at the first touch.
 */
function trapHistory() {
  const push = () => history.pushState(MARK, "");
  if (!history.state) push();
  window.addEventListener("popstate", push);
  window.addEventListener("pointerup", push, { once: true });
}
