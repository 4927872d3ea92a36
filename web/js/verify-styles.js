/**
 * How `<otp-verify>` looks. A constructed stylesheet: a policy without inline styles allows it. Colours, fonts and
 * corners are custom properties with defaults for light and dark, by the `color-scheme` of the page around it.
 */

const CSS = `
:host { display: block; min-inline-size: min(17rem, 100%); }
:host([hidden]), [hidden] { display: none !important; }
*, ::before, ::after { box-sizing: border-box; }
.frame {
  --ink: var(--otp-ink, light-dark(#16150f, #f3f0e4)); --soft: var(--otp-soft, light-dark(#5b5849, #b8b3a0));
  --field: var(--otp-field, light-dark(#fff, #1e1d17)); --edge: var(--otp-edge, light-dark(#7d796a, #8f8a78));
  --accent: var(--otp-accent, light-dark(#16150f, #ffd21f)); --on-accent: var(--otp-on-accent, light-dark(#fff, #16150f));
  --mark: var(--otp-mark, #ffd21f); --danger: var(--otp-danger, light-dark(#ab1a0e, #ff9d8f));
  --wait: var(--otp-wait, light-dark(#754b00, #ffc24d)); --good: var(--otp-good, light-dark(#0b6237, #74dba2));
  --radius: var(--otp-radius, .25rem); --gap: .5rem; --otp-cells: 6;
  --mono: var(--otp-mono, ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", monospace);
  container-type: inline-size; display: grid; gap: 1rem; color: var(--ink); font-family: var(--otp-font, inherit); line-height: 1.45;
}
p, ol { margin: 0; padding: 0; list-style: none; }
.title { margin: 0; font-size: 1.5rem; font-weight: 700; line-height: 1.15; letter-spacing: -.02em; text-wrap: balance; overflow-wrap: anywhere; }
.title:focus, .error:focus { outline: none; }
.lead, .hint, .note { color: var(--soft); text-wrap: pretty; }
.hint, .note, .connection { font-size: .875rem; font-variant-numeric: tabular-nums; }
.note, .connection { color: var(--wait); }
p:empty { display: none; }
form { display: grid; gap: .5rem; justify-items: start; margin: 0; }
label { font-weight: 600; }
button, input { font: inherit; color: inherit; min-block-size: 3rem; border-radius: var(--radius); }
input { inline-size: 100%; min-inline-size: 0; padding: .5rem .75rem; background: var(--field); border: 1px solid var(--edge); }
input[aria-invalid=true] { border-color: var(--danger); box-shadow: inset 0 0 0 1px var(--danger); }
#again { justify-self: start; }
button { padding: .5rem 1.125rem; background: none; border: 1px solid var(--edge); font-weight: 600; cursor: pointer; font-variant-numeric: tabular-nums; }
button:hover { border-color: var(--ink); }
button:disabled { color: var(--soft); border-style: dashed; cursor: not-allowed; }
.primary { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
.primary:disabled { background: none; border-color: var(--edge); color: var(--soft); }
.quiet { border-color: transparent; color: var(--soft); padding-inline: .75rem; text-decoration: underline; text-underline-offset: .2em; }
.primary[aria-busy=true] { cursor: progress; background: repeating-linear-gradient(115deg, var(--accent) 0 .75rem, color-mix(in srgb, var(--accent) 82%, var(--on-accent)) 0 1.5rem); }
/* Digits that the next one replaces are dimmed; a band across the gaps would be the loudest thing there. */
.code input::selection { background: transparent; color: var(--soft); }
.frame:not([data-phase=verified]) #again { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.error { padding: .625rem .875rem; border-inline-start: .25rem solid var(--danger); color: var(--danger); background: color-mix(in srgb, var(--danger) 9%, transparent); }
.row { display: flex; flex-wrap: wrap; gap: .5rem; justify-content: space-between; }

/* One field that looks like several: boxes behind, text over them, each digit as wide as a box. The field is a digit
   wider than the boxes, room for the caret behind the last one, and that is cut off. */
.code {
  --pitch: min(3.75rem, (100cqi + var(--gap)) / var(--otp-cells));
  position: relative; display: flex; gap: var(--gap); direction: ltr; overflow: clip;
  inline-size: calc(var(--pitch) * var(--otp-cells) - var(--gap) + .75rem); margin: -.375rem; padding: .375rem; max-inline-size: calc(100% + .75rem);
}
.box { flex: 1; block-size: 3.75rem; background: var(--field); border: 1px solid var(--edge); border-block-end-width: 3px; border-radius: var(--radius); }
.box[data-full=true] { border-color: var(--ink); }
.code:focus-within .box[data-next=true] { outline: 3px solid var(--accent); outline-offset: 1px; }
.code:has([aria-invalid=true]) .box { border-color: var(--danger); }
.code input {
  position: absolute; inset: .375rem auto auto .375rem; block-size: 3.75rem; inline-size: calc(100% + var(--pitch)); border: 0; background: none; box-shadow: none; outline: none;
  font: 600 1.875rem/1 var(--mono); letter-spacing: calc(var(--pitch) - 1ch); padding: 0 0 0 calc((var(--pitch) - var(--gap) - 1ch) / 2); text-align: left;
}

.steps { display: grid; grid-auto-flow: column; grid-auto-columns: 1fr; gap: .375rem; font-size: .8125rem; }
.steps[data-phase=idle], .status[data-phase=idle] { position: absolute; clip-path: inset(50%); inline-size: 1px; block-size: 1px; overflow: hidden; }
.steps li { border-block-start: .375rem solid color-mix(in srgb, var(--edge) 45%, transparent); padding-block-start: .375rem; color: var(--soft); overflow-wrap: anywhere; }
.steps i { position: absolute; clip-path: inset(50%); inline-size: 1px; block-size: 1px; overflow: hidden; }
.steps [data-state=done] { border-color: var(--ink); color: var(--ink); }
.steps [data-state=active] { border-color: var(--mark); color: var(--ink); font-weight: 600; }
.steps [data-state=deferred] { border-color: var(--wait); border-block-start-style: dashed; color: var(--wait); }
.steps [data-state=failed] { border-color: var(--danger); border-block-start-style: double; color: var(--danger); }
.frame[data-phase=verified] .title { color: var(--good); }
@media (forced-colors: active) { .steps [data-state=active], .box[data-next=true] { border-color: Highlight; } }
`;

let sheet = null;

/** One sheet for all elements on a page. */
export function styleSheet() {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
  }
  return sheet;
}
