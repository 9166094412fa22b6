/** Writes the generated pages of docs/. With --check, fails if a page differs from the generated one. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { referencePage } from './reference.ts';

const ROOT = join(import.meta.dirname, '../..');
const pages = [{ file: join(ROOT, 'docs/reference.md'), text: referencePage() }];

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
for (const { file, text } of pages) {
	if (!values.check) writeFileSync(file, text);
	else if (readFileSync(file, 'utf8') !== text) {
		process.stderr.write(`${relative(ROOT, file)} is not what the code’s tables say: run \`make docs\`\n`);
		process.exitCode = 1;
	}
}
