/** The little that is needed to make elements without markup in strings. */

/**
 * @param {string} tag
 * @param {Record<string, string|boolean>} [attributes] true sets one without a value, false leaves it out
 * @param {...(Node|string)} children
 * @returns {HTMLElement}
 */
export function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children);
  return made;
}

/** Writes only what changed, so that nothing is read out twice. @param {Node} target @param {string} text */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** Writes only what changed, so that no style is computed again. @param {Element} target */
export function setState(target, name, value) {
  if (target.getAttribute(name) !== value) target.setAttribute(name, value);
}
