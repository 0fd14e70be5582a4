"""How a card looks: on a phone, on a desk and on paper, by day and by night."""

from __future__ import annotations

STYLE = """
:root { --ground: #fff; --ink: #1c2430; --quiet: #566170; --line: #d5dae1; --card: #f6f8fa; --blue: #1f6fb2;
  --range: #1f6fb233; --red: #b3261e; --good: #1d7a46; }
@media (prefers-color-scheme: dark) { :root { --ground: #12161c; --ink: #e4e9f0; --quiet: #9aa6b5; --line: #333c48;
  --card: #1a2029; --blue: #6cb6f5; --range: #6cb6f540; --red: #ff8f86; --good: #6fd39b; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; background: var(--ground);
  color: var(--ink); overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: .5rem 0 0; } h2 { font-size: 1.2rem; margin: 2.25rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 .25rem; } p { margin: .35rem 0 .6rem; }
ul { padding-left: 1.2rem; margin: .3rem 0; } li { margin: .25rem 0; }
.quiet, figcaption, th { color: var(--quiet); font-weight: normal; }
.first { background: var(--card); border-left: 4px solid var(--blue); border-radius: 4px; padding: .5rem 1rem;
  margin: 1rem 0; } .refused { border-color: var(--red); } .passed { border-color: var(--good); }
code { background: var(--card); padding: 0 .25rem; border-radius: 3px; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); gap: 1rem 2rem; }
figure { margin: .5rem 0; min-width: 0; } figcaption { font-size: .875rem; }
.plot { display: block; width: 100%; max-width: 30rem; height: auto; } .plot text { font: 12px system-ui, sans-serif;
  fill: var(--quiet); } .plot .label { fill: var(--ink); } .grid { stroke: var(--line); stroke-width: 1; }
.range { fill: var(--range); } .line { fill: none; stroke: var(--blue); stroke-width: 2; } .even { fill: none;
  stroke: var(--quiet); stroke-dasharray: 4 4; } .bar { stroke: var(--blue); stroke-width: 2; }
.dot { fill: var(--blue); }
.area { fill: var(--range); stroke: var(--blue); } .attacks { fill: none; stroke: var(--red); stroke-width: 2; }
.red { fill: var(--red); } .strip { display: block; width: 5rem; height: .6rem; margin-top: .45rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .9rem; margin: .25rem 0; }
td, th { text-align: left; vertical-align: top; padding: .2rem 1rem .2rem 0; border-bottom: 1px solid var(--line); }
td { font-variant-numeric: tabular-nums; } .number { text-align: right; white-space: nowrap; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: .5rem 0; font-size: .9rem; }
dt { color: var(--quiet); } dd { margin: 0; min-width: 0; } summary { cursor: pointer; color: var(--quiet); }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr; gap: 0; } dt { margin-top: .35rem; }
  td, th { padding-right: .6rem; } .strip { width: 3rem; }
  .folds, .folds tbody { display: block; } .folds tr { display: grid; grid-template-columns: 1fr 2fr 1fr 1fr;
    border-bottom: 1px solid var(--line); } .folds :is(td, th) { border: 0; padding: 0 0 .2rem; white-space: normal; }
  .folds :is(td, th):first-child { grid-column: 1 / -1; padding-top: .3rem; } }
@media print { .first, figure, table { break-inside: avoid; } }
""".strip()
