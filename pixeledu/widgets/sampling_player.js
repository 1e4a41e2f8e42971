// Replays one sampled image, value by value, beside the distribution each value was drawn from.

import { element, icon, politely } from "./util.js";
import { borderOfGiven, describe, distribution, locate, paint } from "./_replay.js";
import { endOfRow, rowAway, stepAt, unpack } from "./_replay.js";

const PICTURE = 280; // px, the longer side at most; sampling_player.py says the same
const SPEEDS = [1, 4, 16, 64, 256]; // pixels a second
const ICONS = {
  start: "M2.5 3h2v10h-2zM13.5 3v10l-8-5z",
  back: "M11.5 3v10l-8-5z",
  play: "M4 2.5v11l9.5-5.5z",
  pause: "M3.5 3h3.2v10H3.5zM9.3 3h3.2v10H9.3z",
  forward: "M4.5 3v10l8-5z",
  end: "M11.5 3h2v10h-2zM2.5 3v10l8-5z",
};

// ---- the parts of the figure: each a node and a function that shows a step ---------------------

/** The picture: one dot a pixel, scaled up, under an outline of the current pixel. */
function pictureOf(replay, about, jump) {
  const { height, width, channels, steps } = replay;
  const jumpTo = (event) => {
    const box = canvas.getBoundingClientRect();
    const index = (share, count) => Math.min(Math.max(Math.floor(share * count), 0), count - 1);
    const row = index((event.clientY - box.top) / box.height, height);
    const column = index((event.clientX - box.left) / box.width, width);
    jump(stepAt(replay, (row * width + column) * channels + channels - 1));
  };
  // A finger may be about to scroll the page (which cancels the pointer): follow it only once it
  // has moved sideways, or when it lifts.
  let finger = null;
  const follow = (event) => {
    if (!canvas.hasPointerCapture(event.pointerId)) return;
    const still = finger !== null && Math.abs(event.clientX - finger) < 8;
    if (still && event.type === "pointermove") return;
    finger = null;
    jumpTo(event);
  };
  const canvas = element("canvas", {
    width,
    height,
    role: "img",
    onpointerdown: (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      canvas.setPointerCapture(event.pointerId);
      finger = event.pointerType === "mouse" ? null : event.clientX;
      if (finger === null) jumpTo(event);
    },
    onpointermove: follow,
    onpointerup: follow,
  });
  const pen = canvas.getContext("2d");
  const dots = pen.createImageData(width, height);
  const border = borderOfGiven(replay);
  const cursor = element("div.pixeledu-cursor");
  const scale = Math.floor(PICTURE / Math.max(width, height));
  const shown = scale ? scale * width : (PICTURE * width) / Math.max(width, height);
  const box = { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none" };
  const node = element(
    "div.pixeledu-picture",
    { style: `width:${shown}px;aspect-ratio:${width}/${height};--columns:${width};--rows:${height}` },
    canvas,
    element(
      "svg:svg",
      { ...box, "aria-hidden": "true" },
      element("svg:path.pixeledu-halo", { d: border }),
      element("svg:path.pixeledu-given", { d: border }),
    ),
    cursor,
  );
  const show = (step) => {
    paint(replay, step, dots.data);
    pen.putImageData(dots, 0, 0);
    const { row, column } = locate(replay, step);
    cursor.style.left = `${(100 * column) / width}%`;
    cursor.style.top = `${(100 * row) / height}%`;
    canvas.setAttribute("aria-label", `${about}: ${step + 1} of ${steps.length} values drawn`);
  };
  return { node, show };
}

/** The current distribution: a bar for each value, above the colours that the values would give. */
function chartOf(replay) {
  const { bars, barWidth, channels, levels, image, steps } = replay;
  const columns = Array.from({ length: bars }, () => element("i", {}, element("b")));
  const chart = element("div.pixeledu-bars", { role: "img" }, ...columns);
  const hidden = { "aria-hidden": "true" };
  const ramp = element("div.pixeledu-ramp", hidden);
  const texts = (...all) => all.map((text) => element("span", {}, String(text)));
  const unit = barWidth > 1 ? `value, ${barWidth} to a bar` : "value";
  const node = element(
    "div.pixeledu-chart",
    { style: `--bars:${bars}` },
    element("div.pixeledu-probabilities", hidden, ...texts(1, 0.5, 0)),
    chart,
    ramp,
    element("div.pixeledu-values", hidden, ...texts(0, unit, levels - 1)),
  );

  const shade = (value) => Math.round((255 * Math.min(value, levels - 1)) / (levels - 1));
  const colour = (bar, place, channel) => {
    const middle = shade(bar * barWidth + (barWidth - 1) / 2);
    if (channels === 1) return `rgb(${[middle, middle, middle]})`;
    const before = Array.from(image.subarray(place - channel, place), shade);
    return `rgb(${[...before, middle, 0, 0].slice(0, 3)})`;
  };
  const show = (step) => {
    const { channel, value } = locate(replay, step);
    const shares = distribution(replay, step);
    columns.forEach((column, i) => {
      column.classList.toggle("pixeledu-drawn", i === Math.floor(value / barWidth));
      column.firstChild.style.height = `${100 * shares[i]}%`;
    });
    const stop = (share, i) =>
      `${colour(i, steps[step], channel)} ${(100 * i) / bars}% ${(100 * (i + 1)) / bars}%`;
    ramp.style.background = `linear-gradient(90deg,${shares.map(stop)})`;
    const likely = [...shares.keys()].sort((a, b) => shares[b] - shares[a]).slice(0, 3);
    const name = (i) => {
      const [from, to] = [i * barWidth, Math.min((i + 1) * barWidth, levels) - 1];
      return `${from === to ? from : `${from} to ${to}`}: ${shares[i].toFixed(2)}`;
    };
    chart.setAttribute("aria-label", `Most probable values: ${likely.map(name).join("; ")}`);
  };
  return { node, show };
}

/** What is said about the step, in words. */
function readoutOf(replay) {
  const { known, steps, total } = replay;
  const lines = [element("strong"), element("span"), element("span.pixeledu-quiet")];
  const given = known.includes(1)
    ? [element("span.pixeledu-quiet", {}, "Pixels inside the blue line were given.")]
    : [];
  const node = element("p.pixeledu-readout", { "aria-atomic": "true" }, ...lines, ...given);
  const show = (step) => {
    const soFar = `${total[step].toFixed(1)} nats so far`;
    const count = `value ${step + 1} of ${steps.length}`;
    [...describe(replay, step), `${soFar} · ${count}`].forEach((text, i) => {
      lines[i].textContent = text;
    });
  };
  return { node, show };
}

// ---- the figure -------------------------------------------------------------------------------

function draw(model, el) {
  const replay = unpack(model.get("data"));
  const last = replay.steps.length - 1;
  const about = model.get("data").description || "a sampled image";
  const position = () => Math.min(Math.max(Math.trunc(model.get("position")) || 0, 0), last);
  const speed = () => (SPEEDS.includes(model.get("speed")) ? model.get("speed") : 16);
  const playing = () => Boolean(model.get("playing"));

  const save = (name, value) => {
    model.set(name, value);
    model.save_changes();
  };
  /** Go to a step because a person asked for it: playing stops, so that they can look. */
  const go = (step) => {
    model.set("position", Math.min(Math.max(step, 0), last));
    save("playing", false);
  };
  const toggle = () => {
    if (!playing() && position() === last) model.set("position", 0);
    save("playing", !playing());
  };
  const faster = (by) => {
    const next = SPEEDS.indexOf(speed()) + by;
    if (SPEEDS[next]) save("speed", SPEEDS[next]);
  };

  const picture = pictureOf(replay, about, (step) => {
    scrubber.focus({ preventScroll: true }); // so that the keys work after a click
    go(step);
  });
  const chart = chartOf(replay);
  const readout = readoutOf(replay);
  const button = (name, label, onclick) => {
    const made = element("button.pixeledu-button", { type: "button", onclick }, icon(ICONS[name]));
    made.title = label;
    made.setAttribute("aria-label", label);
    return made;
  };
  const play = button("play", "Play", toggle);
  play.classList.add("pixeledu-primary");
  const scrubber = element("input", {
    type: "range",
    min: 0,
    max: last,
    step: 1,
    "aria-label": "Position in the replay",
    oninput: () => go(Number(scrubber.value)),
  });
  const rates = element(
    "select",
    { "aria-label": "Speed", onchange: () => save("speed", Number(rates.value)) },
    ...SPEEDS.map((s) => element("option", { value: s }, `${s} pixel${s > 1 ? "s" : ""}/s`)),
  );
  const root = element(
    "div.pixeledu.pixeledu-player",
    {
      role: "group",
      "aria-label": `Replay: ${about}`,
      "data-lm-suppress-shortcuts": "true", // JupyterLab: the arrows are ours while in here
      onkeydown: press,
    },
    element("div.pixeledu-stage", {}, picture.node),
    element("div.pixeledu-panel", {}, readout.node, chart.node),
    element(
      "div.pixeledu-transport",
      {},
      button("start", "To the start", () => go(0)),
      button("back", "One value back", () => go(position() - 1)),
      play,
      button("forward", "One value forward", () => go(position() + 1)),
      button("end", "To the end", () => go(last)),
    ),
    element("div.pixeledu-scrub", {}, scrubber, rates),
  );

  function press(event) {
    const { key, target } = event;
    if (event.ctrlKey || event.altKey || event.metaKey || target === rates) return;
    if (key === " " && target.closest("button")) return; // Space presses the button it is on
    const here = position();
    const actions = {
      " ": toggle,
      ArrowLeft: () => go(here - 1),
      ArrowRight: () => go(here + 1),
      ArrowUp: () => go(rowAway(replay, here, -1)),
      ArrowDown: () => go(rowAway(replay, here, 1)),
      Home: () => go(0),
      End: () => go(last),
      "+": () => faster(1),
      "=": () => faster(1),
      "-": () => faster(-1),
    };
    if (!Object.hasOwn(actions, key)) return;
    event.preventDefault();
    event.stopPropagation();
    actions[key]();
  }

  const show = () => {
    const step = position();
    const still = !playing() && document.activeElement !== scrubber; // that one speaks for itself
    readout.node.setAttribute("aria-live", still ? "polite" : "off");
    for (const part of [picture, chart, readout]) part.show(step);
    scrubber.value = step;
    scrubber.setAttribute("aria-valuetext", describe(replay, step).join(", "));
  };

  // Playing: the position follows the clock from where and when this stretch began. A new stretch
  // begins when something else moved the position or the speed, or the page was not on screen.
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let frame = 0;
  let stretch = null;
  let saved = 0;
  const tick = (now) => {
    if (!root.isConnected) return save("playing", false); // taken off the page
    frame = requestAnimationFrame(tick);
    const here = position();
    const rate = (speed() * replay.channels) / 1000; // values a millisecond
    if (!stretch || stretch.at !== here || stretch.rate !== rate || now - stretch.seen > 1000) {
      stretch = { from: here, since: now, rate };
    }
    let next = Math.min(stretch.from + Math.floor((now - stretch.since) * rate), last);
    if (calm.matches) {
      const beat = Math.max(500, (replay.width * replay.channels) / rate);
      const due = now - stretch.since >= beat;
      next = due ? endOfRow(replay, Math.min(here + 1, last)) : here;
      if (due) stretch.since = now;
    }
    stretch.at = next;
    stretch.seen = now;
    if (next !== here) model.set("position", next);
    if (next === last) save("playing", false);
    else if (now - saved > 250) {
      saved = now;
      model.save_changes();
    }
  };
  const run = () => {
    cancelAnimationFrame(frame);
    stretch = null;
    if (playing()) frame = requestAnimationFrame(tick);
    play.replaceChildren(icon(ICONS[playing() ? "pause" : "play"]));
    play.title = playing() ? "Pause" : "Play";
    play.setAttribute("aria-label", play.title);
    show();
  };
  const setRate = () => (rates.value = speed());

  const events = { "change:position": show, "change:playing": run, "change:speed": setRate };
  for (const [name, handler] of Object.entries(events)) model.on(name, handler);
  setRate();
  run();
  el.replaceChildren(root);
  return () => {
    cancelAnimationFrame(frame);
    for (const [name, handler] of Object.entries(events)) model.off(name, handler);
    root.remove();
  };
}

function render({ model, el }) {
  return politely(el, () => draw(model, el));
}

export default { render };
