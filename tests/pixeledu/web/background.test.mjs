// Run by node's own test runner (see test_javascript.py): pictures drawn without holding up the page.

import assert from "node:assert/strict";
import { test } from "node:test";

import { drawerWith } from "../../../pixeledu/web/background.js";
import { completed, inSlices } from "../../../pixeledu/web/slices.js";

/** Work of `rows` rows of `values` values each, which take `cost` ms of this clock. */
function workOf(rows, values, cost) {
  const time = { now: 0 };
  function* work() {
    for (let row = 0; row < rows; row++) {
      time.now += cost;
      yield values;
    }
    return "done";
  }
  return { work: work(), clock: () => time.now };
}

test("a slice ends with the row in which its time is over, and no slice is longer", async () => {
  for (const [cost, most] of [[0.5, 16], [3, 3], [8, 1], [50, 1]]) {
    const { work, clock } = workOf(40, 28, cost);
    const slices = [];
    let turns = 0;
    const turn = async () => (turns += 1);
    const result = await inSlices(work, { clock, turn, count: (values) => slices.push(values) });
    assert.equal(result, "done");
    assert.ok(slices.every((values) => values <= most * 28), `${cost} ms: ${slices}`);
    assert.ok(slices.slice(0, -1).every((values) => values === most * 28));
    assert.equal(slices.reduce((sum, values) => sum + values), 40 * 28);
    assert.equal(turns, slices.length);
  }
});

test("the page has its turn before the first slice", async () => {
  const order = [];
  function* work() {
    order.push("work");
  }
  const finished = inSlices(work(), { turn: async () => order.push("turn") });
  assert.deepEqual(order, ["turn"]);
  await finished;
  assert.deepEqual(order, ["turn", "work"]);
});

test("an error in the work is an error of its slices", async () => {
  function* broken() {
    yield 1;
    throw new Error("on purpose");
  }
  await assert.rejects(inSlices(broken()), /on purpose/);
  assert.throws(() => completed(broken()), /on purpose/);
});

// ---- with a worker that the test plays ----------------------------------------------------------

const JOB = { id: 0, weights: "AAAA", height: 1, width: 1, channels: 1, levels: 2 };

/** Let a class stand for the browser's Worker. */
async function withWorker(Worker, use) {
  globalThis.Worker = Worker;
  try {
    await use();
  } finally {
    delete globalThis.Worker;
  }
}

const answered = (drawer, job) => new Promise((done) => drawer.request(job, () => true, done));

test("a worker gets the weights once, one job after the other, and none that nobody waits for", async () => {
  const got = [];
  class Worker {
    postMessage(job) {
      got.push(job);
      setTimeout(() => this.onmessage({ data: { values: [job.image] } }));
    }
  }
  await withWorker(Worker, async () => {
    const drawer = drawerWith("engine.js");
    const first = answered(drawer, { ...JOB, image: 3 });
    drawer.request({ ...JOB, image: 4 }, () => false, () => assert.fail("nobody waits for it"));
    const second = answered(drawer, { ...JOB, image: 5 });
    assert.equal(got.length, 1);
    assert.deepEqual([await first, await second], [{ values: [3] }, { values: [5] }]);
    assert.deepEqual(got.map(({ weights }) => weights), ["AAAA", null]);
  });
});

test("where a worker cannot be made or does not start, the page does the work itself", async () => {
  class Refused {
    constructor() {
      throw new Error("a page from a file has none");
    }
  }
  class Missing {
    postMessage() {
      setTimeout(() => this.onerror({ preventDefault() {} }));
    }
  }
  for (const Worker of [Refused, Missing]) {
    await withWorker(Worker, async () => {
      const { problem } = await answered(drawerWith("engine.js"), JOB);
      assert.match(problem, /no export of pixeledu/); // it has tried
    });
  }
  const { problem } = await answered(drawerWith(undefined), JOB);
  assert.match(problem, /no export of pixeledu/);
});
