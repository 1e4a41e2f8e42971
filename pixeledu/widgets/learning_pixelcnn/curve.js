// The curve of learning: what a digit costs, in nats, over the steps.

import { element } from "../shared/page.js";

const WIDTH = 340;
const HEIGHT = 210;
const LEFT = 54;
const TOP = 12;
const RIGHT = 330;
const BOTTOM = 168;
const MOST = 200; // nats
const GRID = [0, 50, 100, 150, 200];

/** The chart, with a line where a model stands that knows nothing: `uniform` nats. */
export function curveOf(uniform) {
  const y = (nats) => BOTTOM - ((BOTTOM - TOP) * Math.min(nats, MOST)) / MOST;
  const text = (x, at, words, anchor = "middle") => {
    return element("svg:text", { x, y: at, "text-anchor": anchor }, words);
  };
  const across = (name, nats) => element(`svg:path.${name}`, { d: `M${LEFT} ${y(nats)}H${RIGHT}` });
  const end = text(RIGHT, BOTTOM + 16, "", "end");
  const [batch, heldOut] = ["batch", "held-out"].map((name) => element(`svg:path.pixeledu-${name}`));
  const dot = element("svg:circle.pixeledu-now", { r: 4 });
  const chart = element(
    "svg:svg.pixeledu-curve",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" },
    ...GRID.map((nats) => across("pixeledu-grid", nats)),
    ...GRID.map((nats) => text(LEFT - 6, y(nats) + 4, String(nats), "end")),
    across("pixeledu-uniform", uniform),
    text(RIGHT, y(uniform) + 15, `all levels equally probable: ${Math.round(uniform)}`, "end"),
    text(LEFT, BOTTOM + 16, "0"),
    end,
    text((LEFT + RIGHT) / 2, BOTTOM + 34, "steps"),
    element("svg:g", { transform: `translate(14 ${(TOP + BOTTOM) / 2}) rotate(-90)` }, text(0, 0, "nats per digit")),
    batch,
    heldOut,
    dot,
  );
  const show = (history) => {
    const last = history.at(-1)?.steps ?? 0;
    const most = Math.max(200, 200 * Math.ceil(last / 200));
    const x = (steps) => LEFT + ((RIGHT - LEFT) * steps) / most;
    const lineOf = (name) => {
      const points = history.filter((one) => one[name] !== null);
      return points.map((one, i) => `${i ? "L" : "M"}${x(one.steps)} ${y(one[name])}`).join("");
    };
    batch.setAttribute("d", lineOf("loss"));
    heldOut.setAttribute("d", lineOf("nats"));
    dot.style.display = history.length ? "" : "none";
    end.textContent = String(most);
    if (!history.length) return chart.setAttribute("aria-label", "Nothing is learned yet");
    const now = history.at(-1);
    dot.setAttribute("cx", x(now.steps));
    dot.setAttribute("cy", y(now.nats));
    const [from, to] = [history[0], now].map(({ steps, nats }) => `${nats.toFixed(1)} at step ${steps}`);
    chart.setAttribute("aria-label", `Nats of a held-out digit: ${from}, ${to}`);
  };
  return { node: chart, show };
}
