/** Runs the examples of docs/api.md, top to bottom in one shell, and compares what they print with what the page says. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { marked, type Tokens } from 'marked';
import { expect, test } from 'vitest';
import { startOpenBao } from '../support/openbao.ts';
import { onPath, runProcess } from '../support/process.ts';
import { caller } from './support/api.ts';
import { vaultEnv } from './support/both.ts';
import { startApiProcess } from './support/process.ts';

const PAGE = join(import.meta.dirname, '../../docs/api.md');
const BETWEEN = '---- next example ----';

interface Example {
	readonly script: string;
	/** JSON that the page shows below it. */
	readonly printed: unknown;
}

async function examples(): Promise<readonly Example[]> {
	const blocks = marked
		.lexer(await readFile(PAGE, 'utf8'))
		.filter(
			(token): token is Tokens.Code => token.type === 'code' && ['sh', 'json'].includes(token.lang ?? ''),
		);
	return blocks.flatMap((block, i) =>
		block.lang === 'sh' ? [{ script: block.text, printed: JSON.parse(blocks[i + 1]?.text ?? 'null') }] : [],
	);
}

test.skipIf(onPath('jq') === undefined || onPath('curl') === undefined)(
	'the examples of docs/api.md print what the page says (needs curl and jq)',
	{ timeout: 120_000 },
	async () => {
		const wanted = await examples();
		expect(wanted.length).toBeGreaterThan(8);
		await using bao = await startOpenBao();
		const alice = caller('user:alice');
		await using api = await startApiProcess(await vaultEnv(bao), [alice]);
		const script = wanted.map((example) => `${example.script}\necho; echo '${BETWEEN}'`).join('\n');
		const ran = await runProcess({
			command: 'bash',
			args: ['--norc', '--noprofile', '-euo', 'pipefail', '-c', script],
			cwd: api.dir,
			env: { PATH: process.env['PATH'], API: api.url, CA: api.caFile, KEY: alice.key },
		});
		expect(ran.stderr).toBe('');
		expect(ran.code).toBe(0);
		const printed = ran.stdout.split(BETWEEN).slice(0, -1);
		expect(printed.map((text) => JSON.parse(text) as unknown)).toEqual(
			wanted.map((example) => example.printed),
		);
	},
);
