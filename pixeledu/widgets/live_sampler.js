// Trained models that draw in the page: new pictures, and what is missing of those that you paint.

import { element, listen, politely, shownIn } from "./util.js";
import { settingsOf, toolboxOf } from "./_bench.js";
import { captionOf, manyPictures, onePicture } from "./_pictures.js";
import { describe, endOfRow, rowAway } from "./_replay.js";
import { barsOf } from "./_shares.js";
import { SOURCES, studioOf } from "./_studio.js";
import { transportOf } from "./_transport.js";

const SPEEDS = [1, 4, 16, 64, 256, 1000000]; // pixels a second; the last one is "instant"

function draw(model, el) {
  const last = () => Math.max(0, (studio.scene.steps ?? 1) - 1);
  /** How many places of the picture are to be seen. */
  const shown = () => {
    const { steps, image } = studio.current();
    const step = transport.position();
    return step >= last() ? image.length : steps[step] + 1;
  };
  const studio = studioOf(model, shown);
  const { save, current } = studio;
  const transport = transportOf(model, {
    trait: "position",
    words: { step: "value", slider: "Position in the picture", unit: "pixel" },
    speeds: SPEEDS,
    usualSpeed: SPEEDS.at(-1),
    stepsInUnit: 1,
    last,
    rowAway: (step, rows) => (studio.scene.steps ? rowAway(current(), step, rows) : 0),
    endOfRow: (step) => (studio.scene.steps ? endOfRow(current(), step) : 0),
    rowLength: () => (studio.scene.problem ? 1 : studio.scene.shape.width * studio.scene.shape.channels),
    describe: (step) => (studio.scene.steps ? describe(current(), step).join(", ") : "nothing to draw"),
    draw: (step, still) => {
      if (studio.scene.problem) return;
      picture.show(step);
      caption.show(current(), step, still);
      bars.node.style.visibility = studio.scene.steps ? "" : "hidden";
      if (!studio.scene.steps) return;
      const { channels, levels, image, shares, steps } = current();
      const place = steps[step];
      const before = [...image.subarray(place - (place % channels), place)];
      bars.show(shares.subarray(place * levels, (place + 1) * levels), image[place], before);
    },
  });
  const again = () => {
    save({ seed: studio.nextSeed() });
    if (model.get("speed") === SPEEDS.at(-1)) return transport.go(last());
    model.set("position", 0);
    save({ playing: true });
  };

  const settings = settingsOf(model, studio, again);
  const toolbox = toolboxOf(studio, (tool) => (easel.dataset.tool = tool));
  const easel = element("div.pixeledu-easel");
  const caption = captionOf();
  const barsPlace = element("div.pixeledu-bars-place");
  const problem = element("p.pixeledu-problem", { role: "alert" });
  let bars = null;
  let picture = null;
  let arranged = {};

  /** Put what this scene needs into the figure, or what is wrong with it. */
  const arrange = () => {
    const { shape, problem: reason } = studio.scene;
    settings.show();
    root.classList.toggle("pixeledu-broken", Boolean(reason));
    problem.replaceChildren(
      element("strong", {}, reason ? "This model cannot be shown." : ""),
      reason ? ` Its stored data are damaged: ${reason}. Choose another one.` : "",
    );
    if (reason) return;
    const many = studio.many();
    const text = JSON.stringify(shape);
    if (text !== arranged.shape) {
      toolbox.suit(shape);
      bars = barsOf(shape.channels, shape.levels);
      barsPlace.replaceChildren(bars.node);
    }
    if (text !== arranged.shape || many !== arranged.many) {
      const parts = { studio, transport, toolbox, shown, choose };
      picture = many ? manyPictures(parts) : onePicture(parts);
      easel.replaceChildren(...picture.nodes);
    }
    arranged = { shape: text, many };
  };

  const choose = (i) => {
    save({ image: i, sixteen: false });
    refresh();
    easel.firstChild.focus({ preventScroll: true });
  };

  // Other pictures than the current one are drawn when the page has time; then Python may read them.
  let timer = 0;
  let atEnd = false;
  const finish = () => {
    const drawn = studio.drawOneMore();
    if (drawn === null) return studio.tell();
    picture.showOne(drawn);
    timer = setTimeout(finish);
  };
  const refresh = () => {
    // Who looks at a finished picture sees the next one finished as well.
    if (!studio.scene.problem) atEnd = transport.position() === last();
    studio.refresh();
    if (atEnd && !studio.scene.problem && !model.get("playing")) model.set("position", last());
    arrange();
    transport.show();
    clearTimeout(timer);
    timer = setTimeout(finish, studio.many() ? 0 : 150);
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
      element("div.pixeledu-stand", {}, easel, toolbox.node),
      element("div.pixeledu-board", {}, settings.node, problem, caption.node, barsPlace),
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
