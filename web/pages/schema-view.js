/** JSON Schemas for people: a list of members, references as links. */

import { make } from '../js/dom.js';

/**
 * The words between backticks as code, and links as links; all else as it is.
 * @param {string} text
 * @returns {(Node|string)[]}
 */
export function prose(text) {
  return text.split(/(`[^`]+`|\[[^\]]+\]\([^)\s]+\))/).filter((part) => part !== '').map((part) => {
    if (part.startsWith('`') && part.endsWith('`') && part.length > 2) return make('code', {}, part.slice(1, -1));
    const link = /^\[([^\]]+)\]\(([^)\s]+)\)$/.exec(part);
    return link ? make('a', { href: link[2] }, link[1]) : part;
  });
}

const nameOf = (reference) => reference.split('/').pop();

/** Where a schema of this name stands on the page. @param {string} name */
export const placeOf = (name) => `schema-${name}`;

/** A schema in a few words: its type, its bounds. @param {any} schema @returns {(Node|string)[]} */
export function brief(schema) {
  if (schema === true) return ['anything'];
  if (schema.$ref) return [make('a', { href: `#${placeOf(nameOf(schema.$ref))}` }, nameOf(schema.$ref))];
  if (schema.allOf?.length === 1) return brief(schema.allOf[0]);
  const parts = schema.anyOf ?? schema.oneOf;
  if (parts) return parts.flatMap((part, at) => (at === 0 ? brief(part) : [' or ', ...brief(part)]));
  if ('const' in schema) return [make('code', {}, JSON.stringify(schema.const))];
  if (schema.type === 'array') return ['list of ', ...brief(schema.items ?? true)];
  const values = schema.enum ?? schema['x-extensible-enum'];
  const types = [schema.type ?? 'anything'].flat().join(' or ');
  const bounds = [
    schema.format && !/^u?int/.test(schema.format) ? schema.format : '',
    'minimum' in schema || 'maximum' in schema ? `${schema.minimum ?? ''} … ${schema.maximum ?? ''}`.trim() : '',
    'minLength' in schema || 'maxLength' in schema ? `${schema.minLength ?? 0} to ${schema.maxLength ?? 'any number of'} characters` : '',
  ].filter(Boolean);
  const said = bounds.length > 0 ? `${types} (${bounds.join(', ')})` : types;
  return values ? [`${said}: `, ...values.flatMap((value, at) => [at === 0 ? '' : ', ', make('code', {}, String(value))])] : [said];
}

/** A schema in full. @param {any} schema @returns {HTMLElement} */
export function schemaView(schema) {
  const view = make('div', { class: 'schema' });
  if (schema.description) view.append(make('p', {}, ...prose(schema.description)));
  const variants = schema.oneOf ?? schema.anyOf;
  if (variants && variants.some((variant) => variant.properties)) {
    view.append(make('p', {}, 'One of:'), make('ul', { class: 'variants' }, ...variants.map((variant) => make('li', {}, schemaView(variant)))));
    return view;
  }
  if (!schema.properties) {
    view.append(make('p', { class: 'type' }, ...brief(schema)));
    if (schema.pattern) view.append(make('p', { class: 'type' }, 'Pattern: ', make('code', {}, schema.pattern)));
    return view;
  }
  const members = make('dl', { class: 'members' });
  for (const [name, member] of Object.entries(schema.properties)) {
    const needed = schema.required?.includes(name) ? make('span', { class: 'needed' }, 'always') : make('span', {}, 'optional');
    members.append(make('dt', {}, make('code', {}, name), ' ', needed), make('dd', {}, member.properties ? '' : make('span', { class: 'type' }, ...brief(member)),
      member.properties ? schemaView(member) : make('span', {}, ...(member.description ? [' ', ...prose(member.description)] : []))));
  }
  view.append(members);
  if (schema.additionalProperties === false) view.append(make('p', { class: 'type' }, 'Other members are refused.'));
  return view;
}
