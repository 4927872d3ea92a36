/** The descriptions for people: every operation of openapi.json, every message of asyncapi.json. */

import { make, setText } from '../js/dom.js';
import { curl } from './curl.js';
import { brief, placeOf, prose, schemaView } from './schema-view.js';

const METHODS = ['get', 'put', 'post', 'delete', 'patch', 'head', 'options'];
const element = (id) => document.getElementById(id);

/** Follows references within a document. */
const resolver = (root) => (value) => {
  if (!value?.$ref) return value;
  return value.$ref.slice(2).split('/').reduce((at, part) => at?.[part.replaceAll('~1', '/').replaceAll('~0', '~')], root);
};

function code(value, name) {
  const text = typeof value === 'string' ? value : JSON.stringify(value, null, 2);
  return make('pre', { tabindex: '0', role: 'region', 'aria-label': name }, make('code', {}, text));
}

function listing(text, name) {
  const button = make('button', { type: 'button', class: 'small copy' }, 'Copy');
  return make('figure', {}, make('figcaption', {}, 'By hand'), button, code(text, name));
}

function security(operation) {
  const names = (operation.security ?? []).map((one) => Object.keys(one)[0] ?? 'nothing');
  return make('p', { class: 'type' }, 'Needs: ', ...names.flatMap((name, at) => [at === 0 ? '' : ' or ',
    name === 'nothing' ? 'nothing' : make('a', { href: `#scheme-${name}` }, name)]));
}

function parameters(operation, resolve) {
  const all = (operation.parameters ?? []).map(resolve);
  if (all.length === 0) return [];
  const list = make('dl', { class: 'members' });
  for (const one of all) {
    list.append(make('dt', {}, make('code', {}, one.name), ' ', make('span', {}, one.in === 'path' ? 'in the path' : 'header')),
      make('dd', {}, make('span', { class: 'type' }, ...brief(one.schema)), ' ', make('span', {}, ...prose(one.description ?? ''))));
  }
  return [make('h4', {}, 'Parameters'), list];
}

function body(operation) {
  const media = operation.requestBody?.content?.['application/json'];
  if (!media) return [];
  const examples = Object.entries(media.examples ?? {});
  return [make('h4', {}, 'Body'), make('p', { class: 'type' }, ...brief(media.schema)),
    ...examples.map(([name, { value }]) => code(value, `${operation.operationId}, body, ${name}`))];
}

function response(operation, status, answer, resolve) {
  const headers = Object.keys(answer.headers ?? {});
  const contents = Object.entries(answer.content ?? {}).flatMap(([media, { schema, examples }]) => [
    make('p', { class: 'type' }, media, ': ', ...brief(schema)),
    ...Object.entries(examples ?? {}).filter(([, { value }]) => Object.keys(value).length > 0)
      .map(([name, { value }]) => code(value, `${operation.operationId}, ${status}, ${name}`))]);
  return make('details', { class: 'answer' }, make('summary', {}, make('b', {}, status), ' ', make('span', {}, ...prose(resolve(answer).description))),
    ...(headers.length > 0 ? [make('p', { class: 'type' }, 'Headers: ', headers.join(', '))] : []), ...contents);
}

function operationView(base, method, path, operation, resolve) {
  const title = make('h3', { id: operation.operationId }, make('span', { class: `method ${method}` }, method.toUpperCase()), ' ', make('code', {}, path));
  return make('section', { class: 'operation', 'aria-labelledby': operation.operationId, 'data-operation': `${method} ${path}` }, title,
    make('p', { class: 'lead' }, operation.summary), make('p', {}, ...prose(operation.description ?? '')), security(operation),
    ...parameters(operation, resolve), ...body(operation), listing(curl(base, method, path, operation, resolve), `${operation.operationId}, curl`),
    make('h4', {}, 'Answers'), ...Object.entries(operation.responses).map(([status, answer]) => response(operation, status, resolve(answer), resolve)));
}

function showOperations(api) {
  const resolve = resolver(api);
  const base = new URL(api.servers?.[0]?.url ?? '/', new URL('.', location.href)).href;
  const all = Object.entries(api.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => ({ path, method, operation: item[method] })))
    .sort((one, two) => one.operation['x-order'] - two.operation['x-order']);
  for (const tag of api.tags) {
    const of = all.filter(({ operation }) => operation.tags.includes(tag.name));
    element('operations').append(make('h2', { id: tag.name }, tag.name), make('p', {}, tag.description ?? ''),
      ...of.map(({ path, method, operation }) => operationView(base, method, path, operation, resolve)));
    const links = of.map(({ method, operation }) => make('li', {}, make('a', { href: `#${operation.operationId}` }, operation.summary), ' ', make('span', { class: 'method' }, method.toUpperCase())));
    element('index').append(make('p', { class: 'group' }, tag.name), make('ul', {}, ...links));
  }
  const schemes = Object.entries(api.components.securitySchemes).flatMap(([name, scheme]) => [
    make('dt', { id: `scheme-${name}` }, make('code', {}, name)), make('dd', {}, ...prose(scheme.description ?? ''), ` (${scheme.bearerFormat})`)]);
  element('operations').append(make('h2', { id: 'authorization' }, 'Authorization'), make('p', {}, 'As ', make('code', {}, 'Authorization: Bearer …'), ', where an operation needs one.'), make('dl', { class: 'members' }, ...schemes));
  element('about').append(...api.info.description.split('\n\n').map((text) => make('p', {}, ...prose(text))));
}

function messageView(name, message) {
  return make('details', { class: 'answer', 'data-message': name }, make('summary', {}, make('b', {}, name), ' ', make('span', {}, message.title ?? '')), schemaView(message.payload));
}

function showEvents(events) {
  const resolve = resolver(events);
  const views = Object.entries(events.channels).map(([name, channel]) => make('section', { class: 'operation', 'aria-labelledby': `channel-${name}` },
    make('h3', { id: `channel-${name}` }, make('code', {}, channel.address)), make('p', {}, ...prose(channel.description ?? '')),
    ...Object.entries(channel.messages).map(([message, reference]) => messageView(message, resolve(reference)))));
  element('events').append(make('h2', { id: 'messages' }, 'Events'), make('p', {}, ...prose(events.info.description)), ...views);
}

function showSchemas(api, events) {
  const all = Object.entries({ ...events.components.schemas, ...api.components.schemas }).sort(([one], [two]) => one.localeCompare(two));
  const links = [['Events', 'messages'], ['Schemas', 'names'], ['Authorization', 'authorization']].map(([text, place]) => make('li', {}, make('a', { href: `#${place}` }, text)));
  element('index').append(make('p', { class: 'group' }, 'Beside'), make('ul', {}, ...links));
  element('schemas').append(make('h2', { id: 'names' }, 'Schemas'), ...all.map(([name, schema]) =>
    make('section', { class: 'named', 'aria-labelledby': placeOf(name) }, make('h3', { id: placeOf(name) }, name), schemaView(schema))));
}

async function read(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

document.addEventListener('click', async ({ target }) => {
  const text = target.closest?.('.copy')?.closest('figure')?.querySelector('code');
  if (!text) return;
  try {
    await navigator.clipboard.writeText(text.textContent);
    setText(element('status'), 'Copied');
  } catch {
    getSelection()?.selectAllChildren(text);
    setText(element('status'), 'Selected: copy it with the keyboard');
  }
});

try {
  const [api, events] = await Promise.all([read('openapi.json'), read('asyncapi.json')]);
  showOperations(api);
  showEvents(events);
  showSchemas(api, events);
  setText(element('status'), '');
  document.body.dataset.state = 'ready';
  // What the address names has come into being just now.
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
} catch (error) {
  setText(element('status'), '');
  setText(element('error'), `The descriptions cannot be read (${error.message}). Please try again in a moment.`);
}
