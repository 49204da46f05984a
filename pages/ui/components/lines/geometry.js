// Lines and prototypes in the unit square, y upwards. A line is {angle, place}: degrees, and 0 … 1 across the square along its
// normal; as an equation a·x + b·y = c it is the same that pages/ui/properties/plane.py makes of it.

const NEAR = 1e-6;

export function equation({ angle, place }) {
  const a = -Math.sin((angle * Math.PI) / 180);
  const b = Math.cos((angle * Math.PI) / 180);
  return { a, b, c: (a + b) / 2 + (place - 0.5) * (Math.abs(a) + Math.abs(b)) };
}

/** The line of this angle through a point; kept within the square. */
export function through([x, y], angle) {
  const turned = ((angle % 180) + 180) % 180;
  const { a, b } = equation({ angle: turned, place: 0.5 });
  const place = 0.5 + (a * x + b * y - (a + b) / 2) / (Math.abs(a) + Math.abs(b));
  return { angle: turned, place: Math.min(0.98, Math.max(0.02, place)) };
}

/** Both ends of the line within the square, or null. */
export function segment(line) {
  const { a, b, c } = equation(line);
  const ends = [];
  for (const edge of [0, 1]) {
    if (Math.abs(b) > NEAR) ends.push([edge, (c - a * edge) / b]);
    if (Math.abs(a) > NEAR) ends.push([(c - b * edge) / a, edge]);
  }
  const inside = ends.filter(([x, y]) => x > -NEAR && x < 1 + NEAR && y > -NEAR && y < 1 + NEAR);
  inside.sort(([x, y], [u, v]) => x - u || y - v);
  return inside.length > 1 ? [inside[0], inside.at(-1)] : null;
}

/** Regions within the square: 1, one more for each line that cuts it, and one more wherever a line crosses an earlier one. */
export function regions(lines) {
  let count = 1;
  const before = [];
  for (const line of lines) {
    const own = equation(line);
    const ends = segment(line);
    if (!ends || Math.hypot(ends[1][0] - ends[0][0], ends[1][1] - ends[0][1]) < NEAR) continue;
    if (before.some((other) => Math.abs(cross(own, other)) < NEAR && Math.abs(own.c - other.c * Math.sign(dot(own, other))) < NEAR)) continue;
    const met = [];
    for (const other of before) {
      const turn = cross(own, other);
      if (Math.abs(turn) < NEAR) continue;
      const x = (own.c * other.b - other.c * own.b) / turn;
      const y = (own.a * other.c - other.a * own.c) / turn;
      const open = x > NEAR && x < 1 - NEAR && y > NEAR && y < 1 - NEAR;
      if (open && !met.some(([u, v]) => Math.hypot(u - x, v - y) < NEAR)) met.push([x, y]);
    }
    count += 1 + met.length;
    before.push(own);
  }
  return count;
}

const cross = (p, q) => p.a * q.b - q.a * p.b;
const dot = (p, q) => p.a * q.a + p.b * q.b;

/** Which colour a place has among seven, so that regions on two sides of a line always differ. */
export function side(equations, x, y) {
  return equations.reduce((sum, { a, b, c }, index) => sum + (a * x + b * y > c ? (index % 6) + 1 : 0), 0) % 7;
}

export function nearest(prototypes, x, y) {
  let best = 0;
  let least = Infinity;
  prototypes.forEach(([u, v], index) => {
    const gap = (u - x) ** 2 + (v - y) ** 2;
    if (gap < least) [best, least] = [index, gap];
  });
  return best;
}
