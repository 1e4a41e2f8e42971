// What every pixel of a model sees: read, checked and asked questions. Pixels count row by row.

import { bytes, whole } from "../../web/checks.js";
import constants from "./constants.json" with { type: "json" };

// Codes: 0 does not arrive, 1 (strongest) to WEAKEST arrives, BLIND arrives at no depth.
const WEAKEST = constants.weakest;
const BLIND = constants.blind;

/** The fields that `data` holds, unpacked; throws an Error that says what does not fit. */
export function unpackFields(data) {
  if (data === null || typeof data !== "object") throw new Error("data is missing");
  const height = whole(data.height, 1, constants.longest, "height");
  const width = whole(data.width, 1, constants.longest, "width");
  const pixels = whole(height * width, 1, constants.most_pixels, "height times width");
  if (!Array.isArray(data.fields) || !data.fields.length) throw new Error("fields should be a list");
  const pairs = (pixels * (pixels - 1)) / 2;
  const codes = new Map();
  for (const field of data.fields) {
    if (typeof field?.name !== "string") throw new Error("a field should have a name and has none");
    const packed = bytes(field.codes, Math.ceil(pairs / 2), `the field of ${field.name}`);
    const halfOf = (i) => (packed[i >> 1] >> (i & 1 ? 0 : 4)) & 15;
    const unpacked = Uint8Array.from({ length: pairs }, (_, i) => halfOf(i));
    if (unpacked.includes(14)) throw new Error(`the field of ${field.name} holds an unknown code`);
    codes.set(field.name, unpacked);
  }
  return { height, width, pixels, names: [...codes.keys()], codes };
}

/** What a pixel is to the one at `position` that looks: a state, and how strongly it arrives. */
export function kindOf({ codes }, name, position, pixel) {
  if (pixel === position) return { state: "self", shade: 1 };
  if (pixel > position) return { state: "later", shade: 1 };
  const code = codes.get(name)[(position * (position - 1)) / 2 + pixel];
  if (code === BLIND) return { state: "blind", shade: 1 };
  if (!code) return { state: "unseen", shade: 1 };
  return { state: "seen", shade: shadeOf(code) };
}

/** How dark a strength is drawn, from 0.15 to 1. */
export function shadeOf(code) {
  return Number((1 - (0.85 * (code - 1)) / (WEAKEST - 1)).toFixed(2));
}

/** How many of the earlier pixels are of each kind. */
export function countsOf(fields, name, position) {
  const counts = { seen: 0, unseen: 0, blind: 0 };
  for (let pixel = 0; pixel < position; pixel++) counts[kindOf(fields, name, position, pixel).state]++;
  return counts;
}

/** The counts in words. */
export function describeField(fields, name, position) {
  const { seen, unseen, blind } = countsOf(fields, name, position);
  const of = `${seen} of ${position} earlier pixels arrive`;
  return `${of}; ${unseen} not at this depth, ${blind} at no depth`;
}
