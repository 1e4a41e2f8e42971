// What is given of a picture, and what painting makes of it. `given` has a value for each place (row
// by row, pixel by pixel, colour by colour) that is given, and -1 where the model draws.

/** A list from the model as `given`; null if nothing is given or the list does not fit. */
export function givenFrom(list, size, levels) {
  const fits = (value) => Number.isInteger(value) && value >= -1 && value < levels;
  if (!Array.isArray(list) || list.length !== size || !list.every(fits)) return null;
  return list.some((value) => value >= 0) ? list : null;
}

/** The pixels of a straight line from one to another, as [row, column], both ends included. */
export function lineOfPixels([fromRow, fromColumn], [toRow, toColumn]) {
  const [down, right] = [toRow - fromRow, toColumn - fromColumn];
  const steps = Math.max(Math.abs(down), Math.abs(right));
  return Array.from({ length: steps + 1 }, (_, i) => {
    const share = steps && i / steps;
    return [Math.round(fromRow + share * down), Math.round(fromColumn + share * right)];
  });
}

/** The numbers of the pixels under a square pen of `pen` pixels around some [row, column]. */
export function pixelsUnder(places, pen, height, width) {
  const found = new Set();
  const before = (pen - 1) >> 1;
  for (const [row, column] of places) {
    for (let r = row - before; r < row - before + pen; r++) {
      for (let c = column - before; c < column - before + pen; c++) {
        if (r >= 0 && r < height && c >= 0 && c < width) found.add(r * width + c);
      }
    }
  }
  return [...found];
}

/** The same with other pixels: each colour of `ink` is given there, or nothing if `ink` is null. */
export function withPixels(given, pixels, ink, channels) {
  const changed = [...given];
  for (const pixel of pixels) {
    for (let colour = 0; colour < channels; colour++) {
      changed[pixel * channels + colour] = ink ? ink[colour] : -1;
    }
  }
  return changed;
}

/** What a picture shows when its places before `shown` are drawn: all of that becomes given. */
export function keepShown(values, given, shown) {
  return Array.from(values, (value, place) => {
    if (place < shown) return value;
    return given ? given[place] : -1;
  });
}

/** The numbers of the pixels of the lower half, or of the upper one with the middle row. */
export function halfOf(which, height, width) {
  const middle = Math.ceil(height / 2) * width;
  const [from, to] = which === "upper" ? [0, middle] : [middle, height * width];
  return Array.from({ length: to - from }, (_, i) => from + i);
}
