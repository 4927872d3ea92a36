import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { test } from 'node:test';

const read = (path) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const html = read('index.html');

/** Everything that the page makes the browser load. */
function loaded() {
  const files = new Set(['index.html']);
  for (const [, path] of html.matchAll(/(?:src|href)="([\w./-]+\.(?:js|css|svg))"/g)) files.add(path);
  const queue = [...files].filter((path) => path.endsWith('.js'));
  for (const path of queue) {
    for (const [, name] of read(path).matchAll(/^import .* from '\.\/(.+)';$/gm)) {
      if (!files.has(`js/${name}`)) queue.push(`js/${name}`);
      files.add(`js/${name}`);
    }
  }
  return [...files];
}

test('the page stays under 60 KiB', () => {
  const files = loaded();
  const size = files.reduce((sum, path) => sum + statSync(new URL(`../${path}`, import.meta.url)).size, 0);
  assert.ok(files.length > 10, files.join());
  assert.ok(size < 60 * 1024, `${size} bytes`);
});

test('nothing that a strict content security policy forbids', () => {
  assert.doesNotMatch(html, /<style|\sstyle=|<script(?![^>]*\ssrc=)|\son\w+=|javascript:|data:/);
  for (const path of loaded()) {
    const text = read(path).replaceAll('http://www.w3.org/2000/svg', '');
    assert.doesNotMatch(text, /https?:\/\/|url\(|@import|\beval\(|innerHTML|insertAdjacentHTML|\.cssText|setAttribute\('style/, path);
  }
});

test('the elements that other tests rely on are there', () => {
  const ids = ['email-form', 'email', 'send', 'error', 'stepper', 'status', 'connection', 'code-form', 'code', 'check', 'resend',
    'cancel', 'expires', 'resend-in', 'log', 'verified', 'token', 'again'];
  const readme = read('README.md');
  for (const id of ids) {
    assert.equal(html.split(`id="${id}"`).length, 2, id);
    assert.ok(readme.includes(`#${id}`), `${id} in README.md`);
  }
  const steps = [...html.matchAll(/data-step="(\w+)" data-state="todo"/g)].map(([, step]) => step);
  assert.deepEqual(steps, ['queued', 'sending', 'sent', 'verified']);
});

test('every id that the scripts ask for exists', () => {
  const asked = ['js/page.js', 'js/view.js'].flatMap((path) => [...read(path).matchAll(/element\('([\w-]+)'\)/g)].map(([, id]) => id));
  const [, list] = read('js/page.js').match(/= \[\s*('title'[^\]]+)\]/);
  for (const id of [...asked, ...[...list.matchAll(/'([\w-]+)'/g)].map((match) => match[1])]) assert.ok(html.includes(`id="${id}"`), id);
});
