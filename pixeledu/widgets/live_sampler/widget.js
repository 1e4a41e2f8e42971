// Trained models that draw in the page: new pictures, and what is missing of those that you paint.

import { element, listen, politely, shownIn } from "../shared/page.js";
import { describe, endOfRow, rowAway } from "../shared/replay.js";
import { transportOf } from "../shared/transport.js";
import { settingsOf, toolboxOf } from "./controls.js";
import { barsOf } from "./level_chart.js";
import { captionOf, manyPictures, onePicture } from "./pictures.js";
import { SOURCES, sceneOf } from "./scene.js";
import constants from "./constants.json" with { type: "json" };

const SPEEDS = constants.speeds; // pixels a second; the last one is "instant"

function draw(model, el) {
  const last = () => Math.max(0, (scene.drawing.steps ?? 1) - 1);
  /** How many places of the picture are to be seen. */
  const shown = () => {
    const { steps, image } = scene.current();
    const step = transport.position();
    return step >= last() ? image.length : steps[step] + 1;
  };
  const scene = sceneOf(model, shown);
  const { save, current } = scene;
  const transport = transportOf(model, {
    trait: "position",
    words: { step: "value", slider: "Position in the picture", unit: "pixel" },
    speeds: SPEEDS,
    usualSpeed: SPEEDS.at(-1),
    stepsInUnit: 1,
    last,
    rowAway: (step, rows) => (scene.drawing.steps ? rowAway(current(), step, rows) : 0),
    endOfRow: (step) => (scene.drawing.steps ? endOfRow(current(), step) : 0),
    rowLength: () => (scene.drawing.problem ? 1 : scene.drawing.shape.width * scene.drawing.shape.channels),
    describe: (step) => (scene.drawing.steps ? describe(current(), step).join(", ") : "nothing to draw"),
    draw: (step, still) => {
      if (scene.drawing.problem) return;
      picture.show(step);
      caption.show(current(), step, still);
      bars.node.style.visibility = scene.drawing.steps ? "" : "hidden";
      if (!scene.drawing.steps) return;
      const { channels, levels, image, probabilities, steps } = current();
      const place = steps[step];
      const before = [...image.subarray(place - (place % channels), place)];
      bars.show(probabilities.subarray(place * levels, (place + 1) * levels), image[place], before);
    },
  });
  const again = () => {
    save({ seed: scene.nextSeed() });
    if (model.get("speed") === SPEEDS.at(-1)) return transport.go(last());
    model.set("position", 0);
    save({ playing: true });
  };

  const settings = settingsOf(model, scene, again);
  const toolbox = toolboxOf(scene, (tool) => (pictures.dataset.tool = tool));
  const pictures = element("div.pixeledu-pictures");
  const caption = captionOf();
  const barsPlace = element("div.pixeledu-bars-place");
  const problem = element("p.pixeledu-problem", { role: "alert" });
  let bars = null;
  let picture = null;
  let arranged = {};

  /** Put what this scene needs into the figure, or what is wrong with it. */
  const arrange = () => {
    const { shape, problem: reason } = scene.drawing;
    settings.show();
    root.classList.toggle("pixeledu-broken", Boolean(reason));
    problem.replaceChildren(
      element("strong", {}, reason ? "This model cannot be shown." : ""),
      reason ? ` Its stored data are damaged: ${reason}. Choose another one.` : "",
    );
    if (reason) return;
    const many = scene.many();
    const text = JSON.stringify(shape);
    if (text !== arranged.shape) {
      toolbox.suit(shape);
      bars = barsOf(shape.channels, shape.levels);
      barsPlace.replaceChildren(bars.node);
    }
    if (text !== arranged.shape || many !== arranged.many) {
      const parts = { scene, transport, toolbox, shown, choose };
      picture = many ? manyPictures(parts) : onePicture(parts);
      pictures.replaceChildren(...picture.nodes);
    }
    arranged = { shape: text, many };
  };

  const choose = (i) => {
    save({ image: i, sixteen: false });
    refresh();
    pictures.firstChild.focus({ preventScroll: true });
  };

  // Other pictures than the current one are drawn when the page has time; then Python may read them.
  let timer = 0;
  let atEnd = false;
  const finish = () => {
    const drawn = scene.drawOneMore();
    if (drawn === null) return scene.tell();
    picture.showOne(drawn);
    timer = setTimeout(finish);
  };
  const refresh = () => {
    // Who looks at a finished picture sees the next one finished as well.
    if (!scene.drawing.problem) atEnd = transport.position() === last();
    scene.refresh();
    if (atEnd && !scene.drawing.problem && !model.get("playing")) model.set("position", last());
    arrange();
    transport.show();
    clearTimeout(timer);
    timer = setTimeout(finish, scene.many() ? 0 : 150);
  };
  // Several traits may change at once: all of them are taken over together.
  let due = false;
  const refreshSoon = () => {
    if (due) return;
    due = true;
    queueMicrotask(() => {
      due = false;
      if (root.isConnected) refresh();
    });
  };

  const root = element(
    "div.pixeledu.pixeledu-live",
    { role: "group", "aria-label": "A trained model draws" },
    element(
      "div.pixeledu-two",
      {},
      element("div.pixeledu-pictures-side", {}, pictures, toolbox.node),
      element("div.pixeledu-settings-side", {}, settings.node, problem, caption.node, barsPlace),
    ),
    element("div.pixeledu-controls", {}, transport.buttons, transport.scrub),
  );
  toolbox.start();
  refresh();
  const stop = transport.start(root);
  const stopToo = listen(
    model,
    Object.fromEntries(SOURCES.map((name) => [`change:${name}`, refreshSoon])),
  );
  return shownIn(el, root, stop, stopToo, () => clearTimeout(timer));
}

const render = politely(draw);

export default { render };
