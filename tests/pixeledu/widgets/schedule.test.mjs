// Run by node's own test runner (see test_javascript.py): the wavefront without a page.

import assert from "node:assert/strict";
import { test } from "node:test";

import * as schedules from "../../../pixeledu/widgets/wavefront/schedule.js";

const SIZES = [[1, 1], [1, 7], [7, 1], [8, 8], [3, 5], [5, 3], [32, 32]];
const STATES = SIZES.flatMap(([height, width]) =>
  Object.keys(schedules.MODELS).flatMap((model) =>
    schedules.PHASES.map((phase) => ({ height, width, model, phase, skewed: false })),
  ),
);

/** The pixels that a pixel has to wait for, as [rows down, columns right] from it. */
function needs({ model, phase, width }, scan, column) {
  if (phase === "sampling") return column ? [[0, -1]] : [[-1, width - 1]];
  if (model === "pixelcnn") return [];
  if (model === "row-lstm") return [[-1, -1], [-1, 0], [-1, 1]];
  return [[-1, 0], [0, scan ? 1 : -1]];
}

test("a pixel is computed as soon as those that it needs are, and not before", () => {
  for (const state of STATES) {
    const { scans } = schedules.scheduleOf(state);
    const { height, width } = state;
    scans.forEach((when, scan) =>
      when.forEach((step, i) => {
        const [row, column] = [Math.floor(i / width), i % width];
        const before = needs(state, scan, column)
          .map(([down, right]) => [row + down, column + right])
          .filter(([r, c]) => r >= 0 && r < height && c >= 0 && c < width)
          .map(([r, c]) => when[r * width + c]);
        assert.equal(step, Math.max(-1, ...before) + 1, JSON.stringify({ ...state, scan, i }));
      }),
    );
  }
});

test("the number of steps is what the formula says, and each of them computes something", () => {
  for (const state of STATES) {
    const { height, width, model, phase } = state;
    const { scans, steps } = schedules.scheduleOf(state);
    for (const when of scans) {
      assert.equal(new Set(when).size, steps);
      assert.equal(Math.max(...when), steps - 1);
    }
    const formula = schedules.formulaOf(height, width, model, phase);
    const [n, H, W] = [height, height, width];
    const value = { "": 1, n, "2n−1": 2 * n - 1, "n²": n * n, H, "H+W−1": H + W - 1, "H·W": H * W };
    assert.equal(steps, value[formula], formula);
    assert.equal(/n/.test(formula), formula !== "" && height === width);
  }
});

test("skewing moves row i by i places, the second map mirrored, and makes columns of diagonals", () => {
  for (const state of STATES.filter(({ model }) => model === "diagonal-bilstm")) {
    const schedule = schedules.scheduleOf({ ...state, skewed: true });
    const { width, phase } = state;
    assert.equal(schedule.skewed, phase === "training");
    if (!schedule.skewed) continue;
    schedule.scans.forEach((when, scan) =>
      when.forEach((step, i) => {
        const [row, column] = [Math.floor(i / width), i % width];
        const place = row + (scan ? width - 1 - column : column);
        assert.equal(schedules.columnOf(schedule, scan, i), place);
        assert.equal(place, step);
      }),
    );
  }
});

test("only a diagonal map is skewed", () => {
  for (const state of STATES) {
    const { skewed } = schedules.scheduleOf({ ...state, skewed: true });
    assert.equal(skewed, state.model === "diagonal-bilstm" && state.phase === "training");
  }
});

test("a place of a map leads to the step that computes its pixel", () => {
  for (const state of STATES.flatMap((its) => [its, { ...its, skewed: true }])) {
    const schedule = schedules.scheduleOf(state);
    schedule.scans.forEach((when, scan) =>
      when.forEach((step, i) => {
        const column = schedules.columnOf(schedule, scan, i);
        const row = Math.floor(i / state.width);
        assert.equal(schedules.stepAtPlace(schedule, scan, row, column), step);
      }),
    );
    if (schedule.scans.length < 2) continue; // only a skewed map is wider than the image
    for (let column = 0; column < state.width + state.height - 1; column++) {
      const step = schedules.stepAtPlace(schedule, 1, state.height - 1, column);
      assert.ok(step >= 0 && step < schedule.steps);
    }
  }
});

test("before, now and later make all pixels", () => {
  for (const state of STATES) {
    const schedule = schedules.scheduleOf(state);
    let done = 0;
    for (let step = 0; step < schedule.steps; step++) {
      const counts = schedules.progress(schedule, 0, step);
      assert.equal(counts.done, done);
      assert.ok(counts.now > 0);
      done += counts.now;
    }
    assert.equal(done, state.height * state.width);
  }
});

test("a step is told in words", () => {
  const told = (model, phase, step) =>
    schedules.describeStep(
      schedules.scheduleOf({ height: 8, width: 8, model, phase, skewed: false }),
      step,
    );
  assert.deepEqual(told("diagonal-bilstm", "training", 4), [
    "Step 5 of 15",
    "Now: a diagonal of 5 pixels in each scan",
    "Done before: 10 of 64 in each scan",
  ]);
  assert.equal(told("diagonal-bilstm", "training", 0)[1], "Now: a diagonal of 1 pixel in each scan");
  assert.equal(told("row-lstm", "training", 3)[1], "Now: row 3, all its 8 pixels at once");
  assert.equal(told("pixelcnn", "training", 0)[1], "Now: all 64 pixels at once");
  assert.deepEqual(told("pixelcnn", "sampling", 19), [
    "Step 20 of 64",
    "Now: one pixel (row 2, column 3)",
    "Done before: 19 of 64",
  ]);
});

test("there is a reason for everything that can be shown, and no other", () => {
  const used = STATES.flatMap((state) => [state, { ...state, skewed: true }]).map((state) =>
    schedules.reasonOf(schedules.scheduleOf(state)),
  );
  assert.deepEqual([...new Set(used)].sort(), Object.keys(schedules.REASONS).sort());
});

test("a damaged state is refused with a reason, whatever the damage", () => {
  const sound = { height: 8, width: 8, model: "row-lstm", phase: "training", skewed: false };
  schedules.scheduleOf(sound);
  const damages = {
    height: [0, -1, 1.5, 33, "3", "x", null, undefined, NaN],
    width: [0, 33, "x", null, undefined],
    model: ["", "gru", "toString", null, undefined, 3],
    phase: ["", "dreaming", "toString", null, undefined],
  };
  for (const [name, values] of Object.entries(damages)) {
    for (const value of values) {
      const damaged = { ...sound, [name]: value };
      assert.throws(() => schedules.scheduleOf(damaged), new RegExp(`${name} should be .* and is`));
    }
  }
});
