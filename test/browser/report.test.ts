import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reportPage } from '../../src/report/index.js';
import type { Outcome, PeerView } from '../../src/report/types.js';

interface Case {
  outcome: Outcome;
  peer?: PeerView;
}

const WIDTHS = [1280, 400];
const dir = process.env.ROAM_SCREENSHOTS ?? path.join(tmpdir(), `roam-report-${process.pid}`);

/** Reports of real moves: an ib_send_bw with its peer's samples, one that had no room, one without RDMA. */
async function fixture(name: string): Promise<Case> {
  return JSON.parse(await readFile(new URL(`../fixtures/report/${name}.json`, import.meta.url), 'utf8'));
}

async function withRounds(): Promise<Case> {
  const { outcome, peer } = await fixture('moved');
  const round = (n: number, bytes: number, unchanged: number) => ({
    round: n,
    ms: bytes / 40_000,
    bytes,
    pages: Math.round(bytes / 4096),
    unchanged,
    rate: 40_000_000,
    dirtyRate: 1234.5,
    ...(n > 1 ? { predictedMs: 17_000 / n } : {}),
  });
  const rounds = [round(1, 812_345_678, 0), round(2, 90_000_000, 176_000), round(3, 1_200_000, 198_000)];
  return { outcome: { ...outcome, rounds } as Outcome, ...(peer ? { peer } : {}) };
}

async function hostile(): Promise<Case> {
  const { outcome } = await fixture('failed');
  const text = '</script><script>document.title="owned"</script><img src="http://10.255.255.1/x.png">"\'&';
  const failed = outcome as Extract<Outcome, { ok: false }>;
  return {
    outcome: {
      ...failed,
      comm: text,
      source: text,
      warnings: [text],
      undone: [{ what: text, failure: text }],
      error: { ...failed.error, message: text.repeat(5), remedy: text },
    },
  };
}

const CASES: [string, () => Promise<Case>][] = [
  ['moved', () => fixture('moved')],
  ['failed', () => fixture('failed')],
  ['sleeper', () => fixture('sleeper')],
  ['rounds', withRounds],
  ['hostile', hostile],
];

let browser: Browser;

beforeAll(async () => {
  await mkdir(dir, { recursive: true });
  browser = await chromium.launch({
    executablePath: process.env.ROAM_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  });
}, 60_000);
afterAll(async () => {
  await browser?.close();
  if (!process.env.ROAM_SCREENSHOTS) await rm(dir, { recursive: true, force: true });
});

interface Opened {
  page: Page;
  /** Everything that the browser complained about. */
  complaints: string[];
  /** Every address that it asked for. */
  requests: string[];
}

async function open(name: string, { outcome, peer }: Case, width: number, script = true): Promise<Opened> {
  const file = path.join(dir, `${name}.html`);
  await writeFile(file, reportPage(outcome, peer));
  const context = await browser.newContext({ viewport: { width, height: 900 }, javaScriptEnabled: script });
  const page = await context.newPage();
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => requests.push(request.url()));
  await page.goto(pathToFileURL(file).href);
  return { page, complaints, requests };
}

/** Pairs of labels of one figure that overlap, and labels that leave their figure. */
const badLabels = (page: Page) =>
  page.evaluate(() => {
    const problems: string[] = [];
    const seen = (element: Element) => element.getClientRects().length > 0;
    for (const figure of document.querySelectorAll('figure')) {
      const frame = figure.getBoundingClientRect();
      const labels = [...figure.querySelectorAll('figcaption, .who, .mark, .tick, .bar b, .bars span')]
        .filter((label) => seen(label) && label.textContent?.trim())
        .map((label) => {
          const range = document.createRange();
          range.selectNodeContents(label);
          return { text: label.textContent, box: range.getBoundingClientRect(), own: label.parentElement };
        });
      for (const [i, { text, box, own }] of labels.entries()) {
        if (box.left < frame.left - 1 || box.right > frame.right + 1)
          problems.push(`"${text}" leaves the figure`);
        const bar = own?.matches('.bar') ? own.getBoundingClientRect() : undefined;
        if (bar && (box.left < bar.left || box.right > bar.right)) problems.push(`"${text}" leaves its bar`);
        for (const other of labels.slice(i + 1)) {
          const apart =
            box.right <= other.box.left ||
            other.box.right <= box.left ||
            box.bottom <= other.box.top + 2 ||
            other.box.bottom <= box.top + 2;
          if (!apart) problems.push(`"${text}" and "${other.text}" overlap`);
        }
      }
    }
    return problems;
  });

describe.each(CASES)('the page of a migration: %s', (name, load) => {
  it.each(WIDTHS)('%i pixels wide: fits, nothing overlaps, nothing is fetched', async (width) => {
    const { page, complaints, requests } = await open(name, await load(), width);
    expect(complaints).toEqual([]);
    expect(requests).toEqual([page.url()]);
    expect(await badLabels(page)).toEqual([]);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(wide, 'the page scrolls sideways').toBeLessThanOrEqual(width);
    if (process.env.ROAM_SCREENSHOTS)
      await page.screenshot({ path: path.join(dir, `${name}-${width}.png`), fullPage: true });
    await page.context().close();
  });
});

describe('the page of a migration', () => {
  it('shows both lanes, each phase in its own, the freeze and the commit point', async () => {
    const { outcome, peer } = await fixture('moved');
    const { page } = await open('moved', { outcome, peer }, 1280, false);
    for (const lane of ['source', 'destination'] as const) {
      await page.locator(`[data-lane=${lane}]`).first().waitFor({ state: 'visible' });
      const names = await page
        .locator(`.timeline >> nth=0 >> [data-lane=${lane}] + .lane .bar`)
        .evaluateAll((bars) => bars.map((bar) => bar.textContent));
      expect(names).toEqual(outcome.phases.filter(({ host }) => host === lane).map((phase) => phase.name));
    }
    // A bar lies where its phase lies in time.
    const whole = await page.locator('.timeline >> nth=0 >> .over').boundingBox();
    const dump = await page.locator('.timeline >> nth=0 >> .bar:has-text("dump")').boundingBox();
    const record = outcome.phases.find((phase) => phase.name === 'dump');
    const end = Math.max(...outcome.phases.map(({ startMs, ms }) => startMs + ms));
    const expected = (whole?.x ?? 0) + ((record?.startMs ?? 0) / end) * (whole?.width ?? 0);
    expect(Math.abs((dump?.x ?? 0) - expected)).toBeLessThan(2);
    expect(await page.locator('.mark.freeze').count()).toBe(2);
    expect(await page.locator('.mark.commit').count()).toBe(2);
    const text = await page.locator('main').innerText();
    for (const part of ['QPN', '4098', '12290', '0x40287', 'ib_send_bw.out', 'as peer saw it', '17.08 s'])
      expect(text).toContain(part);
    await page.context().close();
  });

  it('tells of a failure where, why, what to do and what was rolled back', async () => {
    const { page } = await open('failed', await fixture('failed'), 1280, false);
    const text = await page.getByRole('alert').innerText();
    for (const part of ['transfer', 'Wrote only 5120', 'see that b has room', 'the process stays on a'])
      expect(text).toContain(part);
    expect(await page.locator('.undone li').count()).toBe(5);
    expect(await page.locator('.bar.failed').count()).toBe(2);
    await page.context().close();
  });

  it('shows text as text', async () => {
    const { page } = await open('hostile', await hostile(), 1280);
    expect(await page.title()).toContain('</script>');
    expect(await page.locator('img').count()).toBe(0);
    const report = await page.evaluate(() =>
      JSON.parse(document.getElementById('report')?.textContent ?? ''),
    );
    expect(report.comm).toContain('</script><script>');
    await page.context().close();
  });
});
