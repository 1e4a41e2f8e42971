// What the model has drawn, as a replay of the values in their order; see shared/replay.js.

/** A finished picture. `given` has a value where one is given and -1 elsewhere, or is null. */
export function replayOf(shape, given, { values, probabilities, milliseconds }) {
  const known = Uint8Array.from(values, (_, place) => (given?.[place] >= 0 ? 1 : 0));
  const steps = [...known.keys()].filter((place) => !known[place]);
  const nats = Float32Array.from(steps, (place) => {
    return -Math.log(probabilities[place * shape.levels + values[place]]);
  });
  let sum = 0;
  const total = Float64Array.from(nats, (n) => (sum += n));
  return { ...shape, image: values, known, steps, nats, total, probabilities, milliseconds };
}

/**
 * What is shown until a picture is drawn: what is given, over the picture `before` it if that had the
 * same shape; otherwise the rest is `blank`.
 */
export function awaited(shape, given, before) {
  const { height, width, channels, levels } = shape;
  const size = height * width * channels;
  const same = before?.image.length === size && before.width === width && before.levels === levels;
  const old = same && !before.blank ? before.image : new Uint8Array(size);
  const values = old.map((value, place) => (given?.[place] >= 0 ? given[place] : value));
  const probabilities = new Float32Array(size * levels).fill(1 / levels);
  const usable = same && !before.blank && before.probabilities.every((p) => p > 0);
  if (usable) probabilities.set(before.probabilities);
  const blank = old !== before?.image;
  return { ...replayOf(shape, given, { values, probabilities, milliseconds: 0 }), blank };
}

const shareOf = (count, all) => `${Math.round((100 * count) / all)} percent`;

/** What a picture shows when its places before `shown` are drawn, in words. */
export function described({ image, known, width, channels, levels }, shown) {
  const seen = (pixel) => known[pixel * channels] === 1 || pixel * channels < shown;
  const pixels = Array.from({ length: image.length / channels }, (_, pixel) => pixel);
  const drawn = pixels.filter(seen);
  const valueOf = (pixel) => {
    const values = image.subarray(pixel * channels, (pixel + 1) * channels);
    return values.reduce((sum, value) => sum + value, 0) / channels;
  };
  const bright = drawn.filter((pixel) => valueOf(pixel) > (levels - 1) / 2);
  const todo = drawn.length < pixels.length ? `${shareOf(drawn.length, pixels.length)} drawn; ` : "";
  if (!drawn.length) return "nothing is drawn yet";
  if (!bright.length) return `${todo}no bright pixel`;
  const rows = bright.map((pixel) => Math.floor(pixel / width));
  const columns = bright.map((pixel) => pixel % width);
  const range = (name, numbers) => `${name} ${Math.min(...numbers)} to ${Math.max(...numbers)}`;
  const where = `${range("rows", rows)}, ${range("columns", columns)}`;
  return `${todo}${bright.length} of ${drawn.length} pixels are bright, in ${where}`;
}
