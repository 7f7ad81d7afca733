// Figures other than the timeline: bars of equal kind, and the rate that a peer saw.
import { axis, position } from './axis.js';
import { limitOf, type Span, sharesOf } from './blackout.js';
import { byteCount, percent, perSecond, seconds } from './format.js';
import { type Html, html } from './html.js';
import type { Outcome, PeerView } from './types.js';

interface Bar {
  label: string;
  value: number;
  text: string;
}

function bars(title: string, rows: Bar[]): Html {
  const most = Math.max(1, ...rows.map(({ value }) => value));
  return html`<figure class="bars"><figcaption>${title}</figcaption>${rows.map(
    ({ label, value, text }) =>
      html`<div><span>${label}</span><span class="track" aria-hidden="true"><i style="width:${Math.round((value / most) * 1000) / 10}%"></i></span><span class="n">${text}</span></div>`,
  )}</figure>`;
}

/** What the blackout was made of. */
export function blackoutSection(outcome: Outcome): Html {
  const limit = limitOf(outcome);
  if (!limit) return html``;
  const rows = sharesOf(outcome).map(({ phase, ms, share }) => ({
    label: phase,
    value: ms,
    text: `${seconds(ms)} (${percent(share)})`,
  }));
  return html`<section><h2>What limited the blackout</h2><p>${limit}.</p>${bars('The freeze by phases', rows)}</section>`;
}

/** Rounds of pre-copy. */
export function roundsSection({ rounds = [] }: Outcome): Html {
  if (rounds.length === 0) return html``;
  const rows = rounds.map(
    ({ round, ms, bytes, pages, unchanged, rate, dirtyRate, predictedMs }) =>
      html`<tr><th scope="row">${round}</th><td class="n">${seconds(ms)}</td><td class="n">${byteCount(bytes)}</td><td class="n">${pages}</td><td class="n">${unchanged}</td><td class="n">${perSecond(rate)}</td><td class="n">${
        dirtyRate === undefined ? '–' : Math.round(dirtyRate)
      }</td><td class="n">${predictedMs === undefined ? '–' : seconds(predictedMs)}</td></tr>`,
  );
  const heads = ['time', 'sent', 'pages', 'unchanged', 'rate', 'pages dirtied/s', 'predicted blackout'];
  return html`<section><h2>Pre-copy</h2>${bars(
    'Bytes sent by round, while the process ran',
    rounds.map(({ round, bytes }) => ({ label: `round ${round}`, value: bytes, text: byteCount(bytes) })),
  )}<div class="scroll" tabindex="0" role="region" aria-label="Rounds of pre-copy"><table><thead><tr><th scope="col">round</th>${heads.map(
    (head) => html`<th scope="col" class="n">${head}</th>`,
  )}</tr></thead><tbody>${rows}</tbody></table></div></section>`;
}

interface Rate extends Span {
  /** Messages or bytes per second. */
  rate: number;
}

/** The rate between each two samples, in a window around the blackout as wide as three of it. */
export function ratesOf({ samples, blackout, messageSize = 1 }: PeerView): Rate[] {
  const margin = blackout ? Math.max(5000, blackout.ms) : Number.POSITIVE_INFINITY;
  const from = (blackout?.from ?? 0) - margin;
  const to = (blackout?.to ?? 0) + margin;
  return samples.slice(1).flatMap((sample, i) => {
    const before = samples[i] as PeerView['samples'][number];
    const ms = sample.t - before.t;
    if (ms <= 0 || sample.t < from || before.t > to) return [];
    return [
      { from: before.t, to: sample.t, rate: ((sample.received - before.received) * messageSize * 1000) / ms },
    ];
  });
}

const HEIGHT = 100;
const WIDTH = 1000;

/** Throughput as the peer saw it; nothing where nobody sampled it. */
export function peerSection(peer: PeerView | undefined): Html {
  const rates = peer ? ratesOf(peer) : [];
  const [first, last] = [rates[0], rates.at(-1)];
  if (!peer || !first || !last) return html``;
  const window = { from: first.from, to: last.to };
  const most = Math.max(1, ...rates.map(({ rate }) => rate));
  const x = (t: number) => (position(t, window) * WIDTH) / 100;
  const y = (rate: number) => Math.round((HEIGHT - (rate / most) * HEIGHT) * 10) / 10;
  const steps = rates.map(({ from, to, rate }) => `L${x(from)} ${y(rate)}L${x(to)} ${y(rate)}`).join('');
  const { blackout, messageSize } = peer;
  const unit = messageSize === undefined ? `${Math.round(most)} messages/s` : perSecond(most);
  const gap = blackout && { at: position(blackout.from, window), to: position(blackout.to, window) };
  const words = blackout
    ? `${seconds(blackout.ms)} without a completion (sampled to within ${blackout.resolutionMs} ms)`
    : 'no blackout was seen';
  return html`<section><h2>Throughput as ${peer.host} saw it</h2><p>${words}. Times are from the begin of the blackout, by the clock of ${peer.host}.</p>
    <figure class="rate"><figcaption>Received, up to ${unit}</figcaption>
    <div class="plot">${gap && html`<i class="band" style="left:${gap.at}%;width:${Math.round((gap.to - gap.at) * 100) / 100}%"></i>`}<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="Throughput over time: ${words}"><path d="M${x(window.from)} ${HEIGHT}${steps}L${x(window.to)} ${HEIGHT}Z"/></svg></div>
    ${axis(window, blackout?.from ?? window.from)}</figure></section>`;
}
