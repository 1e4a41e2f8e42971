// Reads replays from a JSON file as the page would and prints what it finds, for Python to compare.

import { readFileSync } from "node:fs";

import { distribution, locate, unpack } from "../../../pixeledu/widgets/shared/replay.js";

const found = JSON.parse(readFileSync(process.argv[2], "utf8")).map((data) => {
  const replay = unpack(data);
  return replay.steps.map((_, step) => ({
    ...locate(replay, step),
    probabilities: distribution(replay, step),
    total: replay.total[step],
  }));
});
console.log(JSON.stringify(found));
