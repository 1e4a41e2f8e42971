// Trained models that draw in the page: new pictures, and what is missing of those that you paint.

import { element, listen, politely, shownIn, whenSeen } from "../shared/page.js";
import { describe, endOfRow, rowAway } from "../shared/replay.js";
import { transportOf } from "../shared/transport.js";
import { barsOf } from "./level_chart.js";
import { captionOf, manyPictures, onePicture } from "./pictures.js";
import { described } from "./replays.js";
import { EACH, listedModels, SOURCES, sceneOf } from "./scene.js";
import { buttonOf, settingsOf } from "./settings.js";
import { strokesOn } from "./strokes.js";
import { toolboxOf } from "./tools.js";
import constants from "./constants.json" with { type: "json" };

let figures = 0; // on this page

function draw(model, el) {
  const last = () => Math.max(0, (scene.drawing.steps ?? 1) - 1);
  /** How many places of the picture are to be seen. */
  const shown = () => {
    const { steps, image, blank } = scene.current();
    const step = transport.position();
    if (blank) return 0;
    return step >= last() ? image.length : steps[step] + 1;
  };
  const scene = sceneOf(model, (drawn) => arrived(drawn));
  const { save, current } = scene;
  const transport = transportOf(model, {
    trait: "position",
    words: { step: "value", slider: "Position in the picture", unit: "pixel" },
    speeds: constants.speeds,
    usualSpeed: constants.usual_speed,
    stepsInUnit: 1,
    last,
    rowAway: (step, rows) => (scene.drawing.steps ? rowAway(current(), step, rows) : 0),
    endOfRow: (step) => (scene.drawing.steps ? endOfRow(current(), step) : 0),
    rowLength: () => (scene.drawing.problem ? 1 : scene.drawing.shape.width * scene.drawing.shape.channels),
    describe: (step) => (scene.drawing.steps ? describe(current(), step).join(", ") : "nothing to draw"),
    finished: () => `The picture is finished: ${described(current(), Infinity)}.`,
    draw: (step, still) => {
      if (scene.drawing.problem) return;
      picture.show(step);
      caption.show(current(), step, still);
      if (!model.get("playing")) about.textContent = described(current(), shown());
      bars.node.style.visibility = scene.drawing.steps && !current().blank ? "" : "hidden";
      if (!scene.drawing.steps || current().blank) return;
      const { channels, levels, image, probabilities, steps } = current();
      const place = steps[step];
      const before = [...image.subarray(place - (place % channels), place)];
      bars.show(probabilities.subarray(place * levels, (place + 1) * levels), image[place], before);
    },
  });
  const again = () => {
    save({ seed: scene.nextSeed() });
    model.set("position", 0);
    save({ playing: true });
  };
  /** Finish the picture; a finished one is followed by another. */
  const atOnce = () => {
    if (transport.position() === last()) save({ seed: scene.nextSeed() });
    transport.go(last());
  };
  const sixteen = buttonOf("Sixteen", () => save({ sixteen: !scene.many() }));
  const oneOfEach = () => {
    const shown = scene.many() && scene.label() === EACH;
    save(shown ? { label: null, sixteen: false } : { label: EACH, sixteen: true });
    transport.go(last());
  };
  const chooseTool = (tool) => save({ tool, sixteen: false });

  const strokes = strokesOn(model, scene, shown);
  const settings = settingsOf(model, scene, oneOfEach);
  const toolbox = toolboxOf(model, scene, strokes, chooseTool);
  const pictures = element("div.pixeledu-pictures");
  const caption = captionOf();
  const about = element("p.pixeledu-hidden", { id: `pixeledu-about-${(figures += 1)}` });
  const barsPlace = element("div.pixeledu-bars-place");
  const problem = element("p.pixeledu-problem", { role: "alert" });
  let bars = null;
  let picture = null;
  let arranged = {};

  /** Put what this scene needs into the figure, or what is wrong with it. */
  const arrange = () => {
    const { shape, problem: reason } = scene.drawing;
    settings.show();
    toolbox.show();
    sixteen.setAttribute("aria-pressed", String(scene.many()));
    pictures.dataset.tool = toolbox.tool();
    root.classList.toggle("pixeledu-broken", Boolean(reason));
    problem.replaceChildren(
      element("strong", {}, reason ? "This model cannot be shown." : ""),
      reason ? ` Its stored data are damaged: ${reason}. Choose another one.` : "",
    );
    if (reason) return;
    const many = scene.many() && [scene.count(), scene.label() === EACH && scene.classes()];
    const text = JSON.stringify(shape);
    if (text !== arranged.shape) {
      toolbox.suit(shape);
      bars = barsOf(shape.channels, shape.levels);
      barsPlace.replaceChildren(bars.node);
    }
    if (text !== arranged.shape || JSON.stringify(many) !== arranged.many) {
      const parts = { scene, strokes, transport, toolbox, shown, choose, about: about.id };
      picture = many ? manyPictures(parts) : onePicture(parts);
      pictures.replaceChildren(...picture.nodes);
    }
    arranged = { shape: text, many: JSON.stringify(many) };
  };

  const choose = (i) => {
    save({ image: i, sixteen: false });
    refresh();
    pictures.firstChild.focus({ preventScroll: true });
  };

  // Nothing is computed before the figure has come into view. Then picture follows picture, and when
  // all are there for a moment, Python may read them.
  let seen = false;
  let timer = 0;
  const drawOn = () => {
    clearTimeout(timer);
    if (seen && !scene.drawNext()) timer = setTimeout(scene.tell, 150);
    root.setAttribute("aria-busy", String(scene.missing() !== null));
  };
  const arrived = (drawn) => {
    if (drawn === null) arrange();
    else if (drawn === scene.number()) transport.show();
    else picture.showOne(drawn);
    drawOn();
  };
  let atEnd = false;
  const refresh = () => {
    // Who looks at a finished picture sees the next one finished as well.
    if (!scene.drawing.problem) atEnd = transport.position() === last();
    scene.refresh();
    if (atEnd && !scene.drawing.problem && !model.get("playing")) model.set("position", last());
    arrange();
    transport.show();
    drawOn();
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

  // Rows that some of the models need, and that are kept free for all of them.
  const listed = listedModels(model.get("models"));
  const rows = [
    ...(listed.some(({ classes }) => classes) ? ["var(--class-row)"] : []),
    ...(listed.some(({ channels }) => channels === 3) ? ["var(--palette-rows)"] : []),
  ];
  const root = element(
    "div.pixeledu.pixeledu-live",
    {
      role: "group",
      "aria-label": model.get("description") || "A trained model draws",
      style: rows.length ? `--more-rows:calc(${rows.join(" + ")})` : null,
    },
    element(
      "div.pixeledu-two",
      {},
      element(
        "div.pixeledu-left",
        {},
        pictures,
        about,
        element("div.pixeledu-live-controls", {}, transport.buttons, transport.scrub),
        element(
          "div.pixeledu-choices.pixeledu-row",
          {},
          buttonOf("New sample", again),
          buttonOf("Draw at once", atOnce),
          sixteen,
        ),
        toolbox.row,
      ),
      element(
        "div.pixeledu-right",
        {},
        settings.node,
        problem,
        toolbox.more,
        caption.node,
        barsPlace,
      ),
    ),
  );
  scene.refresh(); // before anything asks how many steps there are
  refresh();
  const stop = transport.start(root);
  const stopToo = listen(
    model,
    Object.fromEntries([...SOURCES, "tool"].map((name) => [`change:${name}`, refreshSoon])),
  );
  const stopWaiting = whenSeen(root, () => {
    seen = true;
    drawOn();
  });
  return shownIn(el, root, stop, stopToo, stopWaiting, () => clearTimeout(timer));
}

const render = politely(draw);

export default { render };
