// What the live sampler draws: the model that was chosen, what is given, and the pictures made of it.
// The traits of the widget say all that, so that Python and every view of it agree; see widget.py.

import { drawerWith } from "../../web/background.js";
import { whole } from "../../web/checks.js";
import { givenFrom } from "./painting.js";
import { awaited, replayOf } from "./replays.js";
import constants from "./constants.json" with { type: "json" };

export const MANY = constants.many; // pictures at once
export const SEEDS = 2 ** 32;
/** The label that gives each picture a class of its own, one after the other. */
export const EACH = constants.each_class;
/** The traits of which the pictures are made. */
export const SOURCES = [
  ...["models", "weights", "model", "seed", "image", "sixteen", "temperature", "given"],
  ...["label", "guides"],
];

// One drawer serves all figures of a page. Where the site has a worker for it, its host says so.
let drawer = null;
const numbers = new Map(); // of all weights that have been drawn with

/** A model's weights: beside the state in a notebook, in it on a page, or in a script of the site. */
function weightsOf(model, name) {
  const places = [model.get("weights"), model.get("own"), globalThis.pixeleduWeights];
  const weights = places.find((place) => place && Object.hasOwn(place, name))?.[name];
  if (typeof weights !== "string") throw new Error("weights are missing");
  if (!numbers.has(weights)) numbers.set(weights, numbers.size);
  return { id: numbers.get(weights), weights };
}

/**
 * The models to choose from: { name, title, height, width, channels, levels, classes, guide } each;
 * `classes` are names or null, `guide` is how many times smaller the guide is, or null.
 */
export function listedModels(list) {
  if (!Array.isArray(list) || !list.length) throw new Error("models should be a list of at least one");
  return list.map((one) => ({
    name: String(one?.name),
    title: String(one?.title),
    height: whole(one?.height, 1, constants.longest, "height"),
    width: whole(one?.width, 1, constants.longest, "width"),
    channels: whole(one?.channels, 1, 16, "channels"),
    levels: whole(one?.levels, 2, 256, "levels"),
    classes: Array.isArray(one?.classes) ? one.classes.map(String) : null,
    guide: one?.guide == null ? null : whole(one.guide, 2, constants.longest, "guide"),
  }));
}

/** A number that lies between two others, or the usual one if it is none. */
function within(value, least, most, usual) {
  return Number.isFinite(value) ? Math.min(Math.max(value, least), most) : usual;
}

/**
 * The scene of a widget's `model`. After a change of the traits call `refresh()`; then `drawNext()`
 * asks for the pictures that are to be seen, one after the other, and `changed(i)` is called when
 * picture i is there, and `changed(null)` when one cannot be drawn.
 */
export function sceneOf(model, changed, request = null) {
  const entry = () => {
    const models = listedModels(model.get("models"));
    return models.find(({ name }) => name === model.get("model")) ?? models[0];
  };
  const seed = () => Math.trunc(within(model.get("seed"), 0, SEEDS - 1, 0));
  const temperature = () => within(model.get("temperature"), ...constants.temperatures, 1);
  const many = () => model.get("sixteen") === true;
  const number = () => Math.trunc(within(model.get("image"), 0, MANY - 1, 0));
  const classes = () => entry().classes;
  /** The class that is asked for: a number, `EACH`, or null where each picture draws its own first. */
  const label = () => {
    const [asked, names] = [model.get("label") ?? null, classes()];
    const known = asked === EACH || (Number.isInteger(asked) && asked >= 0 && asked < names?.length);
    return names && known ? asked : null;
  };
  const labelOf = (i) => (label() === EACH ? i % classes().length : label());
  /** How many pictures are shown at once. */
  const count = () => (label() === EACH ? Math.min(MANY, classes().length) : MANY);
  /** The smaller picture that picture i is drawn from; null where a model needs none. */
  const guideOf = (i) => {
    if (!entry().guide) return null;
    const guides = model.get("guides");
    if (!Array.isArray(guides) || !guides.length) throw new Error("guides are missing");
    return guides[i % guides.length];
  };
  const nextSeed = () => (seed() + 1) % SEEDS;
  const save = (changes) => {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
  };

  let drawing = { problem: "nothing is drawn yet" };
  let awaiting = null; // the key of the drawing and the number of the picture that was asked for
  /** The current picture, or what is shown until it is there. */
  const current = () => {
    const { pictures, shape, given, before } = drawing;
    return pictures[number()] ?? (drawing.awaited ??= awaited(shape, given, before));
  };
  const refresh = () => {
    try {
      const { name, height, width, channels, levels } = entry();
      const shape = { height, width, channels, levels };
      const { id, weights } = weightsOf(model, name);
      const size = height * width * channels;
      const given = givenFrom(model.get("given"), size, levels);
      const depends = { label: label(), guide: guideOf(0) && model.get("guides") };
      const state = { ...shape, id, seed: seed(), temperature: temperature(), given, ...depends };
      const key = JSON.stringify(state);
      if (drawing.key === key) return;
      const before = drawing.problem ? null : current();
      const steps = given ? given.filter((value) => value < 0).length : size;
      drawing = { key, job: { ...state, weights }, shape, given, steps, before, pictures: [] };
    } catch (error) {
      drawing = { problem: error.message };
    }
  };
  /** The number of the picture that is wanted next; null if all that are to be seen are there. */
  const missing = () => {
    if (drawing.problem) return null;
    const wanted = [number(), ...(many() ? Array(count()).keys() : [])];
    return wanted.find((i) => !drawing.pictures[i]) ?? null;
  };
  /** Ask for the next picture; false if none is missing. */
  const drawNext = () => {
    const image = missing();
    if (image === null) return false;
    const { key, job, shape, given } = drawing;
    const asked = `${image} ${key}`;
    if (awaiting === asked) return true;
    awaiting = asked;
    drawer ??= drawerWith(globalThis.pixeleduEngine);
    const [itsLabel, guide] = [labelOf(image), guideOf(image)];
    const its = { ...job, image, label: itsLabel, guide };
    (request ?? drawer.request)(its, () => awaiting === asked, (result) => {
      if (awaiting === asked) awaiting = null;
      if (drawing.key !== key) return;
      if (result.problem) drawing = { problem: result.problem };
      else drawing.pictures[image] = { ...replayOf(shape, given, result), label: result.label, guide };
      changed(result.problem ? null : image);
    });
    return true;
  };
  /** Tell Python what was drawn, and of what. */
  const tell = () => {
    if (drawing.problem) return;
    const images = {};
    drawing.pictures.forEach(({ image }, i) => (images[i] = btoa(String.fromCharCode(...image))));
    const of = [entry().name, seed(), temperature(), drawing.given ?? []];
    if (classes()) of.push(label());
    save({ drawn: { of, images } });
  };
  return {
    get drawing() {
      return drawing;
    },
    ...{ entry, seed, temperature, many, number, nextSeed, save, current, missing },
    ...{ classes, label, labelOf, count },
    ...{ refresh, drawNext, tell },
  };
}
