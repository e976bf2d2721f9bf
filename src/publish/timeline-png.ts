import { createRequire } from "node:module";
import type { SKRSContext2D } from "@napi-rs/canvas";
import type { BarState, Chart, Row } from "./timeline.ts";

/** Twice as many points as the layout's: sharp on a phone, and when enlarged. */
const SCALE = 2;
const FONT = "Slipway";
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

type Library = typeof import("@napi-rs/canvas");
let loaded: Promise<Library> | undefined;

/**
 * A chart as a PNG. The library is native and loaded when it is first needed: where there is none for a machine, this
 * rejects and everything else works. Servers have no fonts, so the picture brings its own.
 */
export async function drawTimeline(chart: Chart): Promise<Buffer> {
  loaded ??= load();
  const { createCanvas } = await loaded;
  const canvas = createCanvas(chart.width * SCALE, chart.height * SCALE);
  const context = canvas.getContext("2d");
  context.scale(SCALE, SCALE);
  context.textBaseline = "middle";
  context.fillStyle = COLOURS.paper;
  context.fillRect(0, 0, chart.width, chart.height);
  drawHead(context, chart);
  drawGrid(context, chart);
  for (const row of chart.rows) drawRow(context, chart, row);
  if (chart.foot !== "")
    words(context, chart.foot, { x: MARGIN, y: chart.height - 16, colour: COLOURS.pale });
  return await canvas.encode("png");
}

async function load(): Promise<Library> {
  const library = await import("@napi-rs/canvas");
  const { resolve } = createRequire(import.meta.url);
  for (const face of ["DejaVuSans", "DejaVuSans-Bold"])
    library.GlobalFonts.registerFromPath(resolve(`dejavu-fonts-ttf/ttf/${face}.ttf`), FONT);
  return library;
}

interface Place {
  readonly x: number;
  readonly y: number;
  readonly colour?: string;
  readonly size?: number;
  readonly bold?: boolean;
  readonly align?: "left" | "right" | "center";
  /** Longer text is cut, with an ellipsis. */
  readonly most?: number;
}

function words(context: SKRSContext2D, text: string, place: Place): void {
  context.font = `${place.bold ? "bold " : ""}${place.size ?? 13}px ${FONT}`;
  context.fillStyle = place.colour ?? COLOURS.ink;
  context.textAlign = place.align ?? "left";
  context.fillText(place.most === undefined ? text : fitting(context, text, place.most), place.x, place.y);
}

function fitting(context: SKRSContext2D, text: string, most: number): string {
  if (context.measureText(text).width <= most) return text;
  const characters = [...text];
  let [least, longest] = [0, characters.length];
  while (least < longest) {
    const middle = Math.ceil((least + longest) / 2);
    const fits = context.measureText(`${characters.slice(0, middle).join("")}…`).width <= most;
    if (fits) least = middle;
    else longest = middle - 1;
  }
  return `${characters.slice(0, least).join("").trimEnd()}…`;
}

function drawHead(context: SKRSContext2D, { title, subtitle, width }: Chart): void {
  const most = width - 2 * MARGIN;
  words(context, title, { x: MARGIN, y: 32, size: 20, bold: true, most });
  words(context, subtitle, { x: MARGIN, y: 60, size: 14, colour: COLOURS.pale, most });
}

function drawGrid(context: SKRSContext2D, { field, ticks, rows, width }: Chart): void {
  context.fillStyle = COLOURS.band;
  for (const { kind, y, height } of rows) {
    if (kind === "stage") context.fillRect(MARGIN / 2, y, width - MARGIN, height);
  }
  context.fillStyle = COLOURS.grid;
  for (const { x } of ticks) context.fillRect(x, field.y - 6, 1, field.height + 6);
  for (const { x, label } of ticks)
    words(context, label, { x, y: field.y - 16, size: 12, colour: COLOURS.pale, align: "center" });
}

function drawRow(context: SKRSContext2D, { field, width }: Chart, row: Row): void {
  const { kind, label, note, state, bar } = row;
  const isStage = kind === "stage";
  const y = row.y + row.height / 2;
  const indent = isStage ? 0 : 16;
  const failed = state === "failed";
  const x = MARGIN + indent;
  words(context, label, { x, y, bold: isStage, most: field.x - GAP - x });
  const colour = failed && !isStage ? FILL.failed : isStage ? COLOURS.ink : COLOURS.pale;
  const noteX = field.x + field.width + GAP;
  words(context, note, { x: noteX, y, colour, bold: isStage || failed, most: width - MARGIN / 2 - noteX });
  if (bar === null) return;
  const box = { x: bar.x, y: y - BAR[kind] / 2, width: bar.width, height: BAR[kind] };
  context.fillStyle = isStage ? COLOURS.stage : FILL[state];
  context.fillRect(box.x, box.y, box.width, box.height);
  if (!isStage && failed) drawFailed(context, box);
}

/** Hatched, and a cross before it: the bar is told from the others without its colour. */
function drawFailed(
  context: SKRSContext2D,
  { x, y, width, height }: { x: number; y: number; width: number; height: number },
): void {
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.strokeStyle = "rgba(255, 255, 255, 0.65)";
  context.lineWidth = 2;
  for (let from = x - height; from < x + width; from += 7) {
    context.beginPath();
    context.moveTo(from, y + height);
    context.lineTo(from + height, y);
    context.stroke();
  }
  context.restore();
  words(context, "✗", { x: x - 4, y: y + height / 2, colour: FILL.failed, bold: true, align: "right" });
}
