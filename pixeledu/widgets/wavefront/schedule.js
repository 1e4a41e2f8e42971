// Which pixels a model computes at the same moment. Steps, rows and columns count from 0 in here;
// a reader sees steps from 1.

import { whole } from "../../web/checks.js";
import kinds from "../../web/kinds.json" with { type: "json" };
import constants from "./constants.json" with { type: "json" };

/** The titles of the models, by kind. */
export const MODELS = Object.fromEntries(constants.models.map((kind) => [kind, kinds[kind].title]));
export const PHASES = constants.phases;

/**
 * What a state { height, width, model, phase, skewed } means; throws an Error that says what does
 * not fit. `scans` has for each scan of the model the step that computes each pixel, row by row.
 */
export function scheduleOf({ height, width, model, phase, skewed }) {
  const oneOf = (all, value, name) => {
    if (!all.includes(value)) throw new Error(`${name} should be one of ${all} and is ${value}`);
  };
  whole(height, 1, constants.longest, "height");
  whole(width, 1, constants.longest, "width");
  oneOf(Object.keys(MODELS), model, "model");
  oneOf(PHASES, phase, "phase");
  const map = (when) =>
    Array.from({ length: height * width }, (_, i) => when(Math.floor(i / width), i % width));
  const scans = {
    image: [() => 0],
    row: [(row) => row],
    diagonal: [
      (row, column) => row + column, // left to right
      (row, column) => row + (width - 1 - column), // right to left
    ],
  };
  const whens = phase === "training" ? scans[atOnce(model)] : [(row, column) => row * width + column];
  return {
    ...{ height, width, model, phase },
    skewed: Boolean(skewed) && whens.length > 1,
    steps: countOf(height, width, model, phase),
    scans: whens.map(map),
  };
}

/** What a model computes at once while it trains: the image, a row or a diagonal. */
function atOnce(model) {
  return kinds[model].computed_at_once;
}

/** How many steps come one after the other. */
export function countOf(height, width, model, phase) {
  if (phase === "sampling") return height * width;
  return { image: 1, row: height, diagonal: height + width - 1 }[atOnce(model)];
}

/** The same as a formula, in n where the image is a square; empty if it is always 1. */
export function formulaOf(height, width, model, phase) {
  const square = height === width;
  if (phase === "sampling") return square ? "n²" : "H·W";
  const formulas = { row: ["n", "H"], diagonal: ["2n−1", "H+W−1"] };
  return formulas[atOnce(model)]?.[square ? 0 : 1] ?? "";
}

/** The column of a map in which a pixel of a scan is shown. */
export function columnOf({ width, scans, skewed }, scan, pixel) {
  // In the skewed map the column is the step: that is what skewing is for.
  return skewed ? scans[scan][pixel] : pixel % width;
}

/** The step shown at a place of a scan's map; in the skewed map beside the image too. */
export function stepAtPlace({ width, scans, skewed }, scan, row, column) {
  return skewed ? column : scans[scan][row * width + Math.min(column, width - 1)];
}

/** How many pixels of a scan are computed at a step, and how many were before. */
export function progress({ scans }, scan, step) {
  const count = (fits) => scans[scan].filter(fits).length;
  return { now: count((when) => when === step), done: count((when) => when < step) };
}

/** Three short texts: the counter, what is computed now, what was before. */
export function describeStep(schedule, step) {
  const { height, width, model, phase, steps, scans } = schedule;
  const { now, done } = progress(schedule, 0, step);
  const pixels = (count) => `${count} pixel${count === 1 ? "" : "s"}`;
  const each = scans.length > 1 ? " in each scan" : "";
  const row = `row ${Math.floor(step / width)}`;
  const texts = {
    image: `Now: all ${pixels(now)} at once`,
    row: `Now: row ${step}, all its ${pixels(now)} at once`,
    diagonal: `Now: a diagonal of ${pixels(now)}${each}`,
    sampling: `Now: one pixel (${row}, column ${step % width})`,
  };
  return [
    `Step ${step + 1} of ${steps}`,
    texts[phase === "sampling" ? phase : atOnce(model)],
    `Done before: ${done} of ${height * width}${each}`,
  ];
}

/** Why the steps are what they are, in a few words: a text for each thing that can be shown. */
export const REASONS = {
  "image training":
    "The whole image is known. A masked convolution reads its input and none of its own results: " +
    "it computes all pixels at once.",
  "row training":
    "The whole image is known, but a pixel needs LSTM states of the row above. No pixel needs " +
    "another one of its own row: a row is computed at once.",
  "diagonal training":
    "A pixel needs the LSTM states of the pixel before it in its row and of the one above. The " +
    "pixels of a diagonal do not need each other: they are computed at once, in both scans.",
  "diagonal training skewed":
    "Row i is shifted i places to the right; for the right-to-left scan the map is mirrored first. " +
    "A diagonal becomes a column, and a column is computed at once.",
  "image sampling":
    "Each pixel waits for the value drawn before it: a model that trains in parallel still draws " +
    "one pixel at a time.",
  "row sampling":
    "Each pixel waits for the value drawn before it. The state-to-state part needs only the row " +
    "above: it is computed for a whole row when the row starts.",
  "diagonal sampling":
    "Each pixel waits for the value drawn before it. The right-to-left scan of a row is done once " +
    "that row is complete; its result is used from the next row on.",
};

/** Which of the reasons belongs to what is shown. */
export function reasonOf({ model, phase, skewed }) {
  return `${atOnce(model)} ${phase}${skewed ? " skewed" : ""}`;
}
