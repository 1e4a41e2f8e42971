// Reads a model's file, as `pixeledu.web.export` writes it: header, checksum and weights.

import { whole } from "./checks.js";
import { OUTPUTS } from "./outputs.js";
import kinds from "./kinds.json" with { type: "json" };

const NOT_FINITE = "weights hold a number that is not finite";

/** The CRC-32 of some bytes, as in zlib. */
export function checksumOf(content) {
  let remainder = -1;
  for (const byte of content) {
    remainder ^= byte;
    for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? 0xedb88320 : 0);
  }
  return ~remainder >>> 0;
}

/** The number that 16 bits stand for (IEEE half precision). */
function fromHalf(bits) {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const size = exponent ? (1024 + fraction) * 2 ** (exponent - 25) : fraction * 2 ** -24;
  if (exponent === 31) throw new Error(NOT_FINITE);
  return bits & 0x8000 ? -size : size;
}

/** The bytes of a base64 text of any length. */
function bytesOf(text) {
  if (typeof text !== "string") throw new Error("weights are missing");
  let raw;
  try {
    raw = atob(text);
  } catch {
    throw new Error("weights are not base64");
  }
  return Uint8Array.from(raw, (character) => character.charCodeAt(0));
}

/**
 * Open a model's file, given as base64: { config, info, vector, matrix, finish }. The two read the
 * weights that come next; `finish` sees to it that none is left.
 */
export function openWeights(text) {
  const content = bytesOf(text);
  const view = new DataView(content.buffer);
  if (String.fromCharCode(...content.subarray(0, 4)) !== "PXE1") {
    throw new Error("weights are no export of pixeledu");
  }
  if (content.length < 12 || checksumOf(content.subarray(8)) !== view.getUint32(4, true)) {
    throw new Error("weights do not match their checksum");
  }
  let at = 12 + view.getUint32(8, true);
  const header = JSON.parse(new TextDecoder().decode(content.subarray(12, at)));
  const config = configOf(header);
  if (!["int8", "float16"].includes(header.dtype)) throw new Error(`dtype is ${header.dtype}`);

  const claim = (count) => {
    if (at + count > content.length) throw new Error("weights are cut off");
    at += count;
    return at - count;
  };
  const halves = (numbers) => {
    const start = claim(2 * numbers.length);
    for (let i = 0; i < numbers.length; i++) numbers[i] = fromHalf(view.getUint16(start + 2 * i, true));
    return numbers;
  };
  const vector = (count) => halves(new Float32Array(count));
  /** A matrix, row by row; where `closed(row, column)` is true the file has nothing and it has 0. */
  const matrix = (rows, columns, closed = () => false) => {
    if (rows * columns > 16 * content.length) throw new Error("weights are cut off");
    const small = header.dtype === "int8";
    const places = [];
    for (let place = 0; place < rows * columns; place++) {
      if (!closed(Math.floor(place / columns), place % columns)) places.push(place);
    }
    const result = new Float32Array(rows * columns);
    if (!small) {
      vector(places.length).forEach((value, i) => (result[places[i]] = value));
      return result;
    }
    const scales = claim(4 * rows);
    const start = claim(places.length);
    places.forEach((place, i) => {
      const scale = view.getFloat32(scales + 4 * Math.floor(place / columns), true);
      result[place] = view.getInt8(start + i) * scale;
    });
    if (!result.every(Number.isFinite)) throw new Error(NOT_FINITE);
    return result;
  };
  const finish = () => {
    if (at !== content.length) throw new Error(`weights have ${content.length - at} bytes too many`);
  };
  return { config, info: header.info ?? {}, vector, matrix, finish };
}

/** What the header says of the model, checked. */
function configOf(header) {
  const config = header?.config;
  if (!Object.hasOwn(kinds, config?.model)) throw new Error(`model is ${config?.model}, unknown here`);
  const optional = (name, ...bounds) => (config[name] == null ? null : whole(config[name], ...bounds, name));
  const output = config.output ?? "softmax";
  if (!Object.hasOwn(OUTPUTS, output)) throw new Error(`output is ${output}, unknown here`);
  return {
    model: config.model,
    hidden: whole(config.hidden, 1, 4096, "hidden"),
    channels: whole(config.channels, 1, Math.min(config.hidden, 16), "channels"),
    levels: whole(config.levels, 2, 256, "levels"),
    layers: whole(config.layers, 0, 1000, "layers"),
    classes: optional("classes", 2, 10_000),
    guide: optional("guide", 2, 64),
    output,
  };
}
