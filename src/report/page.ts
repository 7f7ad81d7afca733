// One self-contained page about one migration: no network, no script that draws, readable on paper.
import { freezeOf } from './blackout.js';
import { blackoutSection, peerSection, roundsSection } from './charts.js';
import { byteCount, count, seconds } from './format.js';
import { Html, html } from './html.js';
import {
  alongSection,
  failureSection,
  objectsSection,
  versionsSection,
  warningsSection,
} from './sections.js';
import { STYLE } from './style.js';
import { wireWords } from './text.js';
import { timeline, wholeOf } from './timeline.js';
import type { Outcome, PeerView } from './types.js';

/** Nothing is fetched, whatever text came into the page. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'";

/**
 * The report of a migration, whether it succeeded or failed, as the text of an HTML page.
 *
 * @param peer What a peer saw, where it was sampled.
 */
export function reportPage(outcome: Outcome, peer?: PeerView): string {
  const { source, destination, comm, pid, target } = outcome;
  const what = comm && pid ? `${comm} (pid ${pid})` : target;
  const title = `${what}: ${source} to ${destination}`;
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<header>
<h1>${what}: ${source} → ${destination} ${state(outcome)}</h1>
<p class="when">Started ${outcome.startedAt}, took ${seconds(wholeOf(outcome).to)}.</p>
</header>
${facts(outcome, peer)}
${!outcome.ok && failureSection(outcome)}
${blackoutSection(outcome)}
${timeline(outcome)}
${roundsSection(outcome)}
${peerSection(peer)}
${objectsSection(outcome)}
${alongSection(outcome)}
${warningsSection(outcome)}
${versionsSection(outcome)}
</main>
<script type="application/json" id="report">${embedded(outcome, peer)}</script>
</body>
</html>
`;
  return page.toString();
}

function state(outcome: Outcome): Html {
  if (outcome.ok) return html`<span class="state ok">moved</span>`;
  return html`<span class="state no">failed${outcome.error.phase && ` in ${outcome.error.phase}`}</span>`;
}

function facts(outcome: Outcome, peer: PeerView | undefined): Html {
  const { bytes, objects, pids, rounds = [], postCopy } = outcome;
  const freeze = freezeOf(outcome);
  const rows: [string, string][] = [];
  if (!freeze) rows.push(['frozen', 'never']);
  else {
    const until = outcome.ok || outcome.committed ? 'the tasks ran again' : 'it was undone';
    rows.push([`frozen: until ${until}`, seconds(freeze.to - freeze.from)]);
  }
  if (peer?.blackout) rows.push([`blackout as ${peer.host} saw it`, seconds(peer.blackout.ms)]);
  if (rounds.length > 0)
    rows.push(['sent while it ran', byteCount(rounds.reduce((sum, round) => sum + round.bytes, 0))]);
  if (bytes) rows.push(['sent in the freeze', byteCount(bytes)]);
  if (postCopy)
    rows.push(['sent when it ran there', `${byteCount(postCopy.bytes)} in ${seconds(postCopy.ms)}`]);
  const words = wireWords(outcome);
  if (outcome.wire && words) rows.push(['on the wire', byteCount(outcome.wire.wireBytes)]);
  if (pids) rows.push(['moving', count(pids.length, 'process', 'processes')]);
  if (objects) rows.push(['RDMA', `${count(objects.qp.length, 'QP')}, ${count(objects.mr.length, 'MR')}`]);
  return html`<dl class="facts">${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
${words && html`<p class="wire">On the wire: ${words}.</p>`}`;
}

/** JSON that cannot end the element that it is in. */
function embedded(outcome: Outcome, peer: PeerView | undefined): Html {
  const text = JSON.stringify({ ...outcome, ...(peer ? { peer } : {}) });
  return new Html(
    text.replace(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`),
  );
}
