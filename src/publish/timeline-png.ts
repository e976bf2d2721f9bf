import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { BarState, Chart, Row } from "./timeline.ts";

/** Twice as many points as the layout's: sharp on a phone, and when enlarged. */
const SCALE = 2;
const FONT = "DejaVu Sans";
const MARGIN = 24;
const GAP = 12;
const BAR = { stage: 6, step: 14 } as const;
const COLOURS = {
  paper: "#ffffff",
  ink: "#1d1c1d",
  pale: "#5f6368",
  grid: "#e3e5e8",
  band: "#f5f6f8",
  stage: "#8a929b",
} as const;
const FILL: Readonly<Record<BarState, string>> = {
  succeeded: "#2c7a4b",
  failed: "#c02b45",
  running: "#2563a8",
  skipped: "#b4b9bf",
};

/** How wide a character of the font is on average, in shares of its size; bold ones are wider. */
const WIDTH = { plain: 0.6, bold: 0.67 } as const;

interface Tools {
  readonly Resvg: typeof import("@resvg/resvg-wasm").Resvg;
  readonly fonts: Uint8Array[];
}
let loaded: Promise<Tools> | undefined;

/**
 * A chart as a PNG. The library is loaded when it is first needed: where it cannot be, this rejects and everything else
 * works. Servers have no fonts, so the picture brings its own.
 */
export async function drawTimeline(chart: Chart): Promise<Buffer> {
  loaded ??= load();
  const { Resvg, fonts } = await loaded;
  const drawing = new Resvg(drawingOf(chart), {
    fitTo: { mode: "zoom", value: SCALE },
    font: { fontBuffers: fonts, defaultFontFamily: FONT },
  });
  try {
    const image = drawing.render();
    const png = Buffer.from(image.asPng());
    image.free();
    return png;
  } finally {
    drawing.free();
  }
}

async function load(): Promise<Tools> {
  const { resolve } = createRequire(import.meta.url);
  const { initWasm, Resvg } = await import("@resvg/resvg-wasm");
  await initWasm(await readFile(resolve("@resvg/resvg-wasm/index_bg.wasm")));
  const faces = ["DejaVuSans", "DejaVuSans-Bold"];
  const fonts = await Promise.all(faces.map((face) => readFile(resolve(`dejavu-fonts-ttf/ttf/${face}.ttf`))));
  return { Resvg, fonts };
}

/** The chart as SVG. Pure. */
function drawingOf(chart: Chart): string {
  const { width, height, rows, foot } = chart;
  const hatch =
    '<pattern id="hatch" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="2" height="7" fill="#ffffff" fill-opacity="0.65"/></pattern>';
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="${FONT}">`,
    `<defs>${hatch}</defs>`,
    box({ x: 0, y: 0, width, height }, COLOURS.paper),
    head(chart),
    grid(chart),
    ...rows.map((row) => rowOf(chart, row)),
    foot === "" ? "" : words(foot, { x: MARGIN, y: height - 16, colour: COLOURS.pale }),
    "</svg>",
  ].join("\n");
}

interface Place {
  readonly x: number;
  readonly y: number;
  readonly colour?: string;
  readonly size?: number;
  readonly bold?: boolean;
  readonly align?: "start" | "middle" | "end";
  /** Longer text is cut, with an ellipsis. */
  readonly most?: number;
}

function words(text: string, { x, y, most, ...place }: Place): string {
  const { size = 13, bold = false, align = "start", colour = COLOURS.ink } = place;
  const shown = most === undefined ? text : fitting(text, most / (size * (bold ? WIDTH.bold : WIDTH.plain)));
  const weight = bold ? ' font-weight="bold"' : "";
  // Centred on the line: a third of its size below the middle is where a line of letters stands.
  return `<text x="${x}" y="${y + size * 0.35}" font-size="${size}"${weight} text-anchor="${align}" fill="${colour}">${escapeXml(shown)}</text>`;
}

function fitting(text: string, most: number): string {
  const characters = [...text];
  if (characters.length <= most) return text;
  return `${characters
    .slice(0, Math.max(0, Math.floor(most) - 1))
    .join("")
    .trimEnd()}…`;
}

/** XML has no way to write most control characters at all. */
function escapeXml(text: string): string {
  const writable = text.replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, " ");
  return writable.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

function box({ x, y, width, height }: Box, fill: string): string {
  return `<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="${fill}"/>`;
}

function head({ title, subtitle, width }: Chart): string {
  const most = width - 2 * MARGIN;
  return [
    words(title, { x: MARGIN, y: 32, size: 20, bold: true, most }),
    words(subtitle, { x: MARGIN, y: 60, size: 14, colour: COLOURS.pale, most }),
  ].join("");
}

function grid({ field, ticks, rows, width }: Chart): string {
  const bands = rows
    .filter(({ kind }) => kind === "stage")
    .map(({ y, height }) => box({ x: MARGIN / 2, y, width: width - MARGIN, height }, COLOURS.band));
  const lines = ticks.map(({ x }) =>
    box({ x, y: field.y - 6, width: 1, height: field.height + 6 }, COLOURS.grid),
  );
  const labels = ticks.map(({ x, label }) =>
    words(label, { x, y: field.y - 16, size: 12, colour: COLOURS.pale, align: "middle" }),
  );
  return [...bands, ...lines, ...labels].join("");
}

function rowOf({ field, width }: Chart, row: Row): string {
  const { kind, label, note, state, bar } = row;
  const isStage = kind === "stage";
  const y = row.y + row.height / 2;
  const isFailed = state === "failed";
  const x = MARGIN + (isStage ? 0 : 16);
  const colour = isFailed && !isStage ? FILL.failed : isStage ? COLOURS.ink : COLOURS.pale;
  const noteX = field.x + field.width + GAP;
  const texts = [
    words(label, { x, y, bold: isStage, most: field.x - GAP - x }),
    words(note, { x: noteX, y, colour, bold: isStage || isFailed, most: width - MARGIN / 2 - noteX }),
  ];
  if (bar === null) return texts.join("");
  const place = { x: bar.x, y: y - BAR[kind] / 2, width: bar.width, height: BAR[kind] };
  const drawn = box(place, isStage ? COLOURS.stage : FILL[state]);
  return [...texts, drawn, isFailed && !isStage ? failedMark(place) : ""].join("");
}

/** Hatched, and a cross before it: the bar is told from the others without its colour. */
function failedMark(place: Box): string {
  const cross = { x: place.x - 4, y: place.y + place.height / 2, colour: FILL.failed } as const;
  return box(place, "url(#hatch)") + words("✗", { ...cross, bold: true, align: "end" });
}
