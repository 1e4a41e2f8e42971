// The game of naming a model's bug: read, checked, played. Pixels count row by row.

import { bytes, whole } from "../../web/checks.js";
import constants from "./constants.json" with { type: "json" };

/** The game that `data` holds, unpacked; throws an Error that says what does not fit. */
export function unpackGame(data) {
  if (data === null || typeof data !== "object") throw new Error("data is missing");
  const height = whole(data.height, 1, constants.longest, "height");
  const width = whole(data.width, 1, constants.longest, "width");
  const pixels = height * width;
  if (!Array.isArray(data.models) || data.models.length < 2 || data.models.length > 9) {
    throw new Error("models should be a list of 2 to 9");
  }
  const models = data.models.map(({ name, title, explains, depends }) => {
    const texts = [name, title, explains];
    if (texts.some((text) => typeof text !== "string")) throw new Error("a model lacks its texts");
    const packed = bytes(depends, Math.ceil(pixels ** 2 / 8), `what ${name} depends on`);
    return { name, title, explains, changes: (from, to) => bitOf(packed, from * pixels + to) };
  });
  if (!Array.isArray(data.hunted) || !data.hunted.length) throw new Error("hunted should be a list");
  const hunted = data.hunted.map((i) => models[whole(i, 0, models.length - 1, "hunted")]);
  return { height, width, pixels, models, hunted };
}

function bitOf(packed, i) {
  return ((packed[i >> 3] >> (7 - (i & 7))) & 1) === 1;
}

/** What becomes of an output when a pixel changes: a state. */
export function stateOf(model, pixel, output) {
  const changes = model.changes(pixel, output);
  if (output <= pixel) return changes ? "leak" : "before";
  return changes ? "changed" : "same";
}

/** How many outputs change at or before the pixel, and after it. */
export function countChanges({ pixels }, model, pixel) {
  const counts = { leak: 0, before: 0, changed: 0, same: 0 };
  for (let output = 0; output < pixels; output++) counts[stateOf(model, pixel, output)]++;
  return counts;
}

/** The answers given so far, by model: only those that the game knows, each once. */
export function givenAnswers({ hunted, models }, answers) {
  const known = (name) => models.some((model) => model.name === name);
  return hunted.map((_, i) => {
    const given = Array.isArray(answers?.[i]) ? answers[i].filter(known) : [];
    return [...new Set(given)];
  });
}

/** How many models are named, and how many of them at the first try. */
export function scoreOf({ hunted }, answers) {
  const named = hunted.filter(({ name }, i) => answers[i].includes(name)).length;
  const first = hunted.filter(({ name }, i) => answers[i][0] === name).length;
  return { named, first };
}

/**
 * A pixel and an output that tell a model from a wrong guess: they change together in one and not
 * in the other. A leak says more than something missing, and near pixels in the middle more than
 * others. `true` for `changes`: in the model they do.
 */
export function evidenceAgainst({ height, width, pixels }, model, guess) {
  let best = null;
  for (let pixel = 0; pixel < pixels; pixel++) {
    const [row, column] = [Math.floor(pixel / width), pixel % width];
    const away = Math.abs(row - (height - 1) / 2) + Math.abs(column - (width - 1) / 2);
    for (let output = 0; output < pixels; output++) {
      if (model.changes(pixel, output) === guess.changes(pixel, output)) continue;
      const apart = Math.abs(Math.floor(output / width) - row) + Math.abs((output % width) - column);
      const cost = (output > pixel ? 1000 : 0) + 10 * apart + away;
      if (!best || cost < best.cost) best = { cost, pixel, output };
    }
  }
  return best && { ...best, changes: model.changes(best.pixel, best.output) };
}
