// The declarations beside the modules are what the TypeScript compiler reads out of their comments. This checks the
// comments and compares; with --write it writes. `npm run tools` fetches the compiler.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const web = fileURLToPath(new URL('..', import.meta.url));
const compiler = fileURLToPath(new URL('../../target/web-tools/node_modules/typescript/bin/tsc', import.meta.url));
/** What the package exports; what they import is declared with them. */
const EXPORTED = ['otp-verify.js', 'client.js', 'events-client.js'];

if (!existsSync(compiler)) {
  console.log('skipped: the TypeScript compiler is not there; `npm run tools` in web/ fetches it');
  process.exit(0);
}

const isOurs = (name) => name.endsWith('.d.ts') && name !== 'types.d.ts';
const place = mkdtempSync(join(tmpdir(), 'distotp-types-'));
try {
  // A copy without declarations: beside one, the compiler would not look at the module.
  cpSync(join(web, 'js'), join(place, 'js'), { recursive: true, filter: (path) => !isOurs(path.split('/').pop()) });
  const files = EXPORTED.map((name) => join(place, 'js', name));
  const options = ['--allowJs', '--checkJs', '--declaration', '--emitDeclarationOnly', '--target', 'es2023', '--module', 'esnext',
    '--moduleResolution', 'bundler', '--allowImportingTsExtensions', '--lib', 'es2023,dom,dom.iterable', '--strict', 'false', '--types', '',
    '--outDir', join(place, 'out'), '--rootDir', join(place, 'js')];
  const { status, stdout } = spawnSync(process.execPath, [compiler, ...options, ...files], { encoding: 'utf8' });
  if (status !== 0) fail(stdout.replaceAll(place, 'web'));
  const made = list(join(place, 'out')).filter(isOurs);
  if (process.argv.includes('--write')) {
    for (const name of made) writeFileSync(join(web, 'js', name), readFileSync(join(place, 'out', name)));
  } else {
    const kept = list(join(web, 'js')).filter(isOurs);
    const differ = [...new Set([...made, ...kept])].filter((name) => !made.includes(name) || !kept.includes(name)
      || readFileSync(join(web, 'js', name), 'utf8') !== readFileSync(join(place, 'out', name), 'utf8'));
    if (differ.length > 0) fail(`not as the modules say: ${differ.join(', ')}; \`npm run types\` writes them`);
  }
  // An application's view of them, under the strictest rules.
  const strict = ['--noEmit', '--strict', '--target', 'es2023', '--module', 'esnext', '--moduleResolution', 'bundler', '--allowImportingTsExtensions', '--lib', 'es2023,dom,dom.iterable', '--types', ''];
  const used = spawnSync(process.execPath, [compiler, ...strict, join(web, 'tests/types.check.ts')], { encoding: 'utf8' });
  if (used.status !== 0) fail(used.stdout);
  console.log(`${made.length} declarations are as the modules say`);
} finally {
  rmSync(place, { recursive: true });
}

function list(folder) {
  return readdirSync(folder, { recursive: true }).map(String);
}

function fail(why) {
  throw new Error(why);
}
