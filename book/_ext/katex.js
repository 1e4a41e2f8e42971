// Draws formulas: for each line of JSON [formula, options] it writes one, {html} or {error}.
const readline = require("node:readline");

const katex = require(process.argv[2]);

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const [formula, options] = JSON.parse(line);
  let answer;
  try {
    answer = { html: katex.renderToString(formula, options) };
  } catch (error) {
    answer = { error: error.message };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
});
