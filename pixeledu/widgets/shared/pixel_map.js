// A map of an image: a square for each pixel, filled by its state, and a frame around one of them.

import { element } from "./page.js";
import { followPointer, indexAt } from "./pointer.js";

/** One square with the marks that a state may show: a cross, a dot. */
export function squareOf(side) {
  const inset = side > 12 ? 1.5 : 0.5;
  const [from, to, middle] = [0.3 * side, 0.7 * side, side / 2];
  const cross = `M${from} ${from}L${to} ${to}M${to} ${from}L${from} ${to}`;
  return element(
    "svg:g.pixeledu-square",
    {},
    element("svg:rect", { x: inset, y: inset, width: side - 2 * inset, height: side - 2 * inset }),
    element("svg:path.pixeledu-cross", { d: cross }),
    element("svg:circle", { cx: middle, cy: middle, r: side / 10 }),
  );
}

/** A meaning in the key of a figure: a small square in a state, and what it says. */
export function meaningOf(state, text, shade = 1) {
  const square = squareOf(16);
  square.dataset.state = state;
  square.style.setProperty("--shade", shade);
  const picture = element("svg:svg", { width: 16, height: 16, "aria-hidden": "true" }, square);
  return element("span", {}, picture, text);
}

/**
 * The map of an image of height × width pixels that fits into `box` { width, height, side } px.
 * `pick(row, column)` is called where a mouse or a finger goes; `hover`, if given, where a mouse
 * is without being pressed.
 */
export function pixelMap({ height, width, box, pick, hover }) {
  const fits = Math.floor(Math.min(box.width / width, box.height / height, box.side ?? 40));
  const side = Math.max(1, fits);
  const squares = Array.from({ length: height * width }, (_, i) => {
    const square = squareOf(side);
    const [x, y] = [(i % width) * side, Math.floor(i / width) * side];
    square.setAttribute("transform", `translate(${x} ${y})`);
    return square;
  });
  const frameOf = (name, out) => {
    const rect = { x: -out, y: -out, width: side + 2 * out, height: side + 2 * out };
    const kinds = ["halo", "line"].map((kind) => element(`svg:rect.pixeledu-${kind}`, rect));
    return element(`svg:g.${name}`, {}, ...kinds);
  };
  // The second one is larger: both can be seen around one pixel.
  const frames = [frameOf("pixeledu-second", 3), frameOf("pixeledu-first", 0)];
  const size = [width * side + 4, height * side + 4];
  const edge = { viewBox: `-2 -2 ${size.join(" ")}`, width: size[0] };
  const node = element("svg:svg.pixeledu-pixels", { ...edge, role: "img" }, ...squares, ...frames);
  const place = (x, y) => [indexAt(y, height), indexAt(x, width)];
  followPointer(node, (x, y) => pick(...place(x, y)));
  if (hover) {
    node.addEventListener("pointermove", (event) => {
      if (event.pointerType !== "mouse" || event.buttons) return;
      const at = node.getBoundingClientRect();
      hover(...place((event.clientX - at.left) / at.width, (event.clientY - at.top) / at.height));
    });
  }

  /** Give each pixel the state that `stateOf(i)` names, and a strength of its colour from 0 to 1. */
  const fill = (stateOf, shadeOf = () => 1) => {
    squares.forEach((square, i) => {
      const [state, shade] = [stateOf(i), String(shadeOf(i))];
      if (square.dataset.state !== state) square.dataset.state = state;
      if (square.style.getPropertyValue("--shade") !== shade) {
        square.style.setProperty("--shade", shade);
      }
    });
  };
  const move = (frame, row, column) => {
    const inside = row >= 0 && row < height && column >= 0 && column < width;
    frame.style.display = inside ? "" : "none";
    frame.setAttribute("transform", `translate(${column * side} ${row * side})`);
  };
  const [second, first] = frames;
  move(second, -1, -1);
  return {
    node,
    fill,
    frame: (row, column) => move(first, row, column),
    ring: (row, column) => move(second, row, column),
    say: (text) => node.setAttribute("aria-label", text),
  };
}

/** What `transportOf` must know of a figure whose position is a pixel of an image. */
export function pixelByPixel(height, width) {
  const pixels = height * width;
  return {
    stepsInUnit: 1,
    last: () => pixels - 1,
    rowAway: (position, rows) => {
      const there = position + rows * width;
      return there >= 0 && there < pixels ? there : position;
    },
    endOfRow: (position) => position - (position % width) + width - 1,
    rowLength: () => width,
    describe: (position) => `row ${Math.floor(position / width)}, column ${position % width}`,
  };
}
