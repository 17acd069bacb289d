/** The longest that a first visit waits for its service worker, in milliseconds. */
const LONGEST_WAIT = 2000;

/**
 * Has a service worker keep the site's files, and resolves once it sees what the page asks for, so that nothing is
 * loaded twice. Resolves at once on a later visit, and where the browser keeps nothing: without HTTPS or localhost.
 */
export async function keepSite(): Promise<void> {
  if (import.meta.env.DEV || !("serviceWorker" in navigator)) return;
  const { serviceWorker } = navigator;
  const script = new URL("service-worker.js", document.baseURI);
  const registered = serviceWorker.register(script).catch(() => undefined);
  if (serviceWorker.controller) return;
  const registration = await registered;
  // reloaded past its service worker, or kept from registering one
  if (!registration || registration.active) return;
  await new Promise<void>((resolve) => {
    serviceWorker.addEventListener("controllerchange", () => resolve(), { once: true });
    setTimeout(resolve, LONGEST_WAIT);
  });
}
