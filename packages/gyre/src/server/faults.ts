/** Told of faults that no client can be told of. */
export type OnFault = (error: unknown) => void;

/**
 * Calls functions of the server's owner, such as a log or a counter: what they throw goes to `onFault` and harms no
 * answer. What `onFault` itself throws is lost.
 */
export function guarded(onFault: OnFault | undefined): (call: () => void) => void {
  return (call) => {
    try {
      call();
    } catch (error) {
      try {
        onFault?.(error);
      } catch {}
    }
  };
}
