// Helpers that the widgets share. A widget imports them with one plain line:
//     import { element, bytes } from "./util.js";

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an element: element("button.wide", { type: "button", onclick: f }, "Play").
 * A name that starts with "svg:" makes an SVG element. Attributes that are functions become
 * listeners, false and null leave an attribute out.
 */
export function element(name, attributes = {}, ...children) {
  const [tag, ...classes] = name.replace("svg:", "").split(".");
  const made = name.startsWith("svg:")
    ? document.createElementNS(SVG, tag)
    : document.createElement(tag);
  if (classes.length) made.classList.add(...classes);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key.slice(2), value);
    else if (value !== false && value != null) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

/** A 16 × 16 icon from the path data of its outline, filled with the colour of the text. */
export function icon(path) {
  return element(
    "svg:svg",
    { viewBox: "0 0 16 16", width: 16, height: 16, fill: "currentColor", "aria-hidden": "true" },
    element("svg:path", { d: path }),
  );
}

/** Listen to a widget's model: { "change:speed": f }; returns a function that stops it. */
export function listen(model, handlers) {
  for (const [event, handler] of Object.entries(handlers)) model.on(event, handler);
  return () => {
    for (const [event, handler] of Object.entries(handlers)) model.off(event, handler);
  };
}

/**
 * Call reach(x, y) with the place, as shares of the node's width and height, where a mouse or a
 * finger goes to on a node (its style says `touch-action: pan-y`). A finger may be about to scroll
 * the page, which cancels the pointer: it counts once it has moved sideways, or when it lifts.
 */
export function followPointer(node, reach) {
  let finger = null;
  const follow = (event) => {
    if (!node.hasPointerCapture(event.pointerId)) return;
    const still = finger !== null && Math.abs(event.clientX - finger) < 8;
    if (still && event.type === "pointermove") return;
    finger = null;
    const box = node.getBoundingClientRect();
    reach((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  };
  node.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    node.setPointerCapture(event.pointerId);
    finger = event.pointerType === "mouse" ? null : event.clientX;
    if (finger === null) follow(event);
  });
  node.addEventListener("pointermove", follow);
  node.addEventListener("pointerup", follow);
}

/** Which of `count` equal parts a share from 0 to 1 falls into; the nearest one outside of that. */
export function indexAt(share, count) {
  return Math.min(Math.max(Math.floor(share * count), 0), count - 1);
}

/** The bytes of a base64 text; `length` of them, or an error that says what is wrong with `name`. */
export function bytes(text, length, name) {
  let raw;
  try {
    raw = atob(text);
  } catch {
    throw new Error(`${name} is not base64`);
  }
  if (raw.length !== length) {
    throw new Error(`${name} should be ${length} bytes long and is ${raw.length}`);
  }
  return Uint8Array.from(raw, (character) => character.charCodeAt(0));
}

/** `count` float32 numbers from a base64 text, each finite. */
export function floats(text, count, name) {
  const view = new DataView(bytes(text, 4 * count, name).buffer);
  const numbers = Float32Array.from({ length: count }, (_, i) => view.getFloat32(4 * i, true));
  if (!numbers.every(Number.isFinite)) throw new Error(`${name} holds a number that is not finite`);
  return numbers;
}

/** A whole number from `least` to `most`, or an error that names it. */
export function whole(value, least, most, name) {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new Error(`${name} should be a whole number from ${least} to ${most} and is ${value}`);
  }
  return value;
}

/** Put a figure into `el`; returns its clean-up, which calls `stops` and takes the figure away. */
export function shownIn(el, root, ...stops) {
  el.replaceChildren(root);
  return () => {
    for (const stop of stops) stop();
    root.remove();
  };
}

/**
 * Make a widget's `render` of `draw(model, el)`, which puts a figure into `el` and returns its
 * clean-up. If it fails, say so where the figure would be: one figure with bad data must not take
 * the page with it.
 */
export function politely(draw) {
  return ({ model, el }) => {
    try {
      return draw(model, el);
    } catch (error) {
      el.replaceChildren(
        element(
          "div.pixeledu.pixeledu-problem",
          { role: "alert" },
          element("strong", {}, "This figure cannot be shown."),
          ` Its stored data are damaged: ${error.message}. Running the cell again may help.`,
        ),
      );
      return () => el.replaceChildren();
    }
  };
}
