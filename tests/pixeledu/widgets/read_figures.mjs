// Reads states of the mask explorer, the receptive field, the leak hunt and the sampling player from
// a JSON file as the page would and prints what it finds, for Python to compare.

import { readFileSync } from "node:fs";

import { givenAnswers, evidenceAgainst } from "../../../pixeledu/widgets/leak_hunt/game.js";
import { scoreOf, unpackGame } from "../../../pixeledu/widgets/leak_hunt/game.js";
import { kernelOf, maskOf, touched } from "../../../pixeledu/widgets/mask_explorer/masks.js";
import { countsOf } from "../../../pixeledu/widgets/receptive_field/fields.js";
import { kindOf, unpackFields } from "../../../pixeledu/widgets/receptive_field/fields.js";
import { tempered, unpackAll } from "../../../pixeledu/widgets/shared/replay.js";

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
    const game = unpackGame(data);
    return {
      changes: game.hunted.map((model) =>
        places(game.pixels).map((p) => places(game.pixels).map((q) => model.changes(p, q))),
      ),
      score: scoreOf(game, givenAnswers(game, answers)),
      evidence: game.hunted.map((model) =>
        game.models.map((guess) => evidenceAgainst(game, model, guess)),
      ),
    };
  },
  samples: ({ data, temperature }) =>
    unpackAll(data, 6).map((replay) => replay.steps.map((_, step) => tempered(replay, step, temperature))),
};

const asked = JSON.parse(readFileSync(process.argv[2], "utf8"));
console.log(JSON.stringify(asked.map(({ kind, ...state }) => readers[kind](state))));
