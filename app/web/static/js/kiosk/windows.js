/**
 * Several windows of the tablet page on one tablet: all may ask citizens, one alone speaks to the service, so
 * that no batch goes out twice at once. Who holds the lock leads; when its window closes, the next one gets it.
 */

const NAME = "sipas-kiosk";

/** @param {() => void} lead called once, when this window leads */
export function whenLeading(lead) {
  if (!navigator.locks) {
    lead(); // a very old browser; sending twice is wasteful, not wrong: the ids see to that
    return;
  }
  const held = new Promise(() => {}); // until the window closes
  navigator.locks.request(NAME, () => {
    lead();
    return held;
  });
}

/**
 * Word between the windows: "outbox" (something waits), "settings" (token or configuration changed).
 * @param {(topic: string) => void} heard
 * @returns {(topic: string) => void} tells the others
 */
export function openChannel(heard) {
  const channel = new BroadcastChannel(NAME);
  channel.onmessage = ({ data }) => heard(data);
  return (topic) => channel.postMessage(topic);
}
