// Writes a model's file, as `pixeledu.web.export` writes it in 16 bits: header, checksum and weights.
// `weights.js` reads it in the page, `pixeledu.load_export` in Python.

import { checksumOf } from "../weights.js";

/** The nearest whole number; of two, the even one. */
function toEven(x) {
  const near = Math.round(x);
  return near - x === 0.5 && near % 2 ? near - 1 : near;
}

/** The 16 bits of a number (IEEE half precision), rounded to the nearest. */
export function toHalf(number) {
  const sign = number < 0 || Object.is(number, -0) ? 0x8000 : 0;
  const size = Math.abs(number);
  if (!(size < 65520)) throw new Error("a weight is too large for 16 bits");
  if (size < 2 ** -14) return sign + toEven(size * 2 ** 24);
  let exponent = Math.floor(Math.log2(size));
  if (2 ** exponent > size) exponent -= 1; // a logarithm may be rounded up
  // A fraction that is rounded up to 1024 carries into the exponent, as it should.
  return sign + ((exponent + 15) << 10) + toEven((size / 2 ** exponent - 1) * 1024);
}

/** The numbers of a layer's matrix in the order of the file, (output, input, tap). */
function inFileOrder({ inputs, outputs, taps }, weight, kept) {
  const numbers = [];
  for (let output = 0; output < outputs; output++) {
    for (let input = 0; input < inputs; input++) {
      for (const tap of kept) numbers.push(weight[(output * taps.length + tap) * inputs + input]);
    }
  }
  return numbers;
}

/**
 * The file of a network with these weights, as base64. The file's model has mask A in its first layer:
 * of a network with mask B there it gets all but the weights that look at the pixel itself.
 */
export function packed({ config, layers }, weights, info) {
  const { levels, hidden } = config;
  const sizes = { model: "pixelcnn", channels: 1, levels, hidden, layers: config.layers };
  const header = new TextEncoder().encode(JSON.stringify({ config: sizes, dtype: "float16", info }));
  const numbers = layers.flatMap((layer, i) => {
    const open = [...layer.taps.keys()].filter((tap) => {
      return i > 0 || layer.taps[tap].down < 0 || layer.taps[tap].right < 0;
    });
    return [...inFileOrder(layer, weights[2 * i], open), ...weights[2 * i + 1]];
  });
  const content = new Uint8Array(12 + header.length + 2 * numbers.length);
  const view = new DataView(content.buffer);
  content.set(new TextEncoder().encode("PXE1"));
  view.setUint32(8, header.length, true);
  content.set(header, 12);
  numbers.forEach((number, i) => view.setUint16(12 + header.length + 2 * i, toHalf(number), true));
  view.setUint32(4, checksumOf(content.subarray(8)), true);
  return btoa(Array.from(content, (byte) => String.fromCharCode(byte)).join(""));
}
