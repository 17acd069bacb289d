/**
 * Objects as server-sent events, "[DONE]" last. The response begins with the first of them, so that what goes wrong
 * before it has a status of its own; what goes wrong later is an event with `error`, and no "[DONE]".
 */
export async function eventStream(
  objects: AsyncGenerator<object, void>,
  errorBody: (error: unknown) => object,
): Promise<Response> {
  const encoder = new TextEncoder();
  const encode = (data: string) => encoder.encode(`data: ${data}\n\n`);
  let next: Promise<IteratorResult<object, void>> | undefined = Promise.resolve(await objects.next());
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await (next ?? objects.next());
        next = undefined;
        controller.enqueue(encode(done ? "[DONE]" : JSON.stringify(value)));
        if (done) controller.close();
      } catch (error) {
        controller.enqueue(encode(JSON.stringify(errorBody(error))));
        controller.close();
      }
    },
    async cancel() {
      await objects.return();
    },
  });
  const headers = { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" };
  return new Response(body, { headers });
}
