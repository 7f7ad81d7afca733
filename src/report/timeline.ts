// The phases on both hosts, as bars on a scale of time.
import type { PhaseRecord } from '../migrate/types.js';
import { anchor, axis, position } from './axis.js';
import { commitOf, freezeOf, overlap, type Span } from './blackout.js';
import { percent, seconds } from './format.js';
import { type Html, html } from './html.js';
import type { Outcome } from './types.js';

/** Half of a label's width on a telephone, in percent. */
const MARK_MARGIN = 18;

type When = 'before' | 'inside' | 'after';

const endOf = ({ startMs, ms }: PhaseRecord): number => startMs + ms;

/** Whether a phase belongs to the freeze, or on which side of it it lies. */
function whenOf(phase: PhaseRecord, freeze: Span | undefined): When {
  if (!freeze || endOf(phase) <= freeze.from) return 'before';
  return overlap(phase, freeze) > 0 ? 'inside' : 'after';
}

/** From the first phase to the last; empty where there was none. */
export function wholeOf({ phases }: Outcome): Span {
  return { from: 0, to: Math.max(0, ...phases.map(endOf)) };
}

export function timeline(outcome: Outcome): Html {
  const whole = wholeOf(outcome);
  if (whole.to === 0) return html``;
  const freeze = freezeOf(outcome);
  return html`<section><h2>Timeline</h2>
    ${legend(outcome, freeze)}
    ${lanes(outcome, whole, `The whole migration: ${seconds(whole.to)}`)}
    ${freeze && lanes(outcome, freeze, `The freeze alone: ${seconds(freeze.to - freeze.from)}`)}
    ${phaseRows(outcome)}
  </section>`;
}

const NAMES: Record<ReturnType<typeof classOf>, string> = {
  before: 'before the freeze',
  inside: 'in the freeze',
  after: 'after it',
  failed: 'failed',
  rollback: 'rolling back',
};

function legend(outcome: Outcome, freeze: Span | undefined): Html {
  const kinds = new Set(outcome.phases.map((phase) => classOf(outcome, phase)));
  const entry = (kind: string, name: string) => html`<span><i class="${kind}"></i> ${name}</span>`;
  return html`<p class="legend">${[...kinds].map((kind) => entry(kind, NAMES[kind]))}${freeze && entry('band', 'process stopped')}</p>`;
}

function lanes(outcome: Outcome, window: Span, title: string): Html {
  const freeze = freezeOf(outcome);
  const commit = commitOf(outcome);
  const inView = commit !== undefined && commit >= window.from && commit <= window.to;
  const mark = (at: number, text: string, kind: string) => {
    const left = position(at, window);
    return html`<span class="mark ${kind} ${anchor(left, MARK_MARGIN)}" style="left:${left}%">${text}</span>`;
  };
  const frozenFrom = freeze && position(freeze.from, window);
  const frozenTo = freeze && position(freeze.to, window);
  return html`<figure class="timeline"><figcaption>${title}</figcaption>
    <div class="grid" role="img" aria-label="${title}. The table below has the same numbers.">
      <div class="over" aria-hidden="true">${
        frozenFrom !== undefined &&
        frozenTo !== undefined &&
        html`<i class="band" style="left:${frozenFrom}%;width:${round(frozenTo - frozenFrom)}%"></i>`
      }${inView && html`<i class="line" style="left:${position(commit, window)}%"></i>`}</div>
      <div class="marks">${
        freeze &&
        frozenFrom !== undefined &&
        frozenTo !== undefined &&
        mark((Math.max(freeze.from, window.from) + Math.min(freeze.to, window.to)) / 2, 'frozen', 'freeze')
      }</div>
      ${(['source', 'destination'] as const).map(
        (host) => html`<div class="who" data-lane="${host}"><b>${host}</b> ${outcome[host]}</div>
      <div class="lane">${outcome.phases
        .filter((phase) => phase.host === host && overlap(phase, window) > 0)
        .map((phase) => bar(outcome, phase, window))}</div>`,
      )}
      <div class="marks">${inView && mark(commit, 'commit point', 'commit')}</div>
      ${axis(window, window.from)}
    </div></figure>`;
}

const round = (value: number): number => Math.round(value * 100) / 100;

function classOf(outcome: Outcome, phase: PhaseRecord): When | 'failed' | 'rollback' {
  if (!outcome.ok && outcome.error.phase === phase.name) return 'failed';
  return phase.name === 'rollback' ? 'rollback' : whenOf(phase, freezeOf(outcome));
}

function bar(outcome: Outcome, phase: PhaseRecord, window: Span): Html {
  const left = position(phase.startMs, window);
  const width = round(position(endOf(phase), window) - left);
  return html`<span class="bar ${classOf(outcome, phase)}" style="left:${left}%;width:${width}%" title="${phase.name}: ${seconds(phase.ms)}"><b>${phase.name}</b></span>`;
}

function phaseRows(outcome: Outcome): Html {
  const freeze = freezeOf(outcome);
  const rows = outcome.phases.map((phase) => {
    const frozen = overlap(phase, freeze);
    const failed = !outcome.ok && outcome.error.phase === phase.name;
    return html`<tr><th scope="row">${phase.name}${failed && html` <b class="bad">failed</b>`}</th><td>${outcome[phase.host]}</td><td class="n">${seconds(phase.startMs)}</td><td class="n">${seconds(phase.ms)}</td>${
      freeze &&
      html`<td class="n">${frozen > 0 && `${seconds(frozen)} (${percent(frozen / (freeze.to - freeze.from))})`}</td>`
    }</tr>`;
  });
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Phases"><table><thead><tr><th scope="col">phase</th><th scope="col">host</th><th scope="col" class="n">start</th><th scope="col" class="n">time</th>${
    freeze && html`<th scope="col" class="n">of it frozen</th>`
  }</tr></thead><tbody>${rows}</tbody></table></div>`;
}
