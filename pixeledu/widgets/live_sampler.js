// Trained models that draw in the page: new pictures, and what is missing of those that you paint.

import { element, listen, politely, shownIn } from "./util.js";
import { largePicture, smallPictures } from "./_easel.js";
import { pixelsUnder } from "./_painting.js";
import { describe, endOfRow, rowAway, stepAt } from "./_replay.js";
import { barsOf } from "./_shares.js";
import { MANY, SEEDS, SOURCES, TEMPERATURES, offered, studioOf } from "./_studio.js";
import { transportOf } from "./_transport.js";

const SPEEDS = [1, 4, 16, 64, 256, 1000000]; // pixels a second; the last one is "instant"
const HELP =
  "The arrow keys move a frame; Space does there what the tool says, and with Shift the arrows do so too.";

// ---- the parts of the figure --------------------------------------------------------------------

/** A slider or a field whose keys are its own: elsewhere in the figure they lead through the steps. */
function inputOf(attributes, change) {
  const input = element("input", attributes);
  input.addEventListener(attributes.type === "number" ? "change" : "input", () => {
    if (input.value !== "" && Number.isFinite(Number(input.value))) change(Number(input.value));
  });
  input.addEventListener("keydown", (event) => event.stopPropagation());
  return input;
}

function buttonOf(text, onclick) {
  return element("button.pixeledu-choice", { type: "button", onclick }, text);
}

/** Model, seed, temperature, and the buttons that draw anew. */
function settingsOf(model, studio, again) {
  const { save } = studio;
  const titles = offered(model.get("models"));
  const choice = element(
    "select",
    { "aria-label": "Model", onchange: () => save({ model: choice.value }) },
    ...titles.map(({ name, title }) => element("option", { value: name }, title)),
  );
  const seed = inputOf(
    { type: "number", min: 0, max: SEEDS - 1, step: 1, "aria-label": "Seed" },
    (value) => save({ seed: Math.trunc(Math.min(Math.max(value, 0), SEEDS - 1)) }),
  );
  const [min, max] = TEMPERATURES;
  const heat = inputOf(
    { type: "range", min, max, step: 0.05, "aria-label": "Temperature" },
    (value) => save({ temperature: value }),
  );
  const says = element("span");
  const sixteen = buttonOf("Sixteen at once", () => save({ sixteen: !studio.many() }));
  const node = element(
    "div.pixeledu-settings",
    {},
    element("label", {}, element("span", {}, "Model"), choice),
    element("label", {}, element("span", {}, "Seed"), seed),
    element("label", {}, says, heat),
    element("div.pixeledu-choices", {}, buttonOf("New sample", again), sixteen),
  );
  const show = () => {
    choice.value = studio.entry().name;
    seed.value = studio.seed();
    heat.value = studio.temperature();
    says.textContent = `Temperature ${studio.temperature().toFixed(2)}`;
    sixteen.setAttribute("aria-pressed", String(studio.many()));
  };
  return { node, show };
}

/** The ink: a grey level, or a colour for a model of colours. `value()` is a level for each colour. */
function inkOf({ channels, levels }) {
  const says = element("span", {}, "Ink");
  if (channels === 3) {
    const field = inputOf({ type: "color", value: "#ffffff", "aria-label": "Ink" }, () => {});
    const value = () => [1, 3, 5].map((at) => {
      return Math.round(((levels - 1) * parseInt(field.value.slice(at, at + 2), 16)) / 255);
    });
    return { node: element("label", {}, says, field), value };
  }
  const most = levels - 1;
  const range = { type: "range", min: 0, max: most, value: most, step: 1, "aria-label": "Ink" };
  const slider = inputOf(range, () => (says.textContent = `Ink ${slider.value}`));
  says.textContent = `Ink ${most}`;
  const value = () => new Array(channels).fill(Number(slider.value));
  return { node: element("label", {}, says, slider), value };
}

/** What a pointer or the Space key does in the picture. */
function toolboxOf(studio, change) {
  let tool = "look";
  let ink = null;
  const tools = ["Look", "Draw", "Erase"].map((title) => buttonOf(title, () => choose(title)));
  const choose = (title) => {
    tool = title.toLowerCase();
    for (const button of tools) {
      button.setAttribute("aria-pressed", String(button.textContent === title));
    }
    change(tool);
  };
  const sizes = [1, 2, 3].map((n) => element("option", { value: n }, `${n} px`));
  const pen = element("select", { "aria-label": "Width of the pen" }, ...sizes);
  const place = element("div.pixeledu-ink");
  const node = element(
    "div.pixeledu-toolbox",
    {},
    element("div.pixeledu-choices", { role: "group", "aria-label": "Tool" }, ...tools),
    element("div.pixeledu-ink", {}, place, pen),
    element(
      "div.pixeledu-choices",
      {},
      buttonOf("Blank upper half", studio.blankUpper),
      buttonOf("Erase lower half", studio.eraseLower),
      buttonOf("Give nothing", () => studio.save({ given: [] })),
    ),
  );
  const suit = (shape) => {
    ink = inkOf(shape);
    place.replaceChildren(ink.node);
    pen.value = Math.min(shape.height, shape.width) > 12 ? 2 : 1;
  };
  const start = () => choose("Look");
  const inkOrNone = () => (tool === "erase" ? null : ink.value());
  return { node, start, suit, tool: () => tool, pen: () => Number(pen.value), ink: inkOrNone };
}

/** What is said about the step, in words. */
function wordsOf() {
  const lines = [element("strong"), element("span"), element("span.pixeledu-quiet")];
  const node = element("p.pixeledu-readout", { "aria-atomic": "true" }, ...lines);
  const show = (replay, step, still) => {
    node.setAttribute("aria-live", still ? "polite" : "off");
    const { steps, total, milliseconds } = replay;
    const time = `${Math.max(1, Math.round(milliseconds))} ms`;
    const texts = steps.length
      ? [...describe(replay, step), `${total[step].toFixed(1)} nats so far · all drawn in ${time}`]
      : ["every pixel is given", "nothing is left to draw: erase a part", ""];
    texts.forEach((text, i) => (lines[i].textContent = text));
  };
  return { node, show };
}

// ---- the figure ---------------------------------------------------------------------------------

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
      words.show(current(), step, still);
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
  const words = wordsOf();
  const barsPlace = element("div.pixeledu-bars-place");
  const problem = element("p.pixeledu-problem", { role: "alert" });
  let bars = null;
  let picture = null;
  let arranged = {};

  // The pictures: one to look at and paint on, or many small ones.
  let stroke = null;
  const oneOf = ({ height, width, channels }) => {
    const large = largePicture(height, width, {
      tool: toolbox.tool,
      look: (row, column) => {
        const place = (row * width + column) * channels + channels - 1;
        if (studio.scene.steps) transport.go(stepAt(current(), place));
      },
      stroke: (places, phase) => {
        if (phase === "begin") stroke = studio.strokeWith(toolbox.ink());
        stroke.add(pixelsUnder(places, toolbox.pen(), height, width));
        if (phase === "end") stroke.end();
      },
      say: (row, column) => {
        const place = (row * width + column) * channels;
        const values = [...current().image.subarray(place, place + channels)].join(", ");
        if (current().known[place]) return `Row ${row}, column ${column}: given, ${values}`;
        const drawn = place < shown() ? `drawn, ${values}` : "not drawn yet";
        return `Row ${row}, column ${column}: ${drawn}`;
      },
    });
    const show = (step) => {
      large.show(current(), step);
      large.node.setAttribute("aria-label", `${studio.entry().title}. ${HELP}`);
    };
    return { nodes: [large.node, large.says], show, showOne() {} };
  };
  const manyOf = ({ height, width }) => {
    const small = smallPictures(height, width, MANY, (i) => {
      save({ image: i, sixteen: false });
      refresh();
      easel.firstChild.focus({ preventScroll: true });
    });
    const says = element("p.pixeledu-spot.pixeledu-quiet", {}, "Choose one to look at it alone.");
    const showOne = (i) => small.show(i, studio.scene.replays[i], transport.position());
    const show = () => {
      for (let i = 0; i < MANY; i++) showOne(i);
    };
    return { nodes: [small.node, says], show, showOne };
  };
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
      picture = many ? manyOf(shape) : oneOf(shape);
      easel.replaceChildren(...picture.nodes);
    }
    arranged = { shape: text, many };
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
      element("div.pixeledu-board", {}, settings.node, problem, words.node, barsPlace),
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
