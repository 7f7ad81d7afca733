// A scale of time below a figure.
import type { Span } from './blackout.js';
import { seconds } from './format.js';
import { type Html, html } from './html.js';

const MOST_TICKS = 7;

/** Where a time lies in a window, in percent of its width. */
export function position(at: number, { from, to }: Span): number {
  const share = to > from ? (at - from) / (to - from) : 0;
  return Math.round(Math.min(1, Math.max(0, share)) * 10000) / 100;
}

/** Round times that divide the window, in milliseconds. */
export function ticksOf({ from, to }: Span): number[] {
  const least = (to - from) / MOST_TICKS;
  if (!(least > 0)) return [from];
  const power = 10 ** Math.floor(Math.log10(least));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= least) ?? 10) * power;
  const ticks: number[] = [];
  for (let tick = Math.ceil(from / step) * step; tick <= to; tick += step) ticks.push(tick);
  return ticks;
}

/** How a label stands at its place: one that would leave the figure is pulled in. */
export const anchor = (percent: number, margin = 8): string =>
  percent < margin ? 'start' : percent > 100 - margin ? 'end' : 'middle';

/** @param origin Time that is called 0. */
export function axis(window: Span, origin: number): Html {
  const shifted = { from: window.from - origin, to: window.to - origin };
  return html`<div class="axis">${ticksOf(shifted).map((tick) => {
    const left = position(tick, shifted);
    return html`<span class="tick ${anchor(left)}" style="left:${left}%">${tickText(tick)}</span>`;
  })}</div>`;
}

function tickText(ms: number): string {
  if (ms === 0) return '0';
  return Math.abs(ms) < 1000 ? seconds(ms) : `${Number((ms / 1000).toFixed(2))} s`;
}
