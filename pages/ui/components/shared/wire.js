// Arrays on the wire: a JSON header with its length before it, then the arrays. docs/architecture.md, "The film, as bytes".

const TYPES = {
  uint8: Uint8Array,
  int8: Int8Array,
  bool: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  float16: Uint16Array, // as bits; not every browser has a Float16Array
  int32: Int32Array,
  int64: BigInt64Array,
  float32: Float32Array,
  float64: Float64Array,
};

/** ArrayBuffer -> {header, base}: the JSON header, and where the arrays begin. Throws on bytes that are of another form. */
export function decode(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  return { header, base: 4 + length };
}

/** One array as {data, shape}, a view on the buffer wherever its alignment allows one; null for a type that is not known. */
export function arrayOf(buffer, base, { dtype, shape, offset }) {
  const Type = TYPES[dtype];
  if (!Type) return null;
  const size = shape.reduce((product, side) => product * side, 1);
  const start = base + offset;
  const aligned = start % Type.BYTES_PER_ELEMENT === 0;
  const bytes = size * Type.BYTES_PER_ELEMENT;
  const data = aligned ? new Type(buffer, start, size) : new Type(buffer.slice(start, start + bytes));
  return { data: dtype === "float16" ? wider(data) : data, shape };
}

/** Half-precision bits as Float32Array. */
export function wider(bits) {
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) {
    const exponent = (bits[i] >> 10) & 31;
    const fraction = bits[i] & 1023;
    const size = exponent === 31 ? (fraction ? NaN : Infinity) : exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24;
    values[i] = bits[i] & 0x8000 ? -size : size;
  }
  return values;
}
