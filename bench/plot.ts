// A plot of points as a file of its own.

export interface Point {
  x: number;
  y: number;
}

const [WIDTH, HEIGHT, MARGIN] = [640, 400, 60];
const TICKS = 5;

/** The straight line through `points` that is nearest to all. */
export function regression(points: Point[]): { slope: number; intercept: number; r2: number } {
  const mean = (of: (point: Point) => number) => points.reduce((sum, p) => sum + of(p), 0) / points.length;
  const [mx, my] = [mean(({ x }) => x), mean(({ y }) => y)];
  const sxy = mean(({ x, y }) => (x - mx) * (y - my));
  const sxx = mean(({ x }) => (x - mx) ** 2);
  const syy = mean(({ y }) => (y - my) ** 2);
  const slope = sxy / sxx;
  return { slope, intercept: my - slope * mx, r2: syy === 0 ? 1 : sxy ** 2 / (sxx * syy) };
}

/** An SVG with the points and the line through them; both axes begin at 0. */
export function plot(points: Point[], words: { title: string; x: string; y: string }): string {
  const most = { x: Math.max(...points.map(({ x }) => x)), y: 1.1 * Math.max(...points.map(({ y }) => y)) };
  const at = ({ x, y }: Point) => ({
    x: MARGIN + (x / most.x) * (WIDTH - 2 * MARGIN),
    y: HEIGHT - MARGIN - (y / most.y) * (HEIGHT - 2 * MARGIN),
  });
  const line = (from: Point, to: Point, style: string) => {
    const [a, b] = [at(from), at(to)].map(({ x, y }) => ({ x: x.toFixed(1), y: y.toFixed(1) }));
    return `<line x1="${a?.x}" y1="${a?.y}" x2="${b?.x}" y2="${b?.y}" ${style}/>`;
  };
  const text = (x: number, y: number, what: string, anchor = 'middle') =>
    `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${what}</text>`;
  const { slope, intercept, r2 } = regression(points);
  const ticks = Array.from({ length: TICKS + 1 }, (_, n) => n / TICKS);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(WIDTH / 2, 24, words.title),
    text(WIDTH / 2, HEIGHT - 16, words.x),
    text(MARGIN, MARGIN - 12, words.y),
    ...ticks.map((t) => text(at({ x: t * most.x, y: 0 }).x, HEIGHT - MARGIN + 16, (t * most.x).toFixed(0))),
    ...ticks.map((t) => text(MARGIN - 6, at({ x: 0, y: t * most.y }).y + 4, (t * most.y).toFixed(0), 'end')),
    line({ x: 0, y: 0 }, { x: most.x, y: 0 }, 'stroke="#888"'),
    line({ x: 0, y: 0 }, { x: 0, y: most.y }, 'stroke="#888"'),
    line({ x: 0, y: intercept }, { x: most.x, y: intercept + slope * most.x }, 'stroke="#36c"'),
    ...points.map(at).map(({ x, y }) => `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="3"/>`),
    text(WIDTH - MARGIN, 44, `${intercept.toFixed(0)} + ${slope.toFixed(2)} x, r² ${r2.toFixed(3)}`, 'end'),
    '</svg>',
    '',
  ].join('\n');
}
