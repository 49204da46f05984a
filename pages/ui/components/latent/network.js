// The network in the browser: a safetensors file and an experiment become functions of plain arrays. Semantics of networks.py.

const LEAK = 0.01;
const ACTIVATIONS = {
  linear: (a) => a,
  sigmoid: (a) => 1 / (1 + Math.exp(-a)),
  tanh: Math.tanh,
  relu: (a) => (a > 0 ? a : 0),
  leaky_relu: (a) => (a > 0 ? a : LEAK * a),
};
const KERNEL = 4; // side of a convolution's kernel; stride 2, padding 1

/** ArrayBuffer -> {name: {data: Float32Array, shape}}. Throws where the bytes are no safetensors file of float32. */
export function tensorsOf(buffer) {
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  delete header.__metadata__;
  return Object.fromEntries(
    Object.entries(header).map(([name, { dtype, shape, data_offsets: [begin, end] }]) => {
      if (dtype !== "F32") throw new Error(`${name} is ${dtype}`);
      return [name, { data: new Float32Array(buffer.slice(8 + length + begin, 8 + length + end)), shape }];
    }),
  );
}

/** y = W x + b; weight (out, in). */
export function linear({ data, shape: [outputs, inputs] }, bias, x) {
  const y = new Float32Array(outputs);
  for (let o = 0, w = 0; o < outputs; o++) {
    let sum = 0;
    for (let i = 0; i < inputs; i++, w++) sum += data[w] * x[i];
    y[o] = sum + (bias ? bias[o] : 0);
  }
  return y;
}

/** y = Wᵀ h + b: the way back through a tied stage; weight (out, in), h (out). */
export function transposed({ data, shape: [outputs, inputs] }, bias, h) {
  const y = new Float64Array(inputs);
  for (let o = 0; o < outputs; o++) {
    if (h[o] === 0) continue;
    const row = o * inputs;
    for (let i = 0; i < inputs; i++) y[i] += data[row + i] * h[o];
  }
  return Float32Array.from(y, (value, i) => value + bias[i]);
}

/** Stride 2, padding 1: maps of half the side; weight (out, in, 4, 4). x is flat, channel by channel. */
export function convolved({ data, shape: [outputs, inputs] }, bias, x, side) {
  const half = side / 2;
  const y = new Float32Array(outputs * half * half);
  for (let o = 0, place = 0; o < outputs; o++) {
    for (let row = 0; row < half; row++) {
      for (let column = 0; column < half; column++, place++) {
        let sum = bias[o];
        for (let i = 0; i < inputs; i++) {
          for (let k = 0; k < KERNEL * KERNEL; k++) {
            const [r, c] = [2 * row - 1 + (k >> 2), 2 * column - 1 + (k & 3)];
            if (r < 0 || c < 0 || r >= side || c >= side) continue;
            sum += data[(o * inputs + i) * KERNEL * KERNEL + k] * x[(i * side + r) * side + c];
          }
        }
        y[place] = sum;
      }
    }
  }
  return y;
}

/** The way back: maps of twice the side; weight (in, out, 4, 4). */
export function convolvedBack({ data, shape: [inputs, outputs] }, bias, x, side) {
  const double = side * 2;
  const y = new Float64Array(outputs * double * double);
  for (let i = 0; i < inputs; i++) {
    for (let place = 0; place < side * side; place++) {
      const value = x[i * side * side + place];
      if (value === 0) continue;
      const [row, column] = [2 * Math.floor(place / side) - 1, 2 * (place % side) - 1];
      for (let o = 0; o < outputs; o++) {
        for (let k = 0; k < KERNEL * KERNEL; k++) {
          const [r, c] = [row + (k >> 2), column + (k & 3)];
          if (r < 0 || c < 0 || r >= double || c >= double) continue;
          y[(o * double + r) * double + c] += value * data[(i * outputs + o) * KERNEL * KERNEL + k];
        }
      }
    }
  }
  return Float32Array.from(y, (value, at) => value + bias[Math.floor(at / (double * double))]);
}

/** The k largest stay, the rest are 0. */
function largest(a, k) {
  const order = Array.from(a.keys()).sort((i, j) => a[j] - a[i] || i - j);
  const kept = new Float32Array(a.length);
  for (const i of order.slice(0, k)) kept[i] = a[i];
  return kept;
}

/** To the nearest integer, halves to the even one, as Python rounds. */
function rounded(value) {
  const low = Math.floor(value);
  return value - low === 0.5 ? low + (low % 2) : Math.round(value);
}

function shrunk(v, threshold) {
  return v.map((value, i) => Math.sign(value) * Math.max(Math.abs(value) - Math.max(0, threshold[i]), 0));
}

/** `encode(x)` -> code and `decode(code)` -> picture, values in [0, 1] or as the data are. Throws for what it cannot build. */
export class Network {
  /** inputs: numbers in one sample. */
  constructor(buffer, experiment, inputs) {
    this.tensors = tensorsOf(buffer);
    this.experiment = experiment;
    this.levels = experiment.hidden.length + 1;
    this.activation = ACTIVATIONS[experiment.activation];
    if (!this.activation || !this.#code) throw new Error(`${experiment.activation}, ${experiment.code}`);
    this.side = Math.round(Math.sqrt(inputs)); // of a convolution's picture: its weights do not say
  }

  get #code() {
    const { code } = this.experiment;
    return code in ACTIVATIONS || ["gaussian", "k_sparse", "predictive", "lista"].includes(code);
  }

  encode(x) {
    if (this.experiment.code === "lista") return this.#unrolled(x);
    let h = x;
    for (let i = 0; i < this.levels - 1; i++) h = this.#stage(`encoder.${i}`, h, this.side >> i).map(this.activation);
    return this.#coded(this.#stage(`encoder.${this.levels - 1}`, h, 0));
  }

  #coded(a) {
    const { code, code_options: options } = this.experiment;
    if (code === "gaussian") return a.slice(0, a.length / 2); // the mean; the rest is log σ²
    if (code === "k_sparse") return largest(a, rounded(options.k * options.alpha));
    if (code === "predictive") return a.map((value, i) => this.tensors.gain.data[i] * Math.tanh(value));
    return a.map(ACTIVATIONS[code]);
  }

  /** Learned ISTA of the centred picture. */
  #unrolled(x) {
    const bias = this.tensors["decoder.0.bias"].data;
    const [encoder, inhibition, threshold] = ["encoder", "inhibition", "threshold"].map((name) => this.tensors[`encoder.0.${name}`]);
    const driven = linear(encoder, null, Float32Array.from(x, (value, i) => value - bias[i]));
    let z = shrunk(driven, threshold.data);
    for (let step = 1; step < this.experiment.code_options.layers; step++) {
      z = shrunk(linear(inhibition, driven, z), threshold.data);
    }
    return z;
  }

  #stage(name, x, side) {
    const weight = this.tensors[`${name}.weight`];
    const bias = this.tensors[`${name}.bias`].data;
    return weight.shape.length === 4 ? convolved(weight, bias, x, side) : linear(weight, bias, x);
  }

  decode(code) {
    let h = code;
    for (let i = this.levels - 1; i >= 0; i--) {
      h = this.#back(i, h);
      if (i > 0) h = h.map(this.activation);
    }
    return this.experiment.reconstruction === "cross_entropy" ? h.map(ACTIVATIONS.sigmoid) : h;
  }

  #back(i, h) {
    const bias = this.tensors[`decoder.${i}.bias`].data;
    if (this.experiment.tied) return transposed(this.tensors[`encoder.${i}.weight`], bias, h);
    const weight = this.tensors[`decoder.${i}.weight`];
    return weight.shape.length === 4 ? convolvedBack(weight, bias, h, this.side >> (i + 1)) : linear(weight, bias, h);
  }
}
