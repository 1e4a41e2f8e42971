// What the live sampler draws: the model that was chosen, what is given, and the pictures made of it.
// The traits of the widget say all that, so that Python and every view of it agree; see widget.py.

import { whole } from "../../web/checks.js";
import { modelFrom } from "../../web/models.js";
import { drawPicture } from "../../web/sampling.js";
import { givenFrom, halfOf, keepShown, withPixels } from "./painting.js";
import constants from "./constants.json" with { type: "json" };

export const MANY = constants.many; // pictures at once
export const TEMPERATURES = constants.temperatures;
export const SEEDS = 2 ** 32;
/** The traits of which the pictures are made. */
export const SOURCES = ["models", "weights", "model", "seed", "image", "sixteen", "temperature", "given"];

const engines = new Map(); // one serves all figures of a page: each picture begins anew

/** A model's weights: beside the state in a notebook, in it on a page, or in a script of the site. */
function weightsOf(model, name) {
  const places = [model.get("weights"), model.get("own"), globalThis.pixeleduWeights];
  return places.find((place) => place && Object.hasOwn(place, name))?.[name];
}

function engineFor(weights, width) {
  const key = `${width} ${weights}`;
  if (!engines.has(key)) engines.set(key, modelFrom(weights, width));
  return engines.get(key);
}

/** The models to choose from: { name, title, height, width } each. */
export function listedModels(list) {
  if (!Array.isArray(list) || !list.length) throw new Error("models should be a list of at least one");
  return list.map((one) => ({
    name: String(one?.name),
    title: String(one?.title),
    height: whole(one?.height, 1, constants.longest, "height"),
    width: whole(one?.width, 1, constants.longest, "width"),
  }));
}

/** A finished picture as a replay of the values that the model drew; see replay.js. */
function replayOf(engine, shape, state) {
  const started = performance.now();
  const { values, probabilities } = drawPicture(engine, shape.height, shape.width, state);
  const milliseconds = performance.now() - started;
  const known = Uint8Array.from(values, (_, place) => (state.given?.[place] >= 0 ? 1 : 0));
  const steps = [...known.keys()].filter((place) => !known[place]);
  const nats = Float32Array.from(steps, (place) => {
    return -Math.log(probabilities[place * shape.levels + values[place]]);
  });
  let sum = 0;
  const total = Float64Array.from(nats, (n) => (sum += n));
  return { ...shape, image: values, known, steps, nats, total, probabilities, milliseconds };
}

/** A number that lies between two others, or the usual one if it is none. */
function within(value, least, most, usual) {
  return Number.isFinite(value) ? Math.min(Math.max(value, least), most) : usual;
}

/**
 * The scene of a widget's `model`. `shown()` says how many places of the current picture are to be
 * seen: what is erased leaves those as they are. After a change of the traits call `refresh()`.
 */
export function sceneOf(model, shown) {
  const entry = () => {
    const models = listedModels(model.get("models"));
    return models.find(({ name }) => name === model.get("model")) ?? models[0];
  };
  const seed = () => Math.trunc(within(model.get("seed"), 0, SEEDS - 1, 0));
  const temperature = () => within(model.get("temperature"), ...TEMPERATURES, 1);
  const many = () => model.get("sixteen") === true;
  const number = () => Math.trunc(within(model.get("image"), 0, MANY - 1, 0));
  const nextSeed = () => (seed() + 1) % SEEDS;
  const save = (changes) => {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
  };

  let drawing = { problem: "nothing is drawn yet" };
  const current = () => drawing.replays[number()];
  /** Draw picture `i`, if that has not been done. */
  const complete = (i) => {
    const state = { seed: seed(), image: i, temperature: temperature(), given: drawing.given };
    drawing.replays[i] ??= replayOf(drawing.engine, drawing.shape, state);
  };
  const refresh = () => {
    const { name, height, width } = entry();
    try {
      const weights = weightsOf(model, name);
      const engine = engineFor(weights, width);
      const { channels, levels } = engine.config;
      const size = height * width * channels;
      const given = givenFrom(model.get("given"), size, levels);
      const key = JSON.stringify([weights, height, width, seed(), temperature(), given]);
      if (drawing.key !== key) {
        const steps = given ? given.filter((value) => value < 0).length : size;
        const shape = { height, width, channels, levels };
        drawing = { key, engine, shape, given, steps, replays: [] };
      }
      complete(number());
    } catch (error) {
      drawing = { problem: error.message };
    }
  };
  /** Draw one more of the pictures that are to be seen; returns its number, or null if none is left. */
  const drawOneMore = () => {
    if (drawing.problem || !many()) return null;
    const missing = Array.from({ length: MANY }, (_, i) => i).find((i) => !drawing.replays[i]);
    if (missing !== undefined) complete(missing);
    return missing ?? null;
  };
  /** Tell Python what was drawn, and of what. */
  const tell = () => {
    if (drawing.problem) return;
    const images = {};
    drawing.replays.forEach(({ image }, i) => (images[i] = btoa(String.fromCharCode(...image))));
    save({ drawn: { of: [entry().name, seed(), temperature(), drawing.given ?? []], images } });
  };

  // Painting changes what is given. Erasing keeps all that is to be seen beside it, and takes a new
  // seed: with the old one the same would be drawn again.
  const free = () => new Array(current().image.length).fill(-1);
  const kept = () => keepShown(current().image, drawing.given, shown());
  const blankUpper = () => {
    const { height, width, channels } = drawing.shape;
    const black = new Array(channels).fill(0);
    save({ given: withPixels(free(), halfOf("upper", height, width), black, channels) });
  };
  const eraseLower = () => {
    const { height, width, channels } = drawing.shape;
    const erased = withPixels(kept(), halfOf("lower", height, width), null, channels);
    save({ given: erased, seed: nextSeed() });
  };
  /** A stroke that gives `ink` (a level for each colour) or erases (null): { add(pixels), end() }. */
  const strokeWith = (ink) => {
    const base = ink ? (drawing.given ?? free()) : kept();
    const touched = new Set();
    const { channels } = drawing.shape;
    if (!ink) model.set("seed", nextSeed());
    const add = (pixels) => {
      for (const pixel of pixels) touched.add(pixel);
      model.set("given", withPixels(base, touched, ink, channels));
    };
    return { add, end: () => model.save_changes() };
  };
  return {
    get drawing() {
      return drawing;
    },
    ...{ entry, seed, temperature, many, number, nextSeed, save, current, refresh, drawOneMore, tell },
    ...{ blankUpper, eraseLower, strokeWith },
  };
}
