// What moved, what went along, and what went wrong.
import type { HostVersions } from '../migrate/types.js';
import { byteCount, count, hex } from './format.js';
import { type Html, html, type Value } from './html.js';
import type { FailedOutcome, Outcome } from './types.js';

function grid(label: string, heads: string[], rows: Value[][]): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${label}"><table><thead><tr>${heads.map(
    (head) => html`<th scope="col">${head}</th>`,
  )}</tr></thead><tbody>${rows.map(
    ([name, ...cells]) =>
      html`<tr><th scope="row">${name}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`,
  )}</tbody></table></div>`;
}

/** What failed where, what to do about it, and what became of the process. */
export function failureSection(outcome: FailedOutcome): Html {
  const { error, undone } = outcome;
  return html`<section class="failure" role="alert"><h2>What went wrong</h2>
    <p class="cause">${
      error.findings
        ? `${count(error.findings.length, 'reason')} not to begin; nothing was stopped:`
        : html`${error.phase && html`Phase <b>${error.phase}</b>`} on <b>${error.host}</b>: ${error.message}`
    }</p>
    ${error.remedy && !error.findings && html`<p><b>What to do:</b> ${error.remedy}</p>`}
    ${
      error.findings &&
      html`<ul>${error.findings.map(
        ({ host, code, message, remedy }) =>
          html`<li><b>${host}</b>: ${message}${remedy && html`<br>→ ${remedy}`} <code>${code}</code></li>`,
      )}</ul>`
    }
    ${!error.findings && html`<p>${placeOf(outcome)}</p>`}
    ${
      undone.length > 0 &&
      html`<h3>What was rolled back</h3><ul class="undone">${undone.map(
        ({ what, failure }) =>
          html`<li>${failure ? html`<b class="bad">✗ failed</b>` : html`<b class="good">✓</b>`} ${what}${failure && `: ${failure}`}</li>`,
      )}</ul>`
    }
    <p class="small">Code <code>${error.code}</code></p></section>`;
}

function placeOf({ error, source, destination, committed }: FailedOutcome): string {
  if (!committed) return `It failed before the commit point: the process stays on ${source}.`;
  if (error.code === 'PROCESS_LOST') return 'It failed after the commit point: the process is lost.';
  return `It failed after the commit point: the process belongs to ${destination}, and nothing was undone.`;
}

export function objectsSection({ objects }: Outcome): Html {
  if (!objects) return html``;
  const { qp, mr, cq, contexts } = objects;
  const devices = new Set([...qp, ...mr].flatMap(({ device }) => (device ? [device] : [])));
  const words = [
    count(qp.length, 'QP'),
    count(mr.length, 'MR'),
    count(cq, 'CQ'),
    ...(contexts === undefined ? [] : [count(contexts, 'verbs context')]),
  ].join(', ');
  const on = devices.size > 0 ? ` on ${[...devices].join(', ')}` : '';
  return html`<section><h2>RDMA objects</h2><p>${words}${on}.</p>
    ${
      qp.length > 0 &&
      grid(
        'Queue pairs',
        ['QPN', 'peer QPN', 'type', 'state when frozen', 'device'],
        qp.map(({ qpn, destQpn, type, state, device }) => [
          qpn,
          destQpn ?? '–',
          type ?? '–',
          state ?? '–',
          device ?? '–',
        ]),
      )
    }${
      mr.length > 0 &&
      grid(
        'Memory regions',
        ['lkey', 'rkey', 'length', 'device'],
        mr.map(({ lkey, rkey, length, device }) => [
          hex(lkey),
          hex(rkey),
          length === undefined ? '–' : byteCount(length),
          device ?? '–',
        ]),
      )
    }</section>`;
}

export function alongSection(outcome: Outcome): Html {
  const { carried = [], restartedCalls = [], address, images, source, destination } = outcome;
  if (carried.length === 0 && restartedCalls.length === 0 && !address && !images) return html``;
  return html`<section><h2>What went along</h2>
    ${address && html`<p>Address ${address.ip}: from ${address.from} to ${address.to}.</p>`}
    ${images && html`<p>Images kept: ${source}:${images.source}, ${destination}:${images.destination}.</p>`}
    ${
      carried.length > 0 &&
      grid(
        'Files carried',
        ['file', 'size', 'why'],
        carried.map(({ path, bytes, reason }) => [path, byteCount(bytes), reason]),
      )
    }${
      restartedCalls.length > 0 &&
      html`<p>System calls that slept in the freeze and were begun again:</p>${grid(
        'System calls begun again',
        ['thread', 'call'],
        restartedCalls.map(({ tid, call }) => [tid, call]),
      )}`
    }</section>`;
}

const PARTS: [string, (versions: HostVersions) => string | undefined][] = [
  ['Linux', ({ kernel }) => kernel],
  ['CRIU', ({ criu }) => criu],
  ['roam', ({ roam }) => roam],
  ['rdma_rxe module', ({ module }) => module],
  ['rdma-core', ({ rdmaCore }) => rdmaCore],
];

export function versionsSection({ versions, source, destination }: Outcome): Html {
  if (!versions) return html``;
  const rows = PARTS.map(([name, of]) => [name, of(versions.source) ?? '–', of(versions.destination) ?? '–']);
  return html`<section><h2>Versions</h2>${grid('Versions', ['', source, destination], rows)}</section>`;
}

export function warningsSection({ warnings }: Outcome): Html {
  if (warnings.length === 0) return html``;
  return html`<section class="warnings"><h2>Warnings</h2><ul>${warnings.map((warning) => html`<li>${warning}</li>`)}</ul></section>`;
}
