// Reads states of the wavefront from a JSON file as the page would and prints what it finds, for
// Python to compare.

import { readFileSync } from "node:fs";

import { scheduleOf } from "../../../pixeledu/widgets/wavefront/schedule.js";

const states = JSON.parse(readFileSync(process.argv[2], "utf8"));
console.log(JSON.stringify(states.map(scheduleOf)));
