// The looks of the page: one column, legible on a telephone, on paper, by day and by night.
import { Html } from './html.js';

export const STYLE = new Html(`
:root {
  color-scheme: light dark;
  --text: #1b1f24; --soft: #57606a; --page: #ffffff; --panel: #f4f6f8; --edge: #d0d7de; --lane: rgba(100, 120, 140, .16);
  --before: #4a6a8a; --inside: #b4431f; --after: #2f7a4f; --rollback: #7a4a9c; --failed: #a4001d;
  --band: rgba(180, 67, 31, .18); --good: #1a7f37; --bad: #b3001b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --text: #e6edf3; --soft: #9da7b1; --page: #0d1117; --panel: #161b22; --edge: #30363d; --lane: rgba(150, 170, 190, .16);
    --band: rgba(255, 140, 90, .22); --good: #4ac26b; --bad: #ff7b86;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: .5rem 0; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 0 0 .5rem; }
h3 { font-size: 1rem; margin: 1rem 0 .25rem; }
p, ul { margin: .25rem 0 .75rem; overflow-wrap: anywhere; }
section { margin: 1.75rem 0; }
.small, .when { color: var(--soft); font-size: .875rem; }
.state { display: inline-block; padding: .1rem .6rem; border-radius: 1rem; color: #fff; font-size: 1rem; vertical-align: .15em; }
.state.ok { background: #1a7f37; } .state.no { background: #a4001d; }
.good { color: var(--good); } .bad { color: var(--bad); }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; margin: 1rem 0; }
.facts div { background: var(--panel); border: 1px solid var(--edge); border-radius: .5rem; padding: .6rem .8rem; }
.facts dt { color: var(--soft); font-size: .875rem; } .facts dd { margin: 0; font-size: 1.25rem; font-weight: 600; overflow-wrap: anywhere; }
.failure { border: 2px solid var(--bad); border-radius: .5rem; padding: 1rem; }
.cause { font-size: 1.05rem; }
.undone { list-style: none; padding: 0; }
figure { margin: 1rem 0; }
figcaption { color: var(--soft); font-size: .875rem; margin-bottom: .35rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--edge); font-weight: 400; }
td { white-space: nowrap; } thead th { color: var(--soft); }
tbody th { font-weight: 600; }
.n { text-align: right; font-variant-numeric: tabular-nums; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; font-size: .875rem; color: var(--soft); }
.legend i { display: inline-block; width: .9rem; height: .9rem; border-radius: .15rem; vertical-align: -.1rem; }
.before { background: var(--before); } .inside { background: var(--inside); } .after { background: var(--after); }
.rollback { background: var(--rollback); }
.failed { background: repeating-linear-gradient(-45deg, var(--failed) 0 6px, #d0405a 6px 9px); }
.band { background: var(--band); }
.grid { isolation: isolate; display: grid; grid-template-columns: 8.5rem minmax(0, 1fr); column-gap: .75rem; row-gap: .35rem; }
.grid > * { grid-column: 2; min-width: 0; }
.grid .who { grid-column: 1; align-self: center; font-size: .875rem; overflow-wrap: anywhere; line-height: 1.2; }
.who b { display: block; overflow-wrap: normal; }
.over { grid-row: 1 / 5; position: relative; }
.over i { position: absolute; top: 0; bottom: 0; }
.over .band { min-width: 2px; } .over .line { border-left: 2px dashed var(--text); z-index: 2; }
.over { pointer-events: none; }
.marks { position: relative; height: 1.35rem; font-size: .8rem; line-height: 1.35rem; }
.grid > .marks:nth-child(2) { grid-row: 1; } .grid > [data-lane=source], .grid > [data-lane=source] + .lane { grid-row: 2; }
.grid > [data-lane=destination], .grid > [data-lane=destination] + .lane { grid-row: 3; }
.grid > .marks:nth-last-child(2) { grid-row: 4; }
.mark, .tick { position: absolute; white-space: nowrap; transform: translateX(-50%); }
.mark { padding: 0 .3rem; }
.mark.start, .tick.start { transform: none; } .mark.end, .tick.end { transform: translateX(-100%); }
.lane { position: relative; height: 2.25rem; background: var(--lane); border-radius: .25rem; z-index: 1; }
.bar { position: absolute; top: .25rem; bottom: .25rem; min-width: 2px; border-radius: .15rem; container-type: inline-size; color: #fff; }
.bar b { display: none; font-size: .8rem; font-weight: 500; line-height: 1.75rem; padding: 0 .4rem; white-space: nowrap; }
@container (min-width: 5rem) { .bar b { display: block; } }
.axis { position: relative; height: 1.4rem; border-top: 1px solid var(--edge); font-size: .75rem; color: var(--soft); font-variant-numeric: tabular-nums; }
.bars > div { display: grid; grid-template-columns: 6rem minmax(2rem, 1fr) 8rem; gap: .75rem; align-items: center; font-size: .875rem; margin: .2rem 0; }
.track { background: var(--lane); border-radius: .15rem; height: 1.1rem; }
.track i { display: block; height: 100%; min-width: 2px; background: var(--before); border-radius: .15rem; }
.plot { position: relative; height: 10rem; background: var(--lane); }
.plot svg { position: absolute; inset: 0; width: 100%; height: 100%; } .plot path { fill: var(--before); }
.plot .band { position: absolute; top: 0; bottom: 0; }
code { font-size: .9em; }
@media (max-width: 40rem) {
  .grid { grid-template-columns: 5.5rem minmax(0, 1fr); column-gap: .5rem; }
  .grid .who { font-size: .8rem; }
  .axis .tick:nth-child(even) { display: none; }
  .bars > div { grid-template-columns: 4.5rem minmax(2rem, 1fr) 7rem; gap: .5rem; }
}
@media print {
  :root { color-scheme: light; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main { max-width: none; padding: 0; } section, figure { break-inside: avoid; } .scroll { overflow: visible; }
}
`);
