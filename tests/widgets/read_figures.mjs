// Reads states of the mask explorer, the receptive field, the leak hunt and the sampling player from
// a JSON file as the page would and prints what it finds, for Python to compare.

import { readFileSync } from "node:fs";

import { kindOf, countsOf, unpackFields } from "../../pixeledu/widgets/_fields.js";
import { evidenceAgainst, scoreOf, answersOf, unpackHunt } from "../../pixeledu/widgets/_hunt.js";
import { kernelOf, maskOf, touched } from "../../pixeledu/widgets/_masks.js";
import { tempered, unpackAll } from "../../pixeledu/widgets/_replay.js";

const places = (count) => Array.from({ length: count }, (_, i) => i);

const readers = {
  masks: (state) => {
    const kernel = kernelOf(state);
    return { mask: maskOf(kernel), touched: touched(kernel, state.position) };
  },
  fields: ({ data }) => {
    const fields = unpackFields(data);
    return fields.names.map((name) =>
      places(fields.pixels).map((position) => ({
        kinds: places(fields.pixels).map((pixel) => kindOf(fields, name, position, pixel).state),
        counts: countsOf(fields, name, position),
      })),
    );
  },
  hunts: ({ data, answers }) => {
    const game = unpackHunt(data);
    return {
      changes: game.hunted.map((suspect) =>
        places(game.pixels).map((p) => places(game.pixels).map((q) => suspect.changes(p, q))),
      ),
      score: scoreOf(game, answersOf(game, answers)),
      evidence: game.hunted.map((suspect) =>
        game.suspects.map((guess) => evidenceAgainst(game, suspect, guess)),
      ),
    };
  },
  samples: ({ data, temperature }) =>
    unpackAll(data).map((replay) => replay.steps.map((_, step) => tempered(replay, step, temperature))),
};

const asked = JSON.parse(readFileSync(process.argv[2], "utf8"));
console.log(JSON.stringify(asked.map(({ kind, ...state }) => readers[kind](state))));
