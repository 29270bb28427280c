// The functions of src/device/kernels/pointwise.ts by Math's own, in float64. Gradients are not written here: pointwise_test.ts takes
// central differences of these.

/** A function of its operands, in the order of the kernel's entry, and of its numbers by name. */
type PointwiseFunction = (
  operands: readonly number[],
  numbers: Readonly<Record<string, number>>,
) => number;

/** By the names of kernels; where one has gradients, f must be smooth on what `domains` of the test gives it. */
export const pointwiseFunctions: Readonly<Record<string, PointwiseFunction>> = {
  scale: ([x], { factor }) => factor! * x!,
  neg: ([x]) => -x!,
  natural_exp: ([x]) => Math.exp(x!),
  natural_log: ([x]) => Math.log(x!),
  square_root: ([x]) => Math.sqrt(x!),
  inverse_square_root: ([x]) => 1 / Math.sqrt(x!),
  absolute: ([x]) => Math.abs(x!),
  sigmoid: ([x]) => logistic(x!),
  hyperbolic_tangent: ([x]) => Math.tanh(x!),
  relu: ([x]) => Math.max(x!, 0),
  leaky_relu: ([x], { slope }) => x! < 0 ? slope! * x! : x!,
  silu: ([x]) => x! * logistic(x!),
  gelu: ([x]) => x! * normalCdf(x!),
  gelu_tanh: ([x]) =>
    0.5 * x! * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x! + 0.044715 * x! ** 3))),
  softplus: ([x]) => Math.max(x!, 0) + Math.log1p(Math.exp(-Math.abs(x!))),
  clamp: ([x], { low, high }) => Math.min(Math.max(x!, low!), high!),
  expand: ([x]) => x!,
  add: ([a, b]) => a! + b!,
  sub: ([a, b]) => a! - b!,
  mul: ([a, b]) => a! * b!,
  div: ([a, b]) => a! / b!,
  to_power: ([a, b]) => a! ** b!,
  maximum: ([a, b]) => Math.max(a!, b!),
  minimum: ([a, b]) => Math.min(a!, b!),
  equal: ([a, b]) => a === b ? 1 : 0,
  not_equal: ([a, b]) => a !== b ? 1 : 0,
  greater: ([a, b]) => a! > b! ? 1 : 0,
  greater_equal: ([a, b]) => a! >= b! ? 1 : 0,
  less: ([a, b]) => a! < b! ? 1 : 0,
  less_equal: ([a, b]) => a! <= b! ? 1 : 0,
  choose: ([condition, a, b]) => condition !== 0 ? a! : b!,
  squared_error: ([a, b]) => (a! - b!) ** 2,
  smooth_l1: ([a, b], { beta }) => {
    const d = Math.abs(a! - b!);
    return d < beta! ? d * d / (2 * beta!) : d - beta! / 2;
  },
  logistic_loss: ([a, b]) => -b! * Math.log(logistic(a!)) - (1 - b!) * Math.log(logistic(-a!)),
};

function logistic(z: number): number {
  return 1 / (1 + Math.exp(-z));
}

function normalCdf(x: number): number {
  return (1 + erf(x / Math.SQRT2)) / 2;
}

// erf(x) = 2 / sqrt(pi) e^(-x^2) sum_n 2^n x^(2n+1) / (1 3 5 ... (2n+1)): all terms have one sign, so none cancel.
function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= 2 * x * x / (2 * n + 1);
    sum += term;
  }
  return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
}
