// Pictures drawn without holding up the page: in a worker where the page has one, else in slices.

import { carryOut } from "./jobs.js";
import { inSlices } from "./slices.js";

/**
 * One that draws: `request(job, wanted, done)` calls `done(result)` with what `carryOut` returns, or
 * with { problem }. One job follows the other; a job for which `wanted()` is false when its turn comes
 * is left out, and `done` is not called.
 *
 * engine  the address of the engine's script, for a worker; undefined where there can be none
 */
export function drawerWith(engine) {
  const waiting = [];
  let run = null;
  let busy = false;
  const work = async () => {
    if (busy) return;
    busy = true;
    run ??= workerFor(engine) ?? slicer();
    try {
      while (waiting.length) {
        const { job, wanted, done } = waiting.shift();
        if (wanted()) done(await run(job).catch((error) => ({ problem: error.message })));
      }
    } finally {
      busy = false;
    }
  };
  const request = (job, wanted, done) => {
    waiting.push({ job, wanted, done });
    work();
  };
  return { request };
}

/** Runs jobs in the page itself. */
function slicer() {
  const models = new Map();
  return (job) => inSlices(carryOut(job, models));
}

/** Runs jobs in a worker; null if there can be none. One that fails to start is given up. */
function workerFor(engine) {
  let worker = null;
  try {
    worker = engine ? new Worker(engine) : null;
  } catch {
    return null; // such as on a page from a file
  }
  if (!worker) return null;
  const sent = new Set();
  let instead = null;
  return (job) => {
    if (instead) return instead(job);
    return new Promise((resolve) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => {
        event.preventDefault();
        instead = slicer();
        resolve(instead(job));
      };
      worker.postMessage(sent.has(job.id) ? { ...job, weights: null } : job);
      sent.add(job.id);
    });
  };
}
