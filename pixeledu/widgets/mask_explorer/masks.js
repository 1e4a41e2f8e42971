// Which weight of a masked kernel may look at which pixel and which colour. Offsets [down, right]
// count from the centre of the kernel; colours are the letters of RGB.

import { whole } from "../../web/checks.js";
import constants from "./constants.json" with { type: "json" };

export const COLOURS = constants.colours;

/** A state with all that it may hold; throws an Error that says what does not fit. */
export function kernelOf(state) {
  const oneOf = (all, value, name) => {
    if (!all.includes(value)) throw new Error(`${name} should be one of ${all} and is ${value}`);
  };
  whole(state.height, 1, constants.longest, "height");
  whole(state.width, 1, constants.longest, "width");
  oneOf(constants.kernel_sizes, state.kernel_size, "kernel_size");
  oneOf(constants.mask_types, state.mask_type, "mask_type");
  oneOf([1, 3], state.channels, "channels");
  oneOf(COLOURS, state.reads, "reads");
  oneOf(COLOURS, state.computes, "computes");
  return { ...state, reach: (state.kernel_size - 1) / 2 };
}

/** Whether the weight at an offset is open. */
export function isOpen({ mask_type, channels, reads, computes }, down, right) {
  if (down || right) return down < 0 || (down === 0 && right < 0);
  const [from, to] = channels > 1 ? [COLOURS.indexOf(reads), COLOURS.indexOf(computes)] : [0, 0];
  return mask_type === "A" ? from < to : from <= to;
}

/** The whole mask, row by row. */
export function maskOf(kernel) {
  return offsetsOf(kernel).map(([down, right]) => isOpen(kernel, down, right));
}

/** The offsets of all weights, row by row. */
export function offsetsOf({ kernel_size, reach }) {
  const along = Array.from({ length: kernel_size }, (_, i) => i - reach);
  return along.flatMap((down) => along.map((right) => [down, right]));
}

/** The pixel that a weight touches when the kernel lies on `position`; -1 outside the image. */
export function pixelAt({ height, width }, position, [down, right]) {
  const [row, column] = [Math.floor(position / width) + down, (position % width) + right];
  const inside = row >= 0 && row < height && column >= 0 && column < width;
  return inside ? row * width + column : -1;
}

/** The weight that touches a pixel when the kernel lies on `position`; null if none does. */
export function offsetTo({ width, reach }, position, pixel) {
  const down = Math.floor(pixel / width) - Math.floor(position / width);
  const right = (pixel % width) - (position % width);
  return Math.max(Math.abs(down), Math.abs(right)) <= reach ? [down, right] : null;
}

/** The pixels that reach the result at `position`. */
export function touched(kernel, position) {
  const open = offsetsOf(kernel).filter(([down, right]) => isOpen(kernel, down, right));
  return open.map((offset) => pixelAt(kernel, position, offset)).filter((pixel) => pixel >= 0);
}

const signed = (number) => (number > 0 ? `+${number}` : String(number).replace("-", "−"));

/** An offset as it is written: (−1, +2). */
export function nameOf([down, right]) {
  return `(${signed(down)}, ${signed(right)})`;
}

/** What a weight touches, in words. */
export function describeWeight(kernel, position, offset) {
  const pixel = pixelAt(kernel, position, offset);
  const place = `row ${Math.floor(pixel / kernel.width)}, column ${pixel % kernel.width}`;
  const state = isOpen(kernel, ...offset) ? "open" : "closed";
  return `Weight ${nameOf(offset)}, ${state}: ${pixel < 0 ? "outside the image" : place}`;
}

/** Why a weight is open or closed. */
export function reasonFor(kernel, [down, right]) {
  const { mask_type, channels, reads, computes } = kernel;
  if (down > 0) return "Rows below come later: closed. The package does not even store them.";
  if (down < 0) return "Rows above come earlier: open, whatever the colour.";
  if (right < 0) return "In the pixel's own row, what is to the left comes earlier: open.";
  if (right > 0) return "In the pixel's own row, what is to the right comes later: closed.";
  if (channels === 1) {
    return mask_type === "A"
      ? "The pixel itself: closed, for it is what shall be predicted."
      : "The pixel itself: open. Behind mask A, its features hold earlier pixels alone.";
  }
  const pair = `The pixel itself, ${reads} read for ${computes}`;
  const own = reads === computes;
  if (isOpen(kernel, 0, 0)) {
    if (own) return `${pair}: open, features of a colour may read their own.`;
    return `${pair}: open, ${reads} comes earlier.`;
  }
  return `${pair}: closed, ${own ? "no colour may see itself" : `${reads} comes later`}.`;
}
