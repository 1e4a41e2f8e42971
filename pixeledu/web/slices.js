// Long work in short pieces. Work is a generator: it pauses by itself, after a layer is built or a row
// is drawn, and yields the number of values that this took.

const SLICE = 8; // ms after which the page has its turn

/** Carry work out without a pause; returns its result. */
export function completed(work) {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}

/**
 * Carry work out in slices, each as long as `SLICE` or one piece of work, if that takes longer; a
 * promise of its result. `clock()` are milliseconds, `turn()` is a promise that the page had its turn,
 * `count(values)` is called with the number of values of each slice.
 */
export async function inSlices(work, { clock = now, turn = nextTask, count = () => {} } = {}) {
  for (;;) {
    await turn();
    const start = clock();
    let values = 0;
    do {
      const { done, value } = work.next();
      if (done) {
        count(values);
        return value;
      }
      values += value;
    } while (clock() - start < SLICE);
    count(values);
  }
}

function now() {
  return performance.now();
}

/** What waits in the page goes first. A timer would do, but waits 4 ms each time. */
function nextTask() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
