import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { curl } from '../pages/curl.js';
import { WORDS, wordsFor } from '../pages/report-words.js';
import { knownLocales } from '../js/messages.js';

const read = (path) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const modules = readdirSync(new URL('../pages/', import.meta.url)).map((name) => `pages/${name}`);

test('nothing that a strict content security policy forbids', () => {
  for (const path of ['docs.html', 'report.html']) assert.doesNotMatch(read(path), /<style|\sstyle=|<script(?![^>]*\ssrc=)|\son\w+=|javascript:|data:/, path);
  for (const path of [...modules, 'styles/pages.css']) {
    assert.doesNotMatch(read(path).replace(/^\s*\/?\*.*$/gm, ''), /https?:\/\/|\burl\(|@import|\beval\(|innerHTML|insertAdjacentHTML|\.cssText/, path);
  }
});

test('the pages are light, and none of it is on the first page', () => {
  const files = [...modules, 'docs.html', 'report.html', 'styles/pages.css', 'styles/page.css', 'js/dom.js'];
  const bytes = files.reduce((sum, path) => sum + gzipSync(read(path), { level: 9 }).length, 0);
  assert.ok(bytes < 25_000, `${bytes} bytes`);
  assert.doesNotMatch(read('index.html') + read('js/page.js'), /pages\//);
});

test('a report is worded in every language that the first page has', () => {
  const names = Object.keys(WORDS.en);
  for (const [language, words] of Object.entries(WORDS)) assert.deepEqual(Object.keys(words), names, language);
  const page = read('report.html');
  for (const [, name, text] of page.matchAll(/data-t="(\w+)"[^>]*>([^<]*)</g)) assert.equal(text, WORDS.en[name], name);
  for (const language of ['en', 'de', 'fr', 'es']) assert.ok(knownLocales().includes(language) && language in WORDS, language);
  assert.equal(wordsFor(['pt-BR', 'fr-CA', 'de']).language, 'fr');
  assert.equal(wordsFor([]).language, 'en');
});

test('a line for the shell has method, path, key and body', () => {
  const resolve = (value) => value;
  const operation = {
    parameters: [{ in: 'path', name: 'id', schema: { examples: ['abc'] } }, { in: 'header', name: 'traceparent', schema: {} }],
    security: [{ ticket: [] }],
    requestBody: { content: { 'application/json': { examples: { one: { value: { code: "it's" } } } } } },
  };
  assert.equal(curl('https://a.test/', 'post', '/v1/x/{id}', operation, resolve),
    String.raw`curl -X POST 'https://a.test/v1/x/abc' -H 'Authorization: Bearer TICKET' -H 'Content-Type: application/json' -d '{"code":"it'\''s"}'`);
  assert.equal(curl('/', 'get', '/health', { security: [{}] }, resolve), "curl '/health'");
});
