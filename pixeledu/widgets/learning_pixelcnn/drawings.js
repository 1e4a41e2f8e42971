// The drawings of the one that learns, side by side: the same chance each time, so that one sees the
// same noise become digits.

import { element } from "../shared/page.js";

/** `count` pictures of side × side pixels; `show(pictures, steps)` fills them in. */
export function drawingsOf(count, side, levels) {
  const columns = Math.ceil(Math.sqrt(count));
  const whole = columns * (side + 1) - 1; // dots, with one between two pictures
  const canvas = element("canvas.pixeledu-drawings", { width: whole, height: whole, role: "img" });
  const pen = canvas.getContext("2d");
  const dots = pen.createImageData(whole, whole);
  const placeOf = (picture, pixel) => {
    const row = Math.floor(picture / columns) * (side + 1) + Math.floor(pixel / side);
    return 4 * (row * whole + (picture % columns) * (side + 1) + (pixel % side));
  };
  const show = (pictures, steps) => {
    let bright = 0;
    pictures.forEach((values, picture) => {
      values.forEach((value, pixel) => {
        const shade = Math.round((255 * value) / (levels - 1));
        dots.data.set([shade, shade, shade, 255], placeOf(picture, pixel));
        if (value > (levels - 1) / 2) bright += 1;
      });
    });
    pen.putImageData(dots, 0, 0);
    const share = Math.round((100 * bright) / (count * side * side));
    const says = `${count} drawings of the model after ${steps} steps; ${share} percent of the pixels are bright`;
    canvas.setAttribute("aria-label", says);
  };
  canvas.setAttribute("aria-label", "Nothing is drawn yet");
  return { node: canvas, show };
}
