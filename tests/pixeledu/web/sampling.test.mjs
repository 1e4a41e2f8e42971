// Run by node's own test runner (see test_javascript.py): the models of the page, with random weights.

import assert from "node:assert/strict";
import { test } from "node:test";

import * as models from "../../../pixeledu/web/models.js";
import * as sampler from "../../../pixeledu/web/sampling.js";
import { openWeights } from "../../../pixeledu/web/weights.js";
import kinds from "../../../pixeledu/web/kinds.json" with { type: "json" };

const KINDS = Object.keys(kinds);

/** A reproducible stream of numbers from 0 to 1. */
function randomNumbers(seed) {
  let place = 0;
  return () => sampler.noise(seed, 0, place++);
}

/** What `openWeights` returns, with weights from the air instead of a file. */
function invented(config, seed = 1) {
  const random = randomNumbers(seed);
  const numbers = (count) => Float32Array.from({ length: count }, () => 2 * random() - 1);
  const matrix = (rows, columns, closed = () => false) => {
    return numbers(rows * columns).map((value, i) => {
      return closed(Math.floor(i / columns), i % columns) ? 0 : value;
    });
  };
  return { config, info: {}, vector: numbers, matrix, finish() {} };
}

const PLAIN = { classes: null, guide: null, output: "softmax" };
const CONFIGS = KINDS.flatMap((model) => [
  { ...PLAIN, model, channels: 1, levels: 3, hidden: 5, layers: 2 },
  { ...PLAIN, model, channels: 3, levels: 4, hidden: 7, layers: 1 },
  { ...PLAIN, model, channels: 3, levels: 4, hidden: 5, layers: 1, classes: 3, output: "logistics" },
]);

test("a model forgets the last picture when a new one begins", () => {
  for (const config of CONFIGS) {
    const model = models.stepsOf(invented(config), 5);
    const state = { seed: 3, image: 0, temperature: 1, given: null };
    const first = sampler.drawPicture(model, 4, 5, state);
    sampler.drawPicture(model, 7, 5, { ...state, seed: 4 });
    assert.deepEqual(sampler.drawPicture(model, 4, 5, state), first);
  }
});

test("what is given stays, what lies before it stays as well, and the rest is drawn", () => {
  for (const config of CONFIGS) {
    const model = models.stepsOf(invented(config), 5);
    const state = { seed: 8, image: 2, temperature: 1, given: null };
    const free = sampler.drawPicture(model, 4, 5, state).values;
    const from = free.length >> 1;
    const given = Array.from(free, (value, place) => {
      return place < from || place % 3 ? -1 : (value + 1) % config.levels;
    });
    const { values } = sampler.drawPicture(model, 4, 5, { ...state, given });
    given.forEach((value, place) => value < 0 || assert.equal(values[place], value));
    assert.deepEqual(values.subarray(0, from), free.subarray(0, from));
    const all = Array.from(free, () => 1);
    assert.deepEqual([...sampler.drawPicture(model, 4, 5, { ...state, given: all }).values], all);
  }
});

test("a value is drawn as often as it is probable", () => {
  const logits = Float32Array.from([0.5, -1, 2, 0]);
  for (const temperature of [0.5, 1, 3]) {
    const weights = [...logits].map((logit) => Math.exp(logit / temperature));
    const total = weights.reduce((a, b) => a + b);
    const shares = new Float32Array(4);
    const counts = [0, 0, 0, 0];
    const many = 20000;
    for (let i = 0; i < many; i++) {
      counts[sampler.drawValue(logits, temperature, (i + 0.5) / many, shares, 0)] += 1;
    }
    counts.forEach((count, value) => {
      assert.ok(Math.abs(count / many - weights[value] / total) < 1e-4);
      assert.ok(Math.abs(shares[value] - weights[value] / total) < 1e-6);
    });
  }
});

test("towards temperature 0 the most probable value wins, without overflow", () => {
  const shares = new Float32Array(3);
  for (const uniform of [0, 0.5, 1 - 2 ** -24]) {
    assert.equal(sampler.drawValue([-90, 80, 79], 0.001, uniform, shares, 0), 1);
    assert.equal(sampler.drawValue([1e30, -1e30, 0], 1, uniform, shares, 0), 0);
  }
  assert.deepEqual([...shares], [1, 0, 0]);
});

test("a random number depends on seed, picture and place, and fills 0 to 1 evenly", () => {
  const counts = new Array(16).fill(0);
  for (let place = 0; place < 16000; place++) {
    const number = sampler.noise(7, 3, place);
    assert.ok(number >= 0 && number < 1);
    counts[Math.floor(16 * number)] += 1;
  }
  for (const count of counts) assert.ok(count > 850 && count < 1150, `${counts}`);
  const numbers = new Set();
  for (let i = 0; i < 100; i++) {
    for (const its of [[i, 0, 0], [0, i, 0], [0, 0, i]]) numbers.add(sampler.noise(...its));
  }
  assert.equal(numbers.size, 298);
});

test("drawing a value allocates nothing", () => {
  for (const config of CONFIGS) {
    const model = models.stepsOf(invented(config), 8);
    const shares = new Float32Array(config.levels);
    const draw = (rows) => {
      model.reset({ label: config.classes && 1 }, rows);
      for (let row = 0; row < rows; row++) {
        model.startRow();
        for (let column = 0; column < 8; column++) {
          for (let colour = 0; colour < config.channels; colour++) {
            const logits = model.logits(column, colour);
            model.put(sampler.drawValue(logits, 1, 0.5, shares, 0), column, colour);
          }
        }
      }
    };
    draw(1500); // until it is compiled
    const before = process.memoryUsage().heapUsed;
    draw(1500);
    const grown = process.memoryUsage().heapUsed - before;
    assert.ok(grown < 25 * 1500 * 8, `${config.model}: ${grown} bytes for 12000 pixels`);
  }
});

// ---- classes and guides --------------------------------------------------------------------------

const CONDITIONAL = { ...CONFIGS[0], classes: 3, guide: 2 }; // 3 levels
const GUIDE = [0, 1, 2, 0, 1, 2];

test("what a picture depends on is checked, and said in one line", () => {
  const draw = (config, changes) => {
    const model = models.stepsOf(invented(config), 6);
    return sampler.drawPicture(model, 4, 6, { seed: 1, image: 0, temperature: 1, given: null, ...changes });
  };
  assert.equal(draw(CONDITIONAL, { guide: GUIDE, label: 2 }).label, 2);
  const cases = [
    [CONDITIONAL, { guide: GUIDE, label: 3 }, /^label should be a whole number from 0 to 2 and is 3$/],
    [CONDITIONAL, { guide: GUIDE, label: -1 }, /^label should be .* is -1$/],
    [CONDITIONAL, { guide: GUIDE, label: "1" }, /^label should be .* is 1$/],
    [CONDITIONAL, {}, /^guide should hold 6 whole numbers from 0 to 2, those of 2×3 .* holds nothing$/],
    [CONDITIONAL, { guide: [...GUIDE, 0] }, /^guide should hold 6 .* holds 7$/],
    [CONDITIONAL, { guide: [3, ...GUIDE.slice(1)] }, /^guide should hold 6 whole numbers from 0 to 2/],
    [{ ...CONDITIONAL, guide: 5 }, { guide: GUIDE }, /^height and width should be multiples of 5/],
    [CONFIGS[0], { label: 0 }, /^label should be left out: the model knows no classes$/],
    [CONFIGS[0], { guide: GUIDE }, /^guide should be left out: the model draws from none$/],
  ];
  for (const [config, changes, reason] of cases) {
    assert.throws(() => draw(config, changes), { message: reason }, JSON.stringify(changes));
  }
});

test("a model forgets what the picture before depended on", () => {
  for (const model of KINDS) {
    const steps = models.stepsOf(invented({ ...CONDITIONAL, model }), 6);
    const state = { seed: 3, image: 0, temperature: 1, given: null, label: 1, guide: GUIDE };
    const first = sampler.drawPicture(steps, 4, 6, state);
    const other = sampler.drawPicture(steps, 4, 6, { ...state, label: 2, guide: [...GUIDE].reverse() });
    assert.notDeepEqual(other.probabilities, first.probabilities);
    assert.deepEqual(sampler.drawPicture(steps, 4, 6, state), first);
  }
});

test("every class is drawn equally often, whatever their number", () => {
  for (const classes of [2, 9, 10]) {
    const counts = new Array(classes).fill(0);
    for (let image = 0; image < 9000; image++) counts[sampler.drawLabel(classes, 5, image)] += 1;
    for (const count of counts) assert.ok(Math.abs(count - 9000 / classes) < 150, `${counts}`);
  }
});

// ---- damaged files ------------------------------------------------------------------------------

const CRC = Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = (byte >>> 1) ^ (byte & 1 ? 0xedb88320 : 0);
  return byte >>> 0;
});

/** A file with this header and these bytes of weights, its checksum right. */
function fileOf(header, weights) {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  const content = Buffer.concat([length, text, Buffer.from(weights)]);
  let crc = -1;
  for (const byte of content) crc = (crc >>> 8) ^ CRC[(crc ^ byte) & 255];
  const sum = Buffer.alloc(4);
  sum.writeUInt32LE(~crc >>> 0);
  return Buffer.concat([Buffer.from("PXE1"), sum, content]).toString("base64");
}

const CONFIG = { model: "pixelcnn", channels: 1, levels: 2, hidden: 1, layers: 0 };
const HEADER = { config: CONFIG, dtype: "float16", info: { size: [2, 2] } };
// 24 taps for 2 features, 2 biases; 2×2 and 2; 2×2 and 2: float16 numbers
const WEIGHTS = new Uint8Array(2 * (48 + 2 + 6 + 6));

test("a file is read, and none that is cut or changed anywhere", () => {
  const sound = fileOf(HEADER, WEIGHTS);
  assert.deepEqual([...models.modelFrom(sound, 2).logits(0, 0)], [0, 0]);
  assert.deepEqual(models.modelFrom(sound, 2).info, { size: [2, 2] });
  const content = Buffer.from(sound, "base64");
  for (let length = 0; length < content.length; length++) {
    const cut = content.subarray(0, length).toString("base64");
    assert.throws(() => models.modelFrom(cut, 2), /weights (are no export|do not match)/);
    const changed = Buffer.from(content);
    changed[length] ^= 1 << length % 8;
    const text = changed.toString("base64");
    assert.throws(() => models.modelFrom(text, 2), /weights (are no export|do not match)/);
  }
});

test("a file that does not hold together is refused with a reason", () => {
  const cases = [
    [{ ...HEADER, config: { ...CONFIG, model: "gru" } }, /model is gru/],
    [{ ...HEADER, config: { ...CONFIG, model: "__proto__" } }, /model is __proto__/],
    [{ ...HEADER, config: { ...CONFIG, classes: 10 } }, /weights are cut off/],
    [{ ...HEADER, config: { ...CONFIG, classes: 1 } }, /classes should be a whole number from 2/],
    [{ ...HEADER, config: { ...CONFIG, guide: 2 } }, /weights are cut off/],
    [{ ...HEADER, config: { ...CONFIG, guide: 1e6 } }, /guide should be a whole number from 2/],
    [{ ...HEADER, config: { ...CONFIG, output: "logistics" } }, /weights are cut off/],
    [{ ...HEADER, config: { ...CONFIG, output: "toString" } }, /output is toString, unknown here/],
    [{ ...HEADER, config: null }, /model is undefined/],
    [null, /model is undefined/],
    ["[", /JSON/],
    [{ ...HEADER, dtype: "int4" }, /dtype is int4/],
    [{ ...HEADER, dtype: "int8" }, /weights have \d+ bytes too many/],
    [{ ...HEADER, config: { ...CONFIG, hidden: 2 } }, /weights are cut off/],
    [{ ...HEADER, config: { ...CONFIG, hidden: 4096 } }, /weights are cut off/],
    [{ ...HEADER, config: { ...CONFIG, hidden: 1e9 } }, /hidden should be a whole number/],
    [{ ...HEADER, config: { ...CONFIG, layers: 1000 } }, /weights are cut off/],
    [{ ...HEADER, config: { ...CONFIG, layers: -1 } }, /layers should be/],
    [{ ...HEADER, config: { ...CONFIG, levels: 300 } }, /levels should be/],
    [{ ...HEADER, config: { ...CONFIG, channels: 2 } }, /channels should be/],
    [{ ...HEADER, config: { ...CONFIG, layers: "1" } }, /layers should be/],
  ];
  for (const [header, reason] of cases) {
    assert.throws(() => models.modelFrom(fileOf(header, WEIGHTS), 2), reason, JSON.stringify(header));
  }
  const tooMany = fileOf(HEADER, [...WEIGHTS, 0]);
  assert.throws(() => models.modelFrom(tooMany, 2), /1 bytes too many/);
  for (const [low, high] of [[0, 0x7c], [1, 0x7e], [0, 0xfc]]) {
    const broken = fileOf(HEADER, WEIGHTS.with(40, low).with(41, high)); // infinity, NaN, -infinity
    assert.throws(() => models.modelFrom(broken, 2), /a number that is not finite/);
  }
  for (const text of [undefined, null, 7, "", "%", "AAAA"]) {
    assert.throws(() => models.modelFrom(text, 2), /weights are/);
  }
});

test("every half-precision number is read as what it is", () => {
  const numbers = [0, 1, -2, 65504, 2 ** -14, 2 ** -24, -(2 ** -24), 1023 * 2 ** -24, 1 / 3];
  const bits = [0, 0x3c00, 0xc000, 0x7bff, 0x0400, 1, 0x8001, 0x03ff, 0x3555];
  const weights = new Uint8Array(Uint16Array.from(bits).buffer);
  const read = openWeights(fileOf(HEADER, weights)).vector(bits.length);
  numbers.forEach((number, i) => assert.ok(Math.abs(read[i] - number) <= Math.abs(number) / 2048));
});
