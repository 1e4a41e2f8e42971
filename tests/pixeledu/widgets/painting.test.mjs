// Run by node's own test runner (see test_javascript.py): painting, and the scene of the live sampler.

import assert from "node:assert/strict";
import { test } from "node:test";

import * as painting from "../../../pixeledu/widgets/live_sampler/painting.js";
import { MANY, listedModels, SEEDS, sceneOf } from "../../../pixeledu/widgets/live_sampler/scene.js";

// ---- painting -----------------------------------------------------------------------------------

test("a line goes from end to end without a gap, whatever its direction", () => {
  for (const to of [[5, 5], [5, 9], [9, 5], [0, 0], [2, 9], [9, 0], [5, 4]]) {
    const line = painting.lineOfPixels([5, 5], to);
    assert.deepEqual([line[0], line.at(-1)], [[5, 5], to]);
    for (let i = 1; i < line.length; i++) {
      const [down, right] = [0, 1].map((axis) => Math.abs(line[i][axis] - line[i - 1][axis]));
      assert.equal(Math.max(down, right), 1, `${line}`);
    }
  }
});

test("a pen covers a square, as far as that is in the picture, and each pixel once", () => {
  assert.deepEqual(painting.pixelsUnder([[1, 2]], 1, 3, 4), [6]);
  assert.deepEqual(painting.pixelsUnder([[1, 2]], 2, 3, 4), [6, 7, 10, 11]);
  assert.deepEqual(painting.pixelsUnder([[0, 0]], 3, 3, 4), [0, 1, 4, 5]);
  assert.deepEqual(painting.pixelsUnder([[2, 3]], 3, 3, 4), [6, 7, 10, 11]);
  assert.deepEqual(painting.pixelsUnder([[1, 1], [1, 1], [1, 2]], 1, 3, 4), [5, 6]);
});

test("painting changes the pixels under the pen in all their colours, and no other", () => {
  const given = [-1, -1, 3, 4, -1, -1];
  assert.deepEqual(painting.withPixels(given, [0], [1, 2], 2), [1, 2, 3, 4, -1, -1]);
  assert.deepEqual(painting.withPixels(given, [1, 2], null, 2), [-1, -1, -1, -1, -1, -1]);
  assert.deepEqual(given, [-1, -1, 3, 4, -1, -1]);
});

test("what is shown is kept, and of the rest what was given", () => {
  assert.deepEqual(painting.keepShown([5, 6, 7, 8], [-1, -1, -1, 2], 2), [5, 6, -1, 2]);
  assert.deepEqual(painting.keepShown(Uint8Array.of(5, 6), null, 1), [5, -1]);
});

test("the halves share no pixel and leave none out", () => {
  for (const [height, width] of [[1, 1], [1, 4], [2, 3], [5, 2]]) {
    const both = ["upper", "lower"].map((half) => painting.halfOf(half, height, width));
    const all = Array.from({ length: height * width }, (_, i) => i);
    assert.deepEqual(both.flat(), all);
    assert.ok(both[0].length >= both[1].length);
  }
});

test("a list that does not fit counts as nothing given", () => {
  assert.deepEqual(painting.givenFrom([-1, 2], 2, 3), [-1, 2]);
  const wrong = [[], [-1, -1], [1], [1, 2, 0], [3, 1], [-2, 1], [0.5, 1], ["1", 1], null, "12", {}];
  for (const list of wrong) assert.equal(painting.givenFrom(list, 2, 3), null);
});

// ---- the scene ---------------------------------------------------------------------------------

/** A model of 2 levels without blocks whose weights are all 0: each value is drawn evenly. */
const EVEN = (() => {
  const config = { model: "pixelcnn", channels: 1, levels: 2, hidden: 1, layers: 0 };
  const text = Buffer.from(JSON.stringify({ config, dtype: "float16", info: {} }));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  const content = Buffer.concat([length, text, Buffer.alloc(2 * (48 + 2 + 6 + 6))]);
  let crc = -1;
  for (const byte of content) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  const sum = Buffer.alloc(4);
  sum.writeUInt32LE(~crc >>> 0);
  return Buffer.concat([Buffer.from("PXE1"), sum, content]).toString("base64");
})();
const OFFER = { name: "even", title: "Even", height: 4, width: 3 };

function studioWith(traits, shown) {
  const state = {
    models: [OFFER], weights: { even: EVEN }, model: "even", seed: 1, image: 0, sixteen: false,
    temperature: 1, given: [], ...traits,
  };
  const model = { get: (name) => state[name], set: (name, value) => (state[name] = value), saves: 0 };
  model.save_changes = () => (model.saves += 1);
  const scene = sceneOf(model, () => shown ?? 12);
  scene.refresh();
  return { scene, state, model };
}

test("the scene draws the picture that the traits ask for, and keeps it while they stay", () => {
  const { scene, state } = studioWith({});
  const first = scene.current();
  assert.equal(first.steps.length, 12);
  assert.ok(first.nats.every((n) => Math.abs(n - Math.LN2) < 1e-6));
  scene.refresh();
  assert.equal(scene.current(), first);
  for (const [name, value] of [["seed", 2], ["temperature", 0.5], ["given", Array(12).fill(1)]]) {
    const before = scene.current();
    state[name] = value;
    scene.refresh();
    assert.notEqual(scene.current(), before, name);
  }
  assert.deepEqual([scene.drawing.steps, ...scene.current().image], [0, ...Array(12).fill(1)]);
});

test("sixteen pictures are drawn one by one, and Python is told all that were", () => {
  const { scene, state } = studioWith({ sixteen: true, image: 3, seed: 7 });
  const drawn = [];
  for (let i = scene.drawOneMore(); i !== null; i = scene.drawOneMore()) drawn.push(i);
  assert.deepEqual(drawn, [...Array(MANY).keys()].filter((i) => i !== 3));
  scene.tell();
  assert.deepEqual(state.drawn.of, ["even", 7, 1, []]);
  assert.equal(Object.keys(state.drawn.images).length, MANY);
  const bytes = Buffer.from(state.drawn.images[5], "base64");
  assert.deepEqual([...bytes], [...scene.drawing.replays[5].image]);
  assert.equal(studioWith({}).scene.drawOneMore(), null);
});

test("erasing keeps all that is to be seen and takes a new seed", () => {
  const { scene, state } = studioWith({ seed: SEEDS - 1 });
  const { image } = scene.current();
  const stroke = scene.strokeWith(null);
  stroke.add([4]);
  stroke.add([5]);
  stroke.end();
  assert.equal(state.seed, 0);
  assert.deepEqual(state.given, [...image].map((value, i) => (i === 4 || i === 5 ? -1 : value)));
});

test("erasing a picture that is half drawn keeps that half", () => {
  const { scene, state } = studioWith({}, 6);
  const { image } = scene.current();
  scene.strokeWith(null).add([0]);
  assert.deepEqual(state.given, [...image].map((value, i) => (i > 0 && i < 6 ? value : -1)));
});

test("drawing gives the pixels under the pen and leaves the chances as they are", () => {
  const { scene, state, model } = studioWith({});
  const before = [...scene.current().image];
  const stroke = scene.strokeWith([1]);
  stroke.add([7]);
  stroke.add([8, 7]);
  assert.equal(model.saves, 0);
  stroke.end();
  assert.equal(model.saves, 1);
  const wanted = Array.from({ length: 12 }, (_, i) => (i === 7 || i === 8 ? 1 : -1));
  assert.deepEqual([state.seed, state.given], [1, wanted]);
  scene.refresh();
  assert.deepEqual([...scene.current().image].slice(0, 7), before.slice(0, 7));
});

test("the buttons blank the upper half and erase the lower one", () => {
  const { scene, state } = studioWith({});
  const image = [...scene.current().image];
  scene.blankUpper();
  assert.deepEqual(state.given, [...Array(6).fill(0), ...Array(6).fill(-1)]);
  assert.equal(state.seed, 1);
  const other = studioWith({});
  other.scene.eraseLower();
  assert.deepEqual(other.state.given, [...image.slice(0, 6), ...Array(6).fill(-1)]);
  assert.equal(other.state.seed, 2);
});

test("traits that mean nothing are put right", () => {
  for (const seed of [NaN, "7", null, undefined]) assert.equal(studioWith({ seed }).scene.seed(), 0);
  assert.equal(studioWith({ seed: -5 }).scene.seed(), 0);
  assert.equal(studioWith({ seed: 1e30 }).scene.seed(), SEEDS - 1);
  assert.equal(studioWith({ seed: 3.7 }).scene.seed(), 3);
  for (const image of [NaN, -1, "x", null]) assert.equal(studioWith({ image }).scene.number(), 0);
  assert.equal(studioWith({ image: 99 }).scene.number(), 15);
  assert.equal(studioWith({ temperature: NaN }).scene.temperature(), 1);
  assert.equal(studioWith({ temperature: 0 }).scene.temperature(), 0.1);
  assert.equal(studioWith({ temperature: Infinity }).scene.temperature(), 1);
  assert.equal(studioWith({ model: "nobody" }).scene.entry().name, "even");
  assert.equal(studioWith({ given: [7] }).scene.drawing.steps, 12);
});

test("weights that are missing or damaged are a problem of the scene, until others are chosen", () => {
  const { scene, state } = studioWith({ weights: {} });
  assert.match(scene.drawing.problem, /weights are missing/);
  state.own = { even: EVEN.slice(0, -8) };
  scene.refresh();
  assert.match(scene.drawing.problem, /do not match their checksum/);
  scene.tell();
  assert.equal(state.drawn, undefined);
  globalThis.pixeleduWeights = { even: EVEN };
  state.own = {};
  scene.refresh();
  delete globalThis.pixeleduWeights;
  assert.equal(scene.drawing.problem, undefined);
  assert.equal(scene.current().image.length, 12);
});

test("a list of models that makes no sense is an error", () => {
  for (const list of [undefined, [], {}, [null], [{ ...OFFER, height: 0 }], [{ ...OFFER, width: 65 }]]) {
    assert.throws(() => listedModels(list), /models should be|should be a whole number/);
  }
});
