// What is read from a file or a state, checked: each error says what came and what was expected.

/** The bytes of a base64 text; `length` of them, or an error that says what is wrong with `name`. */
export function bytes(text, length, name) {
  let raw;
  try {
    raw = atob(text);
  } catch {
    throw new Error(`${name} is not base64`);
  }
  if (raw.length !== length) {
    throw new Error(`${name} should be ${length} bytes long and is ${raw.length}`);
  }
  return Uint8Array.from(raw, (character) => character.charCodeAt(0));
}

/** `count` float32 numbers from a base64 text, each finite. */
export function floats(text, count, name) {
  const view = new DataView(bytes(text, 4 * count, name).buffer);
  const numbers = Float32Array.from({ length: count }, (_, i) => view.getFloat32(4 * i, true));
  if (!numbers.every(Number.isFinite)) throw new Error(`${name} holds a number that is not finite`);
  return numbers;
}

/** A whole number from `least` to `most`, or an error that names it. */
export function whole(value, least, most, name) {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new Error(`${name} should be a whole number from ${least} to ${most} and is ${value}`);
  }
  return value;
}
