// Products of matrices, which is where a network's time goes. A matrix is a Float32Array, row by row;
// sums are taken in double precision and rounded once.

/**
 * y (rows × outputs) = x (rows × inputs) · the transpose of w (outputs × inputs), plus bias if given.
 * Eight sums at a time, so that each number that is read is used several times. Where rows or outputs
 * are no multiple, the last ones are computed twice, with the same result.
 */
export function product(x, w, bias, y, rows, inputs, outputs) {
  for (let r = 0; r < rows; r += 4) {
    const r1 = Math.min(r + 1, rows - 1);
    const r2 = Math.min(r + 2, rows - 1);
    const r3 = Math.min(r + 3, rows - 1);
    const x0 = r * inputs;
    const x1 = r1 * inputs;
    const x2 = r2 * inputs;
    const x3 = r3 * inputs;
    for (let o = 0; o < outputs; o += 2) {
      const next = Math.min(o + 1, outputs - 1);
      const w0 = o * inputs;
      const w1 = next * inputs;
      let a0 = bias ? bias[o] : 0;
      let a1 = bias ? bias[next] : 0;
      let b0 = a0;
      let b1 = a1;
      let c0 = a0;
      let c1 = a1;
      let d0 = a0;
      let d1 = a1;
      for (let i = 0; i < inputs; i++) {
        const u = w[w0 + i];
        const v = w[w1 + i];
        const a = x[x0 + i];
        const b = x[x1 + i];
        const c = x[x2 + i];
        const d = x[x3 + i];
        a0 += a * u;
        a1 += a * v;
        b0 += b * u;
        b1 += b * v;
        c0 += c * u;
        c1 += c * v;
        d0 += d * u;
        d1 += d * v;
      }
      y[r * outputs + o] = a0;
      y[r * outputs + next] = a1;
      y[r1 * outputs + o] = b0;
      y[r1 * outputs + next] = b1;
      y[r2 * outputs + o] = c0;
      y[r2 * outputs + next] = c1;
      y[r3 * outputs + o] = d0;
      y[r3 * outputs + next] = d1;
    }
  }
}

/** y (columns × rows) = the transpose of x (rows × columns). */
export function transpose(x, y, rows, columns) {
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) y[c * rows + r] = x[r * columns + c];
  }
}

/** y (columns) = the sum of the rows of x. */
export function sumOfRows(x, y, rows, columns) {
  for (let c = 0; c < columns; c++) {
    let sum = 0;
    for (let r = 0; r < rows; r++) sum += x[r * columns + c];
    y[c] = sum;
  }
}
