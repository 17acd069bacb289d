/** How long a page has the machine to itself, in milliseconds: keeping files would hold up its first text. */
const HEAD_START = 4000;

/** Has a service worker keep the site's files, a while after the first page is there; without HTTPS or localhost, none does. */
export function keepSite(): void {
  if (import.meta.env.DEV || !("serviceWorker" in navigator)) return;
  const script = new URL("service-worker.js", document.baseURI);
  setTimeout(() => navigator.serviceWorker.register(script).catch(() => undefined), HEAD_START);
}
