// What a person with other eyes, hands or ears would stumble over, as far as it can be measured. One line for each.
const faults = [];
const all = (root) => [...root.querySelectorAll('*')].flatMap((one) => [one, ...(one.shadowRoot ? all(one.shadowRoot) : [])]);
const up = (one) => one.parentElement ?? (one.getRootNode().host ?? null);
const isShown = (one) => one.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && one.getClientRects().length > 0;
// Text for ears alone is a pixel wide.
const isUnseen = (one) => { for (let at = one; at; at = up(at)) { if (getComputedStyle(at).clipPath !== 'none') return true; } return false; };
const describe = (one) => `${one.localName}${one.id ? `#${one.id}` : ''} "${(one.textContent ?? '').trim().slice(0, 30)}"`;
const elements = all(document).filter(isShown);

const pen = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
function colour(css) {
  pen.clearRect(0, 0, 1, 1);
  pen.fillStyle = css;
  pen.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
  return [r, g, b, a / 255];
}
const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
function background(one) {
  const layers = [];
  for (let at = one; at; at = up(at)) {
    const layer = colour(getComputedStyle(at).backgroundColor);
    layers.push(layer);
    if (layer[3] === 1) break;
  }
  return layers.reverse().reduce((under, layer) => over(layer, under), [255, 255, 255, 1]);
}
function luminance([r, g, b]) {
  const [R, G, B] = [r, g, b].map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * R + 0.7152 * G + 0.0722 * B;
}
function contrast(one, two) {
  const [light, dark] = [luminance(one), luminance(two)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

let measured = 0;
for (const one of elements) {
  const style = getComputedStyle(one);
  const hasText = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== '') || (one.localName === 'input' && one.value !== '');
  // Disabled controls are exempt (WCAG 1.4.3); letters of the stamp are a picture's.
  if (hasText && !one.disabled && !isUnseen(one) && !one.closest('svg') && one.localName !== 'option') {
    const under = background(one);
    const ratio = contrast(over(colour(style.color), under), under);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    measured += 1;
    if (ratio < (isLarge ? 3 : 4.5)) faults.push(`contrast ${ratio.toFixed(2)}: ${describe(one)}`);
  }
  if (one.matches('button, input, select, summary, a[href], [tabindex="0"]')) {
    const { width, height } = one.getBoundingClientRect();
    // 2.5.8: 24 by 24; a link in a sentence is exempt.
    if (one.localName !== 'a' && !one.matches('[role=heading], [role=alert]') && Math.min(width, height) < 24) faults.push(`target of ${width} x ${height}: ${describe(one)}`);
    const root = one.getRootNode();
    const labelled = (one.getAttribute('aria-labelledby') ?? '').split(' ').map((id) => root.getElementById(id)?.textContent ?? '').join('');
    const name = one.ariaLabel || labelled || [...(one.labels ?? [])].map((label) => label.textContent).join('') || (one.localName === 'input' ? '' : one.textContent);
    if (name.trim() === '') faults.push(`no name: ${describe(one)}`);
  }
  if (one.matches('button, input') && !one.disabled) {
    const edge = colour(style.borderTopColor);
    const fill = colour(style.backgroundColor);
    const under = background(up(one));
    const strongest = Math.max(contrast(over(edge, under), under), contrast(over(fill, under), under));
    // A field of boxes shows itself by its boxes, a quiet button by its underlined text.
    if (strongest < 3 && style.borderTopStyle !== 'none' && parseFloat(style.borderTopWidth) > 0 && style.textDecorationLine !== 'underline') faults.push(`edge ${strongest.toFixed(2)}: ${describe(one)}`);
  }
}
if (measured < 5) faults.push(`only ${measured} texts were looked at`);
const { scrollWidth, clientWidth } = document.documentElement;
if (scrollWidth > clientWidth) faults.push(`${scrollWidth - clientWidth} px too wide`);
const tops = elements.filter((one) => one.matches('h1, [role=heading][aria-level="1"]'));
if (tops.length !== 1) faults.push(`${tops.length} headlines of the first level`);
if (!document.documentElement.lang) faults.push('no language');
if (!all(document).some((one) => one.matches('[role=status]')) || !all(document).some((one) => one.matches('[role=alert]'))) faults.push('no live regions');
return faults;
