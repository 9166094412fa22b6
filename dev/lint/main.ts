/** Fails when a comment in a TypeScript file of the repository is too wide: `npm run lint:comments`. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { COMMENT_COLUMNS, longComments } from './long-comments.ts';

const ROOT = join(import.meta.dirname, '../..');
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.ts'], {
	cwd: ROOT,
	encoding: 'utf8',
});
const places = files
	.split('\n')
	.filter((file) => file !== '')
	.flatMap((file) => longComments(readFileSync(join(ROOT, file), 'utf8')).map((line) => `${file}:${line}`));
if (places.length > 0) {
	const message = `comments wider than ${COMMENT_COLUMNS} columns (a tab counts as one):`;
	process.stderr.write(`${[message, ...places].join('\n')}\n`);
	process.exitCode = 1;
}
