"""How the page looks: one style sheet, in the page itself, known to the browser by its hash.

There is nothing in it that comes from anywhere else.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from typing import Final

STYLE: Final = """
:root{color-scheme:light dark;--ground:#f4f6f7;--paper:#fff;--ink:#182026;--soft:#55636e;
--line:#dfe5e9;--accent:#2b6a8c;--well:#17784a;--attention:#8a5a00;--trouble:#b3261e;
--unknown:#5f6b75;--wellSoft:#e7f4ec;--attentionSoft:#fdf3dd;--troubleSoft:#fdeae8}
@media (prefers-color-scheme:dark){:root{--ground:#0f1418;--paper:#171d22;--ink:#e4e9ec;
--soft:#9fadb8;--line:#2a333a;--accent:#79bcdd;--well:#56c88f;--attention:#e9b949;
--trouble:#ff8f84;--unknown:#9fadb8;--wellSoft:#12261c;--attentionSoft:#2a220f;
--troubleSoft:#2f1716}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);
font:15px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
font-variant-numeric:tabular-nums;overflow-wrap:break-word}
.wide{max-width:74rem;margin:0 auto;padding:0 1.25rem}
a{color:var(--accent)}
a:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
h1,h2,h3,p,ul,dl,dd,ol{margin:0;padding:0}
h1{font-size:1.6rem;line-height:1.25;font-weight:650;letter-spacing:-.01em}
h2{font-size:.82rem;font-weight:650;color:var(--soft);text-transform:uppercase;
letter-spacing:.06em;margin:2rem 0 .7rem}
h3{font-size:1.05rem;font-weight:650}
.soft{color:var(--soft)}
.small{font-size:.84rem}
.none{color:var(--soft);padding:.2rem 0}
header{padding:1.6rem 0 1.4rem;border-bottom:1px solid var(--line)}
header.well{background:var(--wellSoft)}
header.attention{background:var(--attentionSoft)}
header.trouble{background:var(--troubleSoft)}
.state{display:grid;grid-template-columns:auto 1fr;gap:.1rem .9rem;align-items:center}
.state .mark{width:2.1rem;height:2.1rem}
.state .soft{grid-column:2}
.troubles{list-style:none;margin-top:1rem;display:grid;gap:.55rem}
.troubles li{display:grid;grid-template-columns:auto 1fr;gap:.1rem .6rem;align-items:start;
background:var(--paper);border:1px solid var(--line);border-radius:8px;padding:.6rem .8rem}
.troubles .mark{margin-top:.15rem}
.troubles p+p{grid-column:2}
.mark{width:1.05em;height:1.05em;flex:none;vertical-align:-.16em}
.mark .shape{fill:currentColor}
.mark .line{fill:none;stroke:var(--paper);stroke-width:1.6;stroke-linecap:round;
stroke-linejoin:round}
.mark.unknown .shape{fill:none;stroke:currentColor;stroke-width:1.4;stroke-dasharray:2.4 2}
.mark.unknown .line{stroke:currentColor}
.mark.well,b.well{color:var(--well)}
.mark.attention,b.attention{color:var(--attention)}
.mark.trouble,b.trouble{color:var(--trouble)}
.mark.unknown,b.unknown{color:var(--unknown)}
b{font-weight:600}
.tiles,.cards,.pairs{display:grid;gap:1rem}
.tiles{grid-template-columns:repeat(auto-fit,minmax(15rem,1fr));margin-top:1.4rem}
.cards{grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr))}
.pairs{grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:0 1.5rem}
.tile,.card,.sheet{background:var(--paper);border:1px solid var(--line);border-radius:10px}
.tile{padding:.8rem 1rem .7rem}
.tile h2{margin:0;text-transform:none;letter-spacing:0;font-size:.88rem;font-weight:600}
.figure{font-size:1.75rem;font-weight:650;line-height:1.3;letter-spacing:-.01em}
.figure span{font-size:.88rem;font-weight:400;color:var(--soft);letter-spacing:0}
.spark{display:block;width:100%;height:2.6rem;margin-top:.25rem}
.spark .bars{fill:var(--accent)}
.spark .base{stroke:var(--line);stroke-width:1;fill:none;vector-effect:non-scaling-stroke}
.axis{display:flex;justify-content:space-between;font-size:.78rem;color:var(--soft)}
.card{padding:.9rem 1rem 1rem}
.top{display:flex;flex-wrap:wrap;justify-content:space-between;gap:0 1rem}
.top b{white-space:nowrap}
.facts{display:grid;grid-template-columns:repeat(4,auto);justify-content:space-between;
gap:.2rem 1rem;margin:.7rem 0 .2rem}
.facts dt{font-size:.78rem;color:var(--soft)}
.facts dd{font-weight:600}
.backend{border-top:1px solid var(--line);margin-top:.7rem;padding-top:.7rem}
.name{font-weight:600;padding-left:.45em}
.strip{display:block;width:100%;height:4px;margin:.45rem 0 .25rem}
.part0{fill:var(--accent)}
.part1{fill:var(--accent);opacity:.65}
.part2{fill:var(--accent);opacity:.85}
.part3{fill:var(--accent);opacity:.45}
.failed{fill:var(--trouble)}
.sheet{padding:.15rem 1rem}
table{width:100%;border-collapse:collapse}
th,td{text-align:left;vertical-align:top;padding:.5rem .9rem .5rem 0}
tbody th,td{overflow-wrap:anywhere}
thead th,.number,.short{white-space:nowrap;overflow-wrap:normal}
th:last-child,td:last-child{padding-right:0}
thead th{font-size:.78rem;font-weight:600;color:var(--soft);border-bottom:1px solid var(--line)}
tbody th{font-weight:600}
tbody tr+tr th,tbody tr+tr td{border-top:1px solid var(--line)}
.number{text-align:right}
footer.wide{margin:2.4rem auto 0;padding-top:1rem;padding-bottom:2rem;
border-top:1px solid var(--line);color:var(--soft);font-size:.84rem}
footer ul{list-style:none;display:flex;flex-wrap:wrap;gap:.3rem 1.3rem;margin-bottom:.4rem}
@media (max-width:44rem){.wide{padding:0 .9rem}h1{font-size:1.35rem}
.tiles{grid-template-columns:repeat(3,minmax(0,1fr));gap:.5rem;margin-top:1rem}
.tile{padding:.55rem .6rem}.tile h2{font-size:.78rem}.spark{height:1.8rem}
.figure{font-size:1.2rem}.figure span{display:block;font-size:.74rem}.axis{display:none}
.facts{grid-template-columns:repeat(2,auto);justify-content:start;gap:.3rem 2.5rem}
.stack thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.stack tr,.stack th,.stack td{display:block;padding:.1rem 0;text-align:left}
.stack tbody tr{padding:.6rem 0}
.stack tbody tr+tr{border-top:1px solid var(--line)}
.stack tbody tr+tr th,.stack tbody tr+tr td{border-top:0}
.stack td[data-label]::before{content:attr(data-label) " ";color:var(--soft);font-size:.84rem}}
""".strip()

HASH: Final = b64encode(sha256(STYLE.encode()).digest()).decode()
"""By which a Content-Security-Policy lets the sheet, and no other, do its work."""
