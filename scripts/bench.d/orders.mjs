// The side of a service that fleet.mjs has started: it takes orders over the IPC channel, and sends the results.

/** Answers each order with `{results}`, or with `{error}`, which is the stack of what `answer` has thrown. */
export function takeOrders(answer) {
  process.on('message', async (order) => {
    try {
      process.send({ results: await answer(order) });
    } catch (error) {
      process.send({ error: error.stack });
    }
  });
}
