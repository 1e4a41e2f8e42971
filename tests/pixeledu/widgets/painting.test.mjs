// Run by node's own test runner (see test_javascript.py): painting, and the scene of the live sampler.

import assert from "node:assert/strict";
import { test } from "node:test";

import * as painting from "../../../pixeledu/widgets/live_sampler/painting.js";
import { described } from "../../../pixeledu/widgets/live_sampler/replays.js";
import { MANY, SEEDS, listedModels, sceneOf } from "../../../pixeledu/widgets/live_sampler/scene.js";
import { strokesOn } from "../../../pixeledu/widgets/live_sampler/strokes.js";
import { carryOut } from "../../../pixeledu/web/jobs.js";
import { completed } from "../../../pixeledu/web/slices.js";

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
const LISTED = { name: "even", title: "Even", height: 4, width: 3, channels: 1, levels: 2 };

/** A scene with these traits whose pictures are drawn when they are asked for, unless `slow`. */
function sceneWith(traits, { shown = 12, slow = null } = {}) {
  const state = {
    models: [LISTED], weights: { even: EVEN }, model: "even", seed: 1, image: 0, sixteen: false,
    temperature: 1, given: [], ...traits,
  };
  const model = { get: (name) => state[name], set: (name, value) => (state[name] = value), saves: 0 };
  model.save_changes = () => (model.saves += 1);
  const changed = [];
  const request = (job, wanted, done) => {
    const answer = () => {
      if (!wanted()) return;
      try {
        done(completed(carryOut(job, new Map())));
      } catch (error) {
        done({ problem: error.message });
      }
    };
    if (slow) slow.push(answer);
    else answer();
  };
  const scene = sceneOf(model, (drawn) => changed.push(drawn), request);
  const draw = () => {
    scene.refresh();
    while (scene.drawNext() && !slow);
  };
  draw();
  return { scene, state, model, changed, draw, strokes: strokesOn(model, scene, () => shown) };
}

test("the scene draws the picture that the traits ask for, and keeps it while they stay", () => {
  const { scene, state, draw } = sceneWith({});
  const first = scene.current();
  assert.equal(first.steps.length, 12);
  assert.ok(first.nats.every((n) => Math.abs(n - Math.LN2) < 1e-6));
  draw();
  assert.equal(scene.current(), first);
  for (const [name, value] of [["seed", 2], ["temperature", 0.5], ["given", Array(12).fill(1)]]) {
    const before = scene.current();
    state[name] = value;
    draw();
    assert.notEqual(scene.current(), before, name);
  }
  assert.deepEqual([scene.drawing.steps, ...scene.current().image], [0, ...Array(12).fill(1)]);
});

test("nothing is drawn before it is asked for, and then each picture once", () => {
  const slow = [];
  const { scene, state, changed } = sceneWith({}, { slow });
  assert.deepEqual([slow.length, changed], [1, []]);
  assert.equal(scene.current().blank, true);
  assert.equal(scene.drawNext(), true);
  assert.equal(slow.length, 1);
  slow.shift()();
  assert.deepEqual([changed, scene.current().blank, scene.drawNext()], [[0], undefined, false]);
  state.seed = 2;
  scene.refresh();
  assert.equal(scene.missing(), 0);
  assert.deepEqual(slow, []);
});

test("until a picture is there, what is given is shown over the one before it", () => {
  const slow = [];
  const { scene, state, draw } = sceneWith({}, { slow });
  slow.shift()();
  const before = [...scene.current().image];
  state.given = before.map((value, place) => (place === 5 ? 1 - value : -1));
  draw();
  const shown = scene.current();
  assert.deepEqual([...shown.image], before.map((value, place) => (place === 5 ? 1 - value : value)));
  assert.deepEqual([shown.blank, shown.known[5], shown.steps.length], [false, 1, 11]);
});

test("a picture that nobody waits for any more is not drawn and changes nothing", () => {
  const slow = [];
  const { scene, state, changed, draw } = sceneWith({}, { slow });
  state.seed = 2;
  draw();
  assert.equal(slow.length, 2);
  slow[0]();
  assert.deepEqual(changed, []);
  slow[1]();
  assert.deepEqual([changed, scene.missing()], [[0], null]);
});

test("sixteen pictures are drawn one by one, and Python is told all that were", () => {
  const { scene, state, changed } = sceneWith({ sixteen: true, image: 3, seed: 7 });
  assert.deepEqual(changed, [3, ...[...Array(MANY).keys()].filter((i) => i !== 3)]);
  scene.tell();
  assert.deepEqual(state.drawn.of, ["even", 7, 1, []]);
  assert.equal(Object.keys(state.drawn.images).length, MANY);
  const bytes = Buffer.from(state.drawn.images[5], "base64");
  assert.deepEqual([...bytes], [...scene.drawing.pictures[5].image]);
});

test("erasing keeps all that is to be seen and takes a new seed", () => {
  const { scene, state, strokes } = sceneWith({ seed: SEEDS - 1 });
  const { image } = scene.current();
  const stroke = strokes.strokeWith(null);
  stroke.add([4]);
  stroke.add([5]);
  stroke.end();
  assert.equal(state.seed, 0);
  assert.deepEqual(state.given, [...image].map((value, i) => (i === 4 || i === 5 ? -1 : value)));
});

test("erasing a picture that is half drawn keeps that half", () => {
  const { scene, state, strokes } = sceneWith({}, { shown: 6 });
  const { image } = scene.current();
  strokes.strokeWith(null).add([0]);
  assert.deepEqual(state.given, [...image].map((value, i) => (i > 0 && i < 6 ? value : -1)));
});

test("drawing gives the pixels under the pen and leaves the chances as they are", () => {
  const { scene, state, model, strokes, draw } = sceneWith({});
  const before = [...scene.current().image];
  const stroke = strokes.strokeWith([1]);
  stroke.add([7]);
  stroke.add([8, 7]);
  assert.equal(model.saves, 0);
  stroke.end();
  assert.equal(model.saves, 1);
  const wanted = Array.from({ length: 12 }, (_, i) => (i === 7 || i === 8 ? 1 : -1));
  assert.deepEqual([state.seed, state.given], [1, wanted]);
  draw();
  assert.deepEqual([...scene.current().image].slice(0, 7), before.slice(0, 7));
});

test("the buttons blank the upper half and erase the lower one", () => {
  const { scene, state, strokes } = sceneWith({});
  const image = [...scene.current().image];
  strokes.blankUpper();
  assert.deepEqual(state.given, [...Array(6).fill(0), ...Array(6).fill(-1)]);
  assert.equal(state.seed, 1);
  const other = sceneWith({});
  other.strokes.eraseLower();
  assert.deepEqual(other.state.given, [...image.slice(0, 6), ...Array(6).fill(-1)]);
  assert.equal(other.state.seed, 2);
});

test("undo goes back change by change, and reset to what was given at first", () => {
  const first = [1, ...Array(11).fill(-1)];
  const { state, strokes, draw } = sceneWith({ given: first, seed: 4 });
  const seen = [];
  const steps = [
    () => strokes.strokeWith([1]).add([7]),
    () => strokes.strokeWith(null).add([2]),
    strokes.blankUpper,
    strokes.giveNothing,
    strokes.reset,
    strokes.eraseLower,
  ];
  for (const step of steps) {
    seen.push([state.given, state.seed]);
    step();
    draw();
  }
  assert.deepEqual(seen[5], [first, 4]);
  assert.equal(strokes.changes(), steps.length);
  for (const [given, seed] of seen.reverse()) {
    strokes.undo();
    draw();
    assert.deepEqual([state.given, state.seed], [given, seed]);
  }
  assert.equal(strokes.changes(), 0);
  strokes.undo();
  assert.deepEqual([state.given, state.seed], [first, 4]);
});

test("a picture is described by where it is bright, and by how much of it is drawn", () => {
  const replay = {
    image: Uint8Array.from([0, 3, 0, 3, 0, 0]), known: new Uint8Array(6), width: 3, channels: 1, levels: 4,
  };
  assert.equal(described(replay, 6), "2 of 6 pixels are bright, in rows 0 to 1, columns 0 to 1");
  assert.equal(described(replay, 3), "50 percent drawn; 1 of 3 pixels are bright, in rows 0 to 0, columns 1 to 1");
  assert.equal(described(replay, 1), "17 percent drawn; no bright pixel");
  assert.equal(described(replay, 0), "nothing is drawn yet");
});

test("traits that mean nothing are put right", () => {
  for (const seed of [NaN, "7", null, undefined]) assert.equal(sceneWith({ seed }).scene.seed(), 0);
  assert.equal(sceneWith({ seed: -5 }).scene.seed(), 0);
  assert.equal(sceneWith({ seed: 1e30 }).scene.seed(), SEEDS - 1);
  assert.equal(sceneWith({ seed: 3.7 }).scene.seed(), 3);
  for (const image of [NaN, -1, "x", null]) assert.equal(sceneWith({ image }).scene.number(), 0);
  assert.equal(sceneWith({ image: 99 }).scene.number(), 15);
  assert.equal(sceneWith({ temperature: NaN }).scene.temperature(), 1);
  assert.equal(sceneWith({ temperature: 0 }).scene.temperature(), 0.1);
  assert.equal(sceneWith({ temperature: Infinity }).scene.temperature(), 1);
  assert.equal(sceneWith({ model: "nobody" }).scene.entry().name, "even");
  assert.equal(sceneWith({ given: [7] }).scene.drawing.steps, 12);
});

test("weights that are missing or damaged are a problem of the scene, until others are chosen", () => {
  const { scene, state, changed, draw } = sceneWith({ weights: {} });
  assert.match(scene.drawing.problem, /weights are missing/);
  state.own = { even: EVEN.slice(0, -8) };
  draw();
  assert.match(scene.drawing.problem, /do not match their checksum/);
  assert.deepEqual(changed, [null]);
  scene.tell();
  assert.equal(state.drawn, undefined);
  globalThis.pixeleduWeights = { even: EVEN };
  state.own = {};
  draw();
  delete globalThis.pixeleduWeights;
  assert.equal(scene.drawing.problem, undefined);
  assert.equal(scene.current().image.length, 12);
});

test("weights of another model than the list says are a problem too", () => {
  const { scene } = sceneWith({ models: [{ ...LISTED, levels: 4 }] });
  assert.match(scene.drawing.problem, /not of a model of 1 colours and 4 levels/);
});

test("a list of models that makes no sense is an error", () => {
  for (const list of [undefined, [], {}, [null], [{ ...LISTED, levels: 1 }], [{ ...LISTED, height: 0 }], [{ ...LISTED, width: 65 }]]) {
    assert.throws(() => listedModels(list), /models should be|should be a whole number/);
  }
});
