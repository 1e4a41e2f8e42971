// The maps of the wavefront: the pixels of each scan, numbered by the step that computes them.

import { element } from "../shared/page.js";
import { followPointer, indexAt } from "../shared/pointer.js";
import { columnOf, progress, stepAtPlace } from "./schedule.js";
import constants from "./constants.json" with { type: "json" };

const STATES = ["waiting", "now", "done"];

/** One pixel of a map: a square, with a text where there is one. */
function pixelOf(size, text) {
  const inset = size > 12 ? 1.5 : 0.5;
  const [at, side] = [inset, size - 2 * inset];
  const square = element("svg:rect", { x: at, y: at, width: side, height: side });
  const middle = { x: size / 2, y: size / 2, "font-size": Math.min(14, size / 2) };
  return element("svg:g.pixeledu-pixel", {}, square, text && element("svg:text", middle, text));
}

/** The map of one scan. */
function mapOf(schedule, scan, jump) {
  const { height, width, scans, steps } = schedule;
  const columns = scans.length > 1 ? width + height - 1 : width; // room for the skewed map
  const { maps_width, drawn_height } = constants.sizes; // px for all maps
  const most = drawn_height / scans.length / height;
  const size = Math.floor(Math.min(maps_width / columns, most, 40)); // px, the side of a pixel
  const numbered = size >= 16 && 0.31 * Math.min(28, size) * String(steps).length < size - 3;
  const pixels = scans[scan].map((when) => pixelOf(size, numbered ? String(when + 1) : ""));
  let places = "";
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < columns; column++) {
      places += `M${(column + 0.5) * size} ${(row + 0.5) * size}h0`;
    }
  }
  const dots = element("svg:path.pixeledu-dots", { d: places, "stroke-width": size / 7 });
  const box = { viewBox: `0 0 ${columns * size} ${height * size}`, width: columns * size };
  const node = element("svg:svg.pixeledu-map", { ...box, role: "img" }, dots, ...pixels);
  let view = schedule;
  followPointer(node, (x, y) => {
    jump(stepAtPlace(view, scan, indexAt(y, height), indexAt(x, columns)));
  });

  /** Move the pixels to where they are in the plain or in the skewed view. */
  const place = (changed) => {
    view = changed;
    dots.style.opacity = view.skewed ? 1 : 0;
    pixels.forEach((pixel, i) => {
      const [x, y] = [columnOf(view, scan, i) * size, Math.floor(i / width) * size];
      pixel.style.transform = `translate(${x}px, ${y}px)`;
    });
  };
  const show = (step) => {
    scans[scan].forEach((when, i) => {
      const state = STATES[1 + Math.sign(step - when)];
      if (pixels[i].dataset.state !== state) pixels[i].dataset.state = state;
    });
    const { now, done } = progress(schedule, scan, step);
    const toCome = height * width - done - now;
    const counts = `${done} done, ${now} computed now, ${toCome} not yet`;
    node.setAttribute("aria-label", `Pixels at step ${step + 1} of ${steps}: ${counts}`);
  };
  return { node, numbered, place, show };
}

/** All maps of a model under their names, with the switch between the plain and the skewed view. */
export function mapsOf(setSkewed, jump) {
  const box = element("input", { type: "checkbox", onchange: () => setSkewed(box.checked) });
  const skewing = element("label.pixeledu-skew", {}, box, "Skew the rows");
  const node = element("div.pixeledu-maps");
  const meanings = ["not yet", "now", "done"].map((name, i) => {
    const swatch = pixelOf(16, "");
    swatch.dataset.state = STATES[i];
    const picture = element("svg:svg", { width: 16, height: 16, "aria-hidden": "true" }, swatch);
    return element("span", {}, picture, name);
  });
  const number = element("span", {}, "Number: the step that computes it.");
  const key = element("p.pixeledu-key.pixeledu-quiet", {}, ...meanings, number);
  let maps = [];
  let names = [];
  const place = (schedule) => {
    for (const map of maps) map.place(schedule);
    box.checked = schedule.skewed;
    const mirrored = schedule.skewed ? ", mirrored first" : "";
    const both = ["Left-to-right scan", `Right-to-left scan${mirrored}`];
    names.forEach((name, i) => (name.textContent = names.length > 1 ? both[i] : "The image"));
  };
  const set = (schedule) => {
    maps = schedule.scans.map((_, scan) => mapOf(schedule, scan, jump));
    names = maps.map(() => element("span"));
    skewing.style.visibility = maps.length > 1 ? "" : "hidden";
    number.style.visibility = maps[0].numbered ? "" : "hidden";
    const heads = names.map((name, i) => element("div", {}, name, i ? "" : skewing));
    node.replaceChildren(...maps.flatMap((map, i) => [heads[i], map.node]), key);
    place(schedule);
  };
  return { node, place, set, show: (step) => maps.forEach((map) => map.show(step)) };
}
