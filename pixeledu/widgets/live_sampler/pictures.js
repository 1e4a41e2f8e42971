// What the live sampler shows: one picture to look at and paint on, or many small ones; and what is
// said of it.

import { element } from "../shared/page.js";
import { describe, stepAt } from "../shared/replay.js";
import { largePicture, smallPictures } from "./canvases.js";
import { pixelsUnder } from "./painting.js";
import { EACH } from "./scene.js";

const HELP =
  "The arrow keys move a frame; Space does there what the tool says, and with Shift the arrows do so too.";

/** One large picture: { nodes, show(step), showOne(i) }. */
export function onePicture({ scene, strokes, transport, toolbox, shown, about }) {
  const { height, width, channels } = scene.drawing.shape;
  const placeOf = (row, column) => (row * width + column) * channels;
  let stroke = null;
  const large = largePicture(height, width, {
    tool: toolbox.tool,
    look: (row, column) => {
      if (!scene.drawing.steps || scene.current().blank) return;
      transport.go(stepAt(scene.current(), placeOf(row, column) + channels - 1));
    },
    stroke: (places, phase) => {
      if (phase === "begin") stroke = strokes.strokeWith(toolbox.ink());
      stroke.add(pixelsUnder(places, toolbox.pen(), height, width));
      if (phase === "end") stroke.end();
    },
    say: (row, column) => {
      const { image, known } = scene.current();
      const place = placeOf(row, column);
      const values = [...image.subarray(place, place + channels)].join(", ");
      if (known[place]) return `Row ${row}, column ${column}: given, ${values}`;
      const drawn = place < shown() ? `drawn, ${values}` : "not drawn yet";
      return `Row ${row}, column ${column}: ${drawn}`;
    },
    about: () => classNameOf(scene, scene.current(), "Class: "),
  });
  large.node.setAttribute("aria-describedby", about);
  const show = (step) => {
    const replay = scene.current();
    large.show(replay, replay.blank ? -1 : step);
    const name = classNameOf(scene, replay, ", ");
    large.node.setAttribute("aria-label", `${scene.entry().title}${name}. ${HELP}`);
  };
  return { nodes: [large.node, large.says], show, showOne() {} };
}

/** The name of a picture's class behind some words; empty where it has none, or none is drawn yet. */
function classNameOf(scene, replay, words) {
  const name = scene.classes()?.[replay?.label];
  return name === undefined ? "" : `${words}${name}`;
}

/** Many small pictures, as `onePicture`; pressing one calls `choose(i)`. */
export function manyPictures({ scene, transport, choose }) {
  const { height, width } = scene.drawing.shape;
  const count = scene.count();
  const names = scene.label() === EACH ? scene.classes() : null;
  const small = smallPictures(height, width, count, names, choose);
  const says = element("p.pixeledu-spot.pixeledu-quiet", {}, "Choose one to look at it alone.");
  const showOne = (i) => {
    if (i >= count) return;
    const replay = scene.drawing.pictures[i];
    small.show(i, replay, transport.position(), classNameOf(scene, replay, ""));
  };
  const show = () => {
    for (let i = 0; i < count; i++) showOne(i);
  };
  return { nodes: [small.node, says], show, showOne };
}

/** What is said about the step, in words. */
export function captionOf() {
  const lines = [element("strong"), element("span"), element("span.pixeledu-quiet")];
  const node = element("p.pixeledu-readout", { "aria-atomic": "true" }, ...lines);
  const show = (replay, step, still) => {
    node.setAttribute("aria-live", still ? "polite" : "off");
    const { steps, total, milliseconds, blank } = replay;
    const time = milliseconds ? ` · drawn in ${Math.max(1, Math.round(milliseconds))} ms` : "";
    const sum = steps.length && !blank ? `−log p so far: ${total[step].toFixed(1)} nats${time}` : "";
    let texts = ["every pixel is given", "nothing is left to draw: erase a part", ""];
    if (blank) texts = ["…", "the model has not drawn yet", ""];
    else if (steps.length) texts = [...describe(replay, step), sum];
    texts.forEach((text, i) => (lines[i].textContent = text));
  };
  return { node, show };
}
