// The pictures of the live sampler: a large one to look at and to paint on, or sixteen small ones.

import { element } from "../shared/page.js";
import { followPointer, indexAt } from "../shared/pointer.js";
import { borderOfGiven, locate, paint } from "../shared/replay.js";
import { lineOfPixels } from "./painting.js";
import constants from "./constants.json" with { type: "json" };

const PICTURE = constants.sizes.picture_side; // px, the longer side
const GAP = 4; // px between small pictures, at least
const CAPTION = 30; // px below a small picture that has a name
const GUIDE_ALPHA = 130; // of 255: what is drawn stands out from what it is drawn after

/** A canvas of one dot a pixel, `most` px long, and a function that shows a step of a replay on it. */
function canvasOf(height, width, most) {
  const canvas = element("canvas", { width, height, "aria-hidden": "true" });
  const pen = canvas.getContext("2d");
  const dots = pen.createImageData(width, height);
  const scale = Math.floor(most / Math.max(width, height));
  const shown = scale ? scale * width : (most * width) / Math.max(width, height);
  const style = `width:${shown}px;aspect-ratio:${width}/${height};--columns:${width};--rows:${height}`;
  let guide = null;
  const show = (replay, step) => {
    if (replay) paint(replay, step, dots.data);
    else dots.data.fill(0); // not drawn yet
    pen.putImageData(dots, 0, 0);
    // Pixels still to come are clear, and show the smaller picture that this one is drawn from.
    if (guide === (replay?.guide ?? null)) return;
    guide = replay?.guide ?? null;
    canvas.style.background = guide ? `0 0 / 100% 100% url(${addressOf(guide, replay)})` : "";
  };
  return { canvas, style, shown, show };
}

/** The address of a guide as a picture that lets through what lies behind it. */
function addressOf(guide, { height, width, channels, levels }) {
  const factor = Math.round(Math.sqrt((height * width * channels) / guide.length));
  const small = element("canvas", { width: width / factor, height: height / factor });
  const pen = small.getContext("2d");
  const dots = pen.createImageData(small.width, small.height);
  const known = new Uint8Array(guide.length).fill(1);
  paint({ image: guide, known, channels, levels, steps: [] }, 0, dots.data);
  for (let at = 3; at < dots.data.length; at += 4) dots.data[at] = GUIDE_ALPHA;
  pen.putImageData(dots, 0, 0);
  return small.toDataURL();
}

/**
 * The large picture; its step -1 shows what is given alone. `look(row, column)` is called where a person looks, `stroke(pixels, phase)` with
 * the pixels of a stroke as it goes on; phase is "begin", "on" or "end". `tool()` says which of the
 * two a pointer and the Space key do, `say(row, column)` what is said of a pixel, and `about()` what is
 * said of the picture while no pixel is looked at.
 */
export function largePicture(height, width, { look, stroke, tool, say, about }) {
  const { canvas, style, show: fill } = canvasOf(height, width, PICTURE);
  const cursor = element("div.pixeledu-cursor");
  const brush = element("div.pixeledu-cursor.pixeledu-brush");
  const [halo, line] = ["halo", "line"].map((name) => element(`svg:path.pixeledu-edge-${name}`));
  const box = { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none" };
  const edge = element("svg:svg", { ...box, "aria-hidden": "true" }, halo, line);
  const says = element("p.pixeledu-spot.pixeledu-quiet", { "aria-live": "polite" });
  const node = element(
    "div.pixeledu-picture.pixeledu-canvas",
    { style, tabindex: 0, role: "application", "aria-roledescription": "picture" },
    canvas,
    edge,
    cursor,
    brush,
  );
  const move = (frame, row, column) => {
    frame.style.left = `${(100 * column) / width}%`;
    frame.style.top = `${(100 * row) / height}%`;
  };

  // The mouse and the finger.
  let [row, column] = [height >> 1, width >> 1];
  let last = null;
  const placeOf = (event) => {
    const at = canvas.getBoundingClientRect();
    const [x, y] = [(event.clientX - at.left) / at.width, (event.clientY - at.top) / at.height];
    return [indexAt(y, height), indexAt(x, width)];
  };
  followPointer(canvas, (x, y) => {
    if (tool() === "look") look(indexAt(y, height), indexAt(x, width));
  });
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || tool() === "look") return;
    last = [row, column] = placeOf(event);
    node.focus({ preventScroll: true }); // the keys go on from here
    stroke([last], "begin");
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return;
    const here = placeOf(event);
    stroke(lineOfPixels(last, here), "on");
    last = here;
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, () => {
      if (last) stroke([], "end");
      last = null;
    });
  }

  // The keyboard: the arrows move a frame, Space paints what is in it.
  const tell = () => {
    move(brush, row, column);
    says.textContent = say(row, column);
  };
  const act = () => {
    if (tool() === "look") return look(row, column);
    stroke([[row, column]], "begin");
    stroke([], "end");
  };
  node.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const ways = {
      ArrowUp: [-1, 0],
      ArrowDown: [1, 0],
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
      Home: [0, -width],
      End: [0, width],
      PageUp: [-height, 0],
      PageDown: [height, 0],
    };
    const way = Object.hasOwn(ways, event.key) ? ways[event.key] : null;
    if (!way && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation(); // elsewhere in the figure these keys lead through the steps
    if (way) {
      row = Math.min(Math.max(row + way[0], 0), height - 1);
      column = Math.min(Math.max(column + way[1], 0), width - 1);
    }
    if (!way || event.shiftKey || tool() === "look") act();
    tell();
  });
  node.addEventListener("focus", tell);

  let shown = null;
  const show = (replay, step) => {
    fill(replay, step);
    if (shown !== replay) {
      for (const path of [halo, line]) path.setAttribute("d", borderOfGiven(replay));
    }
    shown = replay;
    cursor.hidden = step < 0 || !replay.steps.length;
    if (!cursor.hidden) {
      const at = locate(replay, step);
      move(cursor, at.row, at.column);
    }
    if (document.activeElement === node) tell();
    else if (about()) says.textContent = about();
  };
  return { node, says, show };
}

/**
 * Pictures side by side, each a button; `choose(i)` is called with the number of one. `names`, if not
 * null, are written below them.
 */
export function smallPictures(height, width, count, names, choose) {
  const columns = Math.ceil(Math.sqrt(count));
  const most = Math.floor((PICTURE - GAP * (columns - 1)) / columns) - (names ? CAPTION : 0);
  const all = Array.from({ length: count }, (_, i) => {
    const { canvas, style, shown, show } = canvasOf(height, width, most);
    const button = element("button.pixeledu-picture.pixeledu-canvas", { type: "button", style }, canvas);
    button.addEventListener("click", () => choose(i));
    const call = (name) => {
      button.setAttribute("aria-label", `Picture ${i + 1}${name && `, ${name}`}: look at it alone`);
    };
    call("");
    const caption = names && element("span.pixeledu-caption", { "aria-hidden": "true" }, names[i]);
    const node = names ? element("div", { style: `width:${shown + CAPTION}px` }, button, caption) : button;
    return { node, shown, show, call };
  });
  const longer = (all[0].shown * Math.max(height, width)) / width; // px of a picture's longer side
  const caption = names ? CAPTION : 0;
  const gap = Math.floor((PICTURE - columns * (longer + caption)) / Math.max(1, columns - 1));
  const sides = `repeat(${columns},${all[0].shown + caption}px)`;
  const grid = { style: `grid-template-columns:${sides};gap:${Math.min(gap, 5 * GAP)}px` };
  const node = element("div.pixeledu-many", grid, ...all.map((one) => one.node));
  const show = (i, replay, step, name) => {
    all[i].show(replay, step);
    all[i].call(name);
  };
  return { node, show };
}
