// Run by node's own test runner (see test_javascript.py): when the figure of one that learns asks for what.

import assert from "node:assert/strict";
import { test } from "node:test";

import { RUN, learningOf, settingsIn } from "../../../pixeledu/widgets/learning_pixelcnn/learning.js";

/** A model with these traits, and one who answers each lesson when `answer` is called. */
function withTeacher(traits = {}, { playing = true, calm = false } = {}) {
  const state = { images: { train: "0g", held_out: "a" }, hidden: 16, layers: 2, ...traits };
  const model = { get: (name) => state[name] };
  const page = { playing, news: [], lessons: [], waiting: [], model, state };
  page.learning = learningOf(model, {
    changed: (news) => {
      page.news.push(news);
      if (news !== "problem") page.learning.goOn();
    },
    wanted: () => page.playing,
    calm: () => calm,
    request: ({ lesson }, wanted, done) => {
      page.lessons.push(lesson);
      page.waiting.push({ lesson, wanted, done });
    },
  });
  let steps = 0;
  page.answer = () => {
    const { lesson, wanted, done } = page.waiting.shift();
    if (!wanted()) return;
    steps = lesson.begin ? 0 : steps + (lesson.rate ? 1 : 0);
    const loss = lesson.rate ? 200 - steps : null;
    const report = { nats: 150 - steps, hidden: null, field: [], pictures: [[0]], weights: "" };
    done(lesson.begin || lesson.report ? { steps, loss, ...report } : { steps, loss });
  };
  return page;
}

test("it begins with the digits, asks for one step at a time and now and then for a report", () => {
  const page = withTeacher({ first_mask: "B", seed: 7 });
  page.learning.begin();
  const { begin } = page.lessons[0];
  assert.deepEqual([[...begin.train], [...begin.heldOut]], [[0, 16], [10]]);
  assert.equal(begin.seed, 7);
  assert.equal(begin.config.firstMask, "B");
  for (let i = 0; i < 101; i++) {
    assert.equal(page.waiting.length, 1);
    page.answer();
  }
  const reported = page.learning.state.history.map(({ steps }) => steps);
  assert.deepEqual(reported, [0, 20, 40, 60, 80, 100]);
  const { history } = page.learning.state;
  assert.equal(history[0].loss, null);
  assert.equal(history[2].loss, 200 - (21 + 40) / 2); // the mean of the batches since the last report
});

test("where little is to move it reports seldom, and at the end of a run in any case", () => {
  const page = withTeacher({}, { calm: true });
  page.learning.begin();
  for (let i = 0; i < RUN + 1; i++) page.answer();
  const reported = page.learning.state.history.map(({ steps }) => steps);
  assert.deepEqual(reported, Array.from({ length: RUN / 100 + 1 }, (_, i) => 100 * i));
});

test("paused, it reports where it stands and asks for nothing more; a step asks for one", () => {
  const page = withTeacher();
  page.learning.begin();
  for (let i = 0; i < 8; i++) page.answer();
  page.playing = false;
  page.answer();
  assert.deepEqual(page.lessons.at(-1), { report: true });
  page.answer();
  assert.equal(page.waiting.length, 0);
  assert.equal(page.learning.state.report.steps, 8);
  page.learning.stepOnce();
  page.learning.stepOnce(); // while the first is under way
  page.answer();
  assert.equal(page.waiting.length, 0);
  assert.equal(page.learning.state.report.steps, 9);
});

test("what belongs to an earlier beginning is not heard", () => {
  const page = withTeacher();
  page.learning.begin();
  page.answer();
  page.state.hidden = 8;
  page.learning.begin(); // a step is still under way
  const [late] = page.waiting.splice(0, 1);
  assert.equal(late.wanted(), false);
  late.done({ steps: 99, loss: 1 });
  assert.equal(page.learning.state.steps, 0);
  page.answer();
  assert.equal(page.learning.state.report.steps, 0);
  assert.equal(page.lessons.at(-2).begin.config.hidden, 8);
});

test("a problem is told and ends it", () => {
  const page = withTeacher();
  page.learning.begin();
  page.answer();
  page.waiting.shift().done({ problem: "the loss is no number any more" });
  assert.equal(page.news.at(-1), "problem");
  page.learning.goOn();
  page.learning.stepOnce();
  assert.equal(page.waiting.length, 0);
});

test("settings that make no sense are replaced, and missing digits are named", () => {
  const traits = { hidden: "16", layers: 9, first_mask: "C", learning_rate: null, seed: -1 };
  const { model } = withTeacher(traits);
  assert.deepEqual(settingsIn(model), { hidden: 8, layers: 0, firstMask: "A", rate: 0.001, seed: 0 });
  assert.throws(() => withTeacher({ images: null }), /the digits are missing/);
});
