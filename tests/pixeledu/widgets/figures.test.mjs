// Run by node's own test runner (see test_javascript.py): fields, masks, leaks and samples, damaged.

import assert from "node:assert/strict";
import { test } from "node:test";

import { evidenceAgainst, unpackGame } from "../../../pixeledu/widgets/leak_hunt/game.js";
import { describeWeight, isOpen, kernelOf } from "../../../pixeledu/widgets/mask_explorer/masks.js";
import { offsetsOf, offsetTo } from "../../../pixeledu/widgets/mask_explorer/masks.js";
import { pixelAt, reasonFor } from "../../../pixeledu/widgets/mask_explorer/masks.js";
import { unpackFields } from "../../../pixeledu/widgets/receptive_field/fields.js";
import { tempered, unpackAll } from "../../../pixeledu/widgets/shared/replay.js";

const base64 = (array) => Buffer.from(array.buffer ?? array).toString("base64");
const KERNEL = {
  height: 3, width: 4, kernel_size: 5, mask_type: "A", channels: 3, reads: "R", computes: "G",
};
const FIELDS = { height: 2, width: 2, fields: [{ name: "a", codes: base64(new Uint8Array(3)) }] };
const HUNT = {
  height: 1, width: 3, hunted: [1, 0],
  models: ["a", "b"].map((name) => ({
    name, title: name, explains: "so", depends: base64(new Uint8Array(2)),
  })),
};
const SAMPLE = {
  height: 1, width: 2, channels: 1, levels: 3, bar_width: 1, known: "",
  image: base64(Uint8Array.from([0, 2])), nats: base64(Float32Array.from([1, 1])),
  bars: base64(new Uint8Array(6)), logs: base64(new Uint16Array(6)),
};
const { height, width, channels, levels, bar_width, known, ...its } = SAMPLE;
const SAMPLES = { ...SAMPLE, names: ["a", "b"], others: [its], temperatures: [1, 0.5] };

/** Each of the readers with sound data, and what must not be in its place. */
const DAMAGES = [
  [kernelOf, KERNEL, {
    height: [0, 17, "3", null], width: [-1, 2.5, undefined], kernel_size: [4, 0, "5", NaN],
    mask_type: ["C", null, 1], channels: [2, "1"], reads: ["X", null], computes: ["", 3],
  }],
  [unpackFields, FIELDS, {
    height: [0, 401, "2", null], width: [3, 1, 300, undefined], fields: [null, [], "x", [null],
      [{ name: 3, codes: "" }], [{ name: "a", codes: "AA==" }], [{ name: "a", codes: "?" }],
      [{ name: "a" }], [{ name: "a", codes: base64(Uint8Array.from([14, 0, 0])) }]],
  }],
  [unpackGame, HUNT, {
    height: [0, 2, 17, null], width: [0, "3", 7], hunted: [[], null, [2], [-1], ["0"], 3],
    models: [[], null, [HUNT.models[0]], [null, null], [{}, {}],
      [HUNT.models[0], { ...HUNT.models[1], title: null }],
      [HUNT.models[0], { ...HUNT.models[1], depends: "AA==" }],
      [HUNT.models[0], { ...HUNT.models[1], depends: "#" }]],
  }],
  [unpackAll, SAMPLES, {
    others: [null, 3, [], [its, its], Array(6).fill(its), [{ ...its, nats: "" }],
      [{ ...its, logs: "AAAA" }], [{ ...its, image: "?" }]],
    names: [null, ["a"], ["a", 2], "ab"], temperatures: [[1], [1, 0], [1, null], [1, -2], "x", 7],
    logs: ["", undefined, "AAAA"],
  }],
];

test("damaged data are refused with a reason, whatever the damage", () => {
  for (const [reader, sound, damages] of DAMAGES) {
    reader(sound);
    for (const [name, values] of Object.entries(damages)) {
      for (const value of values) {
        if (name === "names" && value === null) continue; // as if there were one sample
        assert.throws(() => reader({ ...sound, [name]: value }), Error, `${name}: ${JSON.stringify(value)}`);
      }
    }
  }
  for (const reader of [unpackFields, unpackGame, unpackAll]) {
    for (const nothing of [null, undefined, "text"]) assert.throws(() => reader(nothing), /data is missing/);
  }
});

test("a weight and the pixel that it touches lead to each other", () => {
  const kernel = kernelOf(KERNEL);
  for (let position = 0; position < 12; position++) {
    for (const offset of offsetsOf(kernel)) {
      const pixel = pixelAt(kernel, position, offset);
      if (pixel < 0) assert.match(describeWeight(kernel, position, offset), /outside the image$/);
      else assert.deepEqual(offsetTo(kernel, position, pixel), offset);
    }
  }
});

test("the reason names the state that the weight has", () => {
  for (const mask_type of ["A", "B"])
    for (const channels of [1, 3])
      for (const reads of "RGB")
        for (const computes of "RGB") {
          const kernel = kernelOf({ ...KERNEL, mask_type, channels, reads, computes });
          for (const offset of offsetsOf(kernel)) {
            const open = isOpen(kernel, ...offset);
            assert.match(reasonFor(kernel, offset), open ? /: open/ : /: closed/);
            assert.match(describeWeight(kernel, 5, offset), open ? /, open:/ : /, closed:/);
          }
        }
});

test("a cold distribution is sharper and a hot one flatter, and both add up to 1", () => {
  const logs = base64(Uint16Array.from([0, 2048, 4096, 0, 0, 65535]));
  const [replay] = unpackAll({ ...SAMPLE, logs, temperatures: [1] });
  const at = (t) => tempered(replay, 0, t);
  for (const t of [0.1, 0.5, 1.5, 3]) {
    assert.ok(Math.abs(at(t).reduce((a, b) => a + b) - 1) < 1e-12);
    assert.ok(at(t).every((share, i, all) => !i || share <= all[i - 1]));
  }
  assert.ok(at(0.1)[0] > 0.999 && at(0.5)[0] > at(1.5)[0] && at(1.5)[0] > at(3)[0]);
});

test("a leak says more than something missing, however near that is", () => {
  const bits = (...pairs) => {
    const packed = new Uint8Array(2);
    for (const [from, to] of pairs) packed[(3 * from + to) >> 3] |= 128 >> ((3 * from + to) & 7);
    return base64(packed);
  };
  const [one, other] = [bits([2, 0], [0, 1]), bits()]; // a leak at distance 2, a gain at distance 1
  const models = [one, other].map((depends, i) => ({ ...HUNT.models[i], depends }));
  const game = unpackGame({ ...HUNT, models });
  const found = evidenceAgainst(game, game.models[0], game.models[1]);
  assert.deepEqual([found.pixel, found.output, found.changes], [2, 0, true]);
  assert.equal(evidenceAgainst(game, game.models[1], game.models[0]).changes, false);
  assert.equal(evidenceAgainst(game, game.models[0], game.models[0]), null);
});
