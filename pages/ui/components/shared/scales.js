// Numbers to colours, and numbers to words.

import { printing } from "./paper.js";

// From this error of a pixel on, the colour stays the brightest: errors above it are rare once a network has begun to learn, and
// a scale up to 1 would hide all others. It is the same for all runs and all epochs.
const LARGE_ERROR = 0.5;

/** 256 colours between `stops` ("#RRGGBB", low to high), as the 32-bit words of ImageData on a little-endian machine. */
export function scale(stops) {
  const parts = stops.map((stop) => [1, 3, 5].map((at) => parseInt(stop.slice(at, at + 2), 16)));
  return Uint32Array.from({ length: 256 }, (_, value) => {
    const place = (value / 255) * (parts.length - 1);
    const low = Math.min(Math.floor(place), parts.length - 2);
    const [red, green, blue] = parts[low].map((part, i) => Math.round(part + (parts[low + 1][i] - part) * (place - low)));
    return (255 << 24) | (blue << 16) | (green << 8) | red;
  });
}

const tables = new Map(); // colour tables by page background: a handful, each needed for every drawing

/** The colours of the theme that Streamlit has put on the page; on paper the light ones. `palette` has a light and a dark half. */
export function coloursOn(element, palette) {
  const shown = getComputedStyle(element).getPropertyValue("--st-background-color").trim();
  const background = printing.on ? palette.light.background : shown;
  if (!tables.has(background)) tables.set(background, coloursFor(background, palette));
  return tables.get(background);
}

function coloursFor(background, palette) {
  const dark = luminance(background) < 0.5;
  const half = palette[dark ? "dark" : "light"];
  const [low, zero, high] = half.signed;
  return {
    ...half,
    dark,
    grey: scale(["#000000", "#FFFFFF"]),
    magnitudeScale: scale(half.magnitude),
    errorScale: clipped(scale(half.magnitude), LARGE_ERROR),
    signedScale: aroundZero(scale([low, zero]), scale([zero, high])),
  };
}

/** Values are bytes with 128 = 0, so the middle of the scale is 128 and not 127.5. */
function aroundZero(negative, positive) {
  return Uint32Array.from({ length: 256 }, (_, value) =>
    value < 128 ? negative[Math.round((value / 128) * 255)] : positive[Math.round(((value - 128) / 127) * 255)],
  );
}

function clipped(colours, largest) {
  return Uint32Array.from({ length: 256 }, (_, value) => colours[Math.min(255, Math.round(value / largest))]);
}

function luminance(colour) {
  const context = new OffscreenCanvas(1, 1).getContext("2d");
  context.fillStyle = colour || "#FFFFFF"; // understands every CSS colour; keeps black where it does not
  context.fillRect(0, 0, 1, 1);
  const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
  return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255;
}

/** Three significant digits, without an exponent where a person would write none; 0 for what rounding leaves of it. As plot.three. */
export function digits(value) {
  const size = Math.abs(value);
  if (size < 1e-12) return "0";
  const shown = size >= 1000 ? String(Math.round(value)) : size < 0.001 ? value.toExponential(1) : value.toPrecision(3);
  return shown.replaceAll("-", "−");
}

/** An epoch as the axis shows it: whole ones without a decimal point. */
export function epochText(epoch) {
  return Number.isInteger(epoch) ? String(epoch) : epoch.toFixed(epoch < 10 ? 2 : 1);
}

/** `texts[key]` with its {placeholders} filled; an unknown key shows itself, so that a missing text is seen. */
export function say(texts, key, values = {}) {
  return (texts[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}
