// Run by node's own test runner (see test_javascript.py): the parts of the player without a page.

import assert from "node:assert/strict";
import { test } from "node:test";

import * as replays from "../../../pixeledu/widgets/shared/replay.js";

const base64 = (array) => Buffer.from(array.buffer ?? array).toString("base64");

/** A reproducible stream of numbers from 0 to 1 (mulberry32). */
function randomNumbers(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Stored data of a random replay, and what they mean. */
function example(seed) {
  const random = randomNumbers(seed);
  const upTo = (n) => Math.floor(n * random());
  const [height, width, channels] = [1 + upTo(6), 1 + upTo(6), random() < 0.5 ? 1 : 3];
  const [levels, bar_width] = [[2, 1], [5, 1], [100, 4], [256, 8]][upTo(4)];
  const size = height * width * channels;
  const image = Uint8Array.from({ length: size }, () => upTo(levels));
  const known = Array.from({ length: size }, () => random() < 0.4);
  known[upTo(size)] = false;
  const packed = new Uint8Array(Math.ceil(size / 8));
  known.forEach((given, i) => (packed[i >> 3] |= given ? 128 >> (i & 7) : 0));
  const steps = [...known.keys()].filter((i) => !known[i]);
  const nats = Float32Array.from(steps, () => 3 * random());
  const bars = Math.ceil(levels / bar_width);
  const shares = Uint8Array.from({ length: levels === 2 ? 0 : steps.length * bars }, () => upTo(256));
  const data = {
    height, width, channels, levels, bar_width,
    image: base64(image), known: base64(packed), nats: base64(nats), bars: base64(shares),
  };
  return { data, image, known, steps, nats };
}

const EXAMPLES = Array.from({ length: 200 }, (_, seed) => example(seed));

test("what was stored is read back", () => {
  for (const { data, image, known, steps, nats } of EXAMPLES) {
    const replay = replays.unpack(data);
    assert.deepEqual([...replay.image], [...image]);
    assert.deepEqual([...replay.known].map(Boolean), known);
    assert.deepEqual(replay.steps, steps);
    assert.deepEqual([...replay.nats], [...nats]);
    let sum = 0;
    nats.forEach((n, step) => assert.equal(replay.total[step], (sum += n)));
  }
});

test("each distribution has one bar a value or group, of the stored height", () => {
  for (const { data } of EXAMPLES) {
    const replay = replays.unpack(data);
    for (let step = 0; step < replay.steps.length; step++) {
      const shares = replays.distribution(replay, step);
      assert.equal(shares.length, Math.ceil(data.levels / data.bar_width));
      if (data.levels === 2) continue; // from the nats, see below
      const stored = Buffer.from(data.bars, "base64").subarray(step * shares.length);
      shares.forEach((share, i) => assert.equal(share, stored[i] / 255));
    }
  }
});

test("with two levels, the drawn value has the probability it was drawn with", () => {
  for (const { data, steps, image, nats } of EXAMPLES.filter((e) => e.data.levels === 2)) {
    const replay = replays.unpack(data);
    steps.forEach((place, step) => {
      assert.equal(replays.distribution(replay, step)[image[place]], Math.exp(-nats[step]));
    });
  }
});

test("every place leads to the first step that draws it or a later one", () => {
  for (const { data, image, steps } of EXAMPLES) {
    const replay = replays.unpack(data);
    for (let place = -3; place < image.length + 3; place++) {
      const slow = steps.findIndex((drawn) => drawn >= place);
      assert.equal(replays.stepAt(replay, place), slow === -1 ? steps.length - 1 : slow);
    }
  }
});

test("a row up or down moves, unless the replay ends, and stays inside it", () => {
  for (const { data, steps } of EXAMPLES) {
    const replay = replays.unpack(data);
    for (let step = 0; step < steps.length; step++) {
      const up = replays.rowAway(replay, step, -1);
      const down = replays.rowAway(replay, step, 1);
      assert.ok(up >= 0 && (up < step || step === 0), `${step} up to ${up}`);
      assert.ok(down < steps.length && (down > step || step === steps.length - 1));
    }
  }
});

test("a row down is the same column and colour where nothing was given", () => {
  const { data } = EXAMPLES.find(({ data }) => data.height > 3 && data.channels === 3);
  const replay = replays.unpack({ ...data, known: "", ...everythingDrawn(data) });
  for (let step = 0; step < data.width * 3 * (data.height - 1); step++) {
    const [here, there] = [step, replays.rowAway(replay, step, 1)].map((s) => replays.locate(replay, s));
    assert.deepEqual(
      [there.row, there.column, there.channel],
      [here.row + 1, here.column, here.channel],
    );
    assert.equal(replays.rowAway(replay, replays.rowAway(replay, step, 1), -1), step);
  }
});

function everythingDrawn({ height, width, channels, levels, bar_width }) {
  const size = height * width * channels;
  const bars = levels === 2 ? 0 : size * Math.ceil(levels / bar_width);
  return { nats: base64(new Float32Array(size)), bars: base64(new Uint8Array(bars)) };
}

test("the end of a row is the last step in it", () => {
  for (const { data, steps } of EXAMPLES) {
    const replay = replays.unpack(data);
    const rows = steps.map((_, step) => replays.locate(replay, step).row);
    rows.forEach((row, step) => assert.equal(replays.endOfRow(replay, step), rows.lastIndexOf(row)));
  }
});

test("the picture holds the given and the drawn values, and nothing else", () => {
  for (const { data, image, known, steps } of EXAMPLES) {
    const replay = replays.unpack(data);
    const { channels, levels } = data;
    const rgba = new Uint8ClampedArray((4 * image.length) / channels).fill(77); // of another step
    for (const step of [0, steps.length >> 1, steps.length - 1]) {
      replays.paint(replay, step, rgba);
      const shown = [...image].map((value, place) =>
        known[place] || place <= steps[step] ? Math.round((value * 255) / (levels - 1)) : null,
      );
      for (let pixel = 0; pixel < image.length / channels; pixel++) {
        const values = shown.slice(pixel * channels, (pixel + 1) * channels);
        const colour = values.map((value) => value ?? 0);
        const wanted = channels === 1 ? [colour[0], colour[0], colour[0]] : colour;
        const alpha = values.some((value) => value !== null) ? 255 : 0;
        assert.deepEqual([...rgba.subarray(4 * pixel, 4 * pixel + 4)], [...wanted, alpha]);
      }
    }
  }
});

test("the border runs once between each given pixel and its other neighbours", () => {
  for (const { data, known } of EXAMPLES.filter((e) => e.data.channels === 1)) {
    const { height, width } = data;
    const given = (row, column) => row in Array(height).fill() && column in Array(width).fill() && known[row * width + column];
    let edges = 0;
    for (let row = 0; row < height; row++)
      for (let column = 0; column < width; column++)
        for (const [down, right] of [[0, 1], [0, -1], [1, 0], [-1, 0]])
          if (given(row, column) && !given(row + down, column + right)) edges += 1;
    const path = replays.borderOfGiven(replays.unpack(data));
    assert.equal(path.split("M").length - 1, edges);
  }
});

test("a probability is short, and never called 0 or 1 unless it is", () => {
  for (let i = 1; i < 20000; i++) {
    const p = i / 20000;
    const text = replays.probability(p);
    assert.ok(text.length <= 12 && !text.includes("e-"), text);
    const number = Number(text.replace(/over |under /, ""));
    assert.ok(number > 0 && number < 1, text);
    assert.ok(text.startsWith("under") || Math.abs(number - p) <= 0.06 * p, `${p} became ${text}`);
  }
  assert.equal(replays.probability(1), "1");
  assert.equal(replays.probability(1e-30), "under 0.0001");
});

test("a step is described by pixel, colour, value and probability", () => {
  const image = Uint8Array.from([0, 1, 1, 0, 1, 0]);
  const nats = new Float32Array(6).fill(-Math.log(0.83));
  const data = {
    height: 1, width: 2, channels: 3, levels: 2, bar_width: 1,
    image: base64(image), known: "", nats: base64(nats), bars: "",
  };
  assert.deepEqual(replays.describe(replays.unpack(data), 4), [
    "pixel (row 0, column 1), green",
    "drawn 1, probability 0.83",
  ]);
  const grey = { ...data, width: 6, channels: 1 };
  assert.deepEqual(replays.describe(replays.unpack(grey), 3), [
    "pixel (row 0, column 3)",
    "drawn 0, probability 0.83",
  ]);
});

test("the chain rule of a pixel has a factor for each colour drawn so far", () => {
  const image = Uint8Array.from([0, 1, 1, 0, 1, 0]);
  const nats = Float32Array.from([0.5, 0.26, 0.3].map((p) => -Math.log(p)));
  const data = {
    height: 1, width: 2, channels: 3, levels: 2, bar_width: 1,
    image: base64(image), nats: base64(nats), bars: "",
  };
  const known = base64(Uint8Array.from([0b11100000]));
  const drawn = replays.unpack({ ...data, known });
  assert.deepEqual([0, 1, 2].map((step) => replays.chainRule(drawn, step)), [
    "p(R = 0) = 0.50",
    "p(R = 0) p(G = 1 | R = 0) = 0.50 · 0.26 = 0.13",
    "p(R = 0) p(G = 1 | R = 0) p(B = 0 | R = 0, G = 1) = 0.50 · 0.26 · 0.30 = 0.039",
  ]);
  const someAreGiven = replays.unpack({ ...data, known: base64(Uint8Array.from([0b11010000])) });
  assert.deepEqual([0, 1, 2].map((step) => replays.chainRule(someAreGiven, step)), [
    "p(B = 1 | R = 0, G = 1) = 0.50",
    "p(G = 1 | R = 0) = 0.26",
    "p(G = 1 | R = 0) p(B = 0 | R = 0, G = 1) = 0.26 · 0.30 = 0.078",
  ]);
});

test("damaged data are refused with a reason, whatever the damage", () => {
  const { data } = EXAMPLES.find(({ data }) => data.levels === 5 && data.height > 2);
  replays.unpack(data);
  const nan = (name) => base64(new Float32Array(Buffer.from(data[name], "base64").length / 4).fill(NaN));
  const damages = {
    height: [0, -1, 1.5, "3", null, undefined, NaN, 1e9, data.height + 1],
    width: [0, -1, 1.5, "3", null, undefined, NaN, 1e9, data.width + 1],
    channels: [0, 4, null, undefined],
    levels: [1, 257, null, undefined, 4],
    bar_width: [0, 6, null, undefined],
    image: [data.image.slice(0, -4), "", "?", null, undefined, base64(new Uint8Array(3).fill(255))],
    known: ["AAAA" + data.known, "?"],
    nats: [data.nats.slice(0, -8), "", "#", undefined, nan("nats")],
    bars: [data.bars.slice(0, -4), "", "#", undefined],
  };
  for (const [name, values] of Object.entries(damages)) {
    for (const value of values) {
      const damaged = { ...data, [name]: value };
      assert.throws(() => replays.unpack(damaged), /\w+ (should be|is not|holds)/, `${name}: ${value}`);
    }
  }
  for (const nothing of [null, undefined, "text", 7]) {
    assert.throws(() => replays.unpack(nothing), /data is missing/);
  }
});
