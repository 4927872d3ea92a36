/** A line for the shell that does what an operation describes. Pure. */

/** @param {string} text */
const quoted = (text) => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/**
 * @param {string} base where the API is
 * @param {string} method
 * @param {string} path with its parameters in braces
 * @param {object} operation
 * @param {(value: object) => any} resolve follows a reference
 */
export function curl(base, method, path, operation, resolve) {
  const parameters = (operation.parameters ?? []).map(resolve);
  const filled = parameters.filter((one) => one.in === 'path').reduce(
    (made, one) => made.replace(`{${one.name}}`, resolve(one.schema).examples?.[0] ?? one.name.toUpperCase()), path);
  const words = ['curl', ...(method === 'get' ? [] : ['-X', method.toUpperCase()]), quoted(base.replace(/\/$/, '') + filled)];
  const schemes = (operation.security ?? []).flatMap((one) => Object.keys(one));
  const isOpen = (operation.security ?? []).some((one) => Object.keys(one).length === 0);
  if (schemes.length > 0 && !isOpen) words.push('-H', quoted(`Authorization: Bearer ${schemes[0] === 'ticket' ? 'TICKET' : 'KEY'}`));
  const media = operation.requestBody?.content?.['application/json'];
  if (media) {
    const [first] = Object.values(media.examples ?? {});
    words.push('-H', quoted('Content-Type: application/json'), '-d', quoted(JSON.stringify(first?.value ?? {})));
  }
  return words.join(' ');
}
