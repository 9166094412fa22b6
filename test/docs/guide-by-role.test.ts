/** Runs the examples of docs/guide-by-role.md in order, each section as a caller of that role. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { marked, type Tokens } from 'marked';
import { expect, test } from 'vitest';
import { startWithReveal, type WithReveal } from '../api/support/reveal.ts';
import { bundleOf } from '../support/bundles.ts';
import { onPath, runProcess } from '../support/process.ts';
import { scratch } from '../support/scratch.ts';

const PAGE = join(import.meta.dirname, '../../docs/guide-by-role.md');
/** The session of each section. */
const SECTIONS: Readonly<Record<string, { readonly sub: string; readonly claims?: object }>> = {
	'Deployment manager': { sub: 'mona' },
	'Application developer': { sub: 'dana' },
	'Organization admin': { sub: 'ada', claims: { roles: ['org_admin'] } },
	'Security officer': { sub: 'sol', claims: { roles: ['org_admin'] } },
};

/** The examples below each heading of the page. */
async function examples(): Promise<ReadonlyMap<string, readonly string[]>> {
	const found = new Map<string, string[]>();
	let heading = '';
	for (const token of marked.lexer(await readFile(PAGE, 'utf8'))) {
		if (token.type === 'heading') heading = (token as Tokens.Heading).text;
		if (token.type !== 'code' || (token as Tokens.Code).lang !== 'sh') continue;
		found.set(heading, [...(found.get(heading) ?? []), (token as Tokens.Code).text]);
	}
	return found;
}

async function environment(on: WithReveal, section: string): Promise<Record<string, string>> {
	const { sub, claims } = SECTIONS[section] ?? { sub: '' };
	const session = await on.session(sub, claims);
	return {
		...{ ENVTIER_API_URL: on.api.url, ENVTIER_API_TOKEN: session.api, ENVTIER_API_ORG: 'acme' },
		...{ ENVTIER_REVEAL_URL: on.reveal.url, ENVTIER_REVEAL_TOKEN: session.reveal },
	};
}

test.skipIf(onPath('jq') === undefined)(
	'each role can do what docs/guide-by-role.md shows it (needs jq)',
	{ timeout: 240_000 },
	async () => {
		const shown = await examples();
		expect([...shown.keys()].sort()).toEqual(Object.keys(SECTIONS).sort());
		await using place = await scratch('guide-by-role');
		await using on = await startWithReveal(
			{},
			{ api: { ENVTIER_API_AUDIT_STORE: `sqlite:${join(place.dir, 'audit.db')}` } },
		);
		const command = join(place.dir, 'envtier');
		const script = `#!/bin/sh\nexec '${process.execPath}' '${await bundleOf('envtier')}' "$@"\n`;
		await writeFile(command, script, { mode: 0o755 });
		const outputs: string[] = [];
		for (const [section, blocks] of shown)
			for (const block of blocks) {
				const ran = await runProcess({
					command: 'bash',
					args: ['--norc', '--noprofile', '-euo', 'pipefail', '-c', block],
					cwd: place.dir,
					env: {
						PATH: `${place.dir}:${process.env['PATH']}`,
						...(await environment(on, section)),
					},
				});
				expect(ran.code, `${section}: ${block}\n${ran.stdout}${ran.stderr}`).toBe(0);
				outputs.push(`${section}\n${ran.stdout}`);
			}
		const all = outputs.join('\n');
		// A few of the results, so that a command that does nothing is found out.
		expect(all).toMatch(/user:dana +developer/);
		expect(all).toMatch(/SESSION_KEY +service/);
		expect(all).toMatch(/user:ada +active/);
		expect(all).toMatch(/secrets\.destroy/);
		expect(await readFile(join(place.dir, 'value'), 'utf8')).toBe('postgres://orders');
		expect(await readFile(join(place.dir, 'audit.csv'), 'utf8')).toContain('deployments.create');
		expect(all + on.api.output() + on.reveal.output()).not.toContain('postgres://orders');
	},
);
