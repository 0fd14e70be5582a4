"""How the report looks: on a phone and on a desk, by day and by night."""

from __future__ import annotations

STYLE = """
:root { --ground: #fff; --ink: #1c2430; --quiet: #5b6675; --line: #d5dae1; --card: #f6f8fa;
  --critical: #a3123a; --high: #c2410c; --medium: #8a6100; --low: #2f6f9f; }
@media (prefers-color-scheme: dark) { :root { --ground: #12161c; --ink: #e4e9f0; --quiet: #9aa6b5; --line: #333c48;
  --card: #1a2029; --critical: #ff7a98; --high: #ff9a5c; --medium: #e3bd55; --low: #7dbce8; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 0 auto; padding: 1rem; background: var(--ground);
  color: var(--ink); overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: .5rem 0 0; } h2 { font-size: 1.25rem; margin: 2.5rem 0 .75rem; }
h3 { font-size: 1rem; margin: 0 0 .5rem; } header p { margin: .25rem 0 1rem; } a { color: inherit; }
.quiet, dt, th { color: var(--quiet); font-weight: normal; } .critical { --tone: var(--critical); }
.high { --tone: var(--high); } .medium { --tone: var(--medium); } .low { --tone: var(--low); }
.strip { display: block; width: 100%; height: 24px; border-bottom: 1px solid var(--line); }
.strip path { fill: var(--tone, var(--quiet)); }
figure { margin: 1.5rem 0; } .lanes { list-style: none; margin: 0; padding: 0; }
.lanes li { display: grid; grid-template-columns: 1.75rem 1fr 22rem; gap: .5rem; align-items: end; font-size: .85rem; }
.lanes li > span:last-child { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.lanes .strip { height: 18px; } .lanes a { text-align: right; font-variant-numeric: tabular-nums; }
.scale { display: flex; justify-content: space-between; margin: 0 22.5rem 0 2.25rem; font-size: .8rem;
  color: var(--quiet); }
article { background: var(--card); border-left: 4px solid var(--tone, var(--line)); border-radius: 4px;
  padding: .75rem 1rem; margin: 0 0 1rem; }
article p { margin: 0 0 .75rem; } .number { color: var(--quiet); margin-right: .5rem; }
.badge { color: var(--tone); border: 1px solid var(--tone); border-radius: 3px; padding: 0 .4rem; font-size: .8rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: .75rem 0; font-size: .9rem; }
dd { margin: 0; min-width: 0; } summary { cursor: pointer; font-size: .9rem; color: var(--quiet); }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .9rem; }
td, th { text-align: left; vertical-align: top; padding: .25rem 1rem .25rem 0; border-bottom: 1px solid var(--line); }
td:first-child, th { white-space: nowrap; } td { font-variant-numeric: tabular-nums; overflow-wrap: break-word; }
@media (max-width: 48rem) {
  .lanes li { grid-template-columns: 1.75rem 1fr; } .lanes li > span:last-child { display: none; }
  .scale { margin-right: 0; } dl { grid-template-columns: 1fr; gap: 0; } dt { margin-top: .35rem; }
  article { padding: .75rem; } }
@media print { article { break-inside: avoid; } }
""".strip()
