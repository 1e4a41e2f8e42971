// Trained models that run in the page, one pixel at a time: the step face of `pixeledu/models.py`.

import { recurrentBlock, residualBlock } from "./blocks.js";
import { conditionOf, scaleOf } from "./conditions.js";
import { convolution } from "./convolution.js";
import { gatedBlock } from "./gated.js";
import { diagonalBiLSTM, rowLSTM } from "./lstm.js";
import { outputHead } from "./outputs.js";
import { completed } from "./slices.js";
import { openWeights } from "./weights.js";
import kinds from "./kinds.json" with { type: "json" };

/** The layers that `kinds.json` names: those that read the image, and those that follow. */
const FIRST = {
  convolution: (file, width, hidden, channels, { first: { kernel }, trunk }) => {
    return convolution(file, width, channels, trunk * hidden, (kernel + 1) / 2, kernel, "A", channels);
  },
  gated: (file, width, hidden, channels, { first: { kernel } }) => {
    return gatedBlock(file, width, channels, hidden, kernel, "A", channels);
  },
};
const BLOCK = {
  residual: residualBlock,
  "row-lstm": (...sizes) => recurrentBlock(rowLSTM, ...sizes),
  "diagonal-bilstm": (...sizes) => recurrentBlock(diagonalBiLSTM, ...sizes),
  gated: (file, width, hidden, channels, { kernel }) => {
    return gatedBlock(file, width, hidden, hidden, kernel, "B", channels);
  },
};

/** A model from its file (base64), ready to draw images of this width; see `stepsOf`. */
export function modelFrom(text, width) {
  return completed(building(text, width));
}

/** The same, with a pause after the file is open and after each layer. */
export function* building(text, width) {
  const file = openWeights(text);
  yield 0;
  const steps = yield* layersOf(file, width);
  file.finish();
  return steps;
}

/**
 * A model with the weights of an open file: { config, info, reset, startRow, logits, put }. After
 * `reset({ label, guide }, height)`, which takes what the picture depends on, for each row:
 * `startRow()`. For each value of it: `logits(column, colour)`, whose memory the next call uses again,
 * then `put(value, column, colour)`.
 */
export function stepsOf(file, width) {
  return completed(layersOf(file, width));
}

function* layersOf(file, width) {
  const { config, info } = file;
  const { model, hidden, channels, levels, layers } = config;
  const kind = kinds[model];
  const features = kind.trunk * hidden;
  const first = FIRST[kind.first.layer](file, width, hidden, channels, kind);
  yield 0;
  const blocks = [];
  while (blocks.length < layers) {
    blocks.push(BLOCK[kind.block.layer](file, width, hidden, channels, kind.block));
    yield 0;
  }
  const head = outputHead(file, features);
  const conditions = conditionOf(file, width);

  const { row, left } = first.horizontal ?? first; // where the image goes
  const trunk = new Float32Array(features);
  const scaled = scaleOf(levels);
  let condition = null;
  let rows = 0; // that have begun
  const reset = (given = {}, height = 0) => {
    condition = conditions.of(given, height);
    rows = 0;
    for (const part of [first, ...blocks, head]) part.reset();
  };
  const startRow = () => {
    let vertical = first.startRow(null, condition, rows);
    for (let i = 0; i < layers; i++) vertical = blocks[i].startRow(vertical, condition, rows);
    rows += 1;
  };
  const logits = (column, colour) => {
    first.compute(column, colour);
    for (let i = 0; i < features; i++) trunk[i] = first.output[i];
    for (let i = 0; i < layers; i++) blocks[i].addTo(trunk, column, colour);
    return head.compute(trunk, colour);
  };
  const put = (value, column, colour) => {
    row[(left + column) * channels + colour] = scaled[value];
  };
  return { config, info, reset, startRow, logits, put };
}
