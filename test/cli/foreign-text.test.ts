/** Foreign text (of servers, files, arguments) reaches the terminal without control sequences. */
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { json } from '../../cli/output.ts';
import { openTerminal, type Screen } from '../../lib/terminal.ts';
import { podOf } from '../webhook/support/pods.ts';
import { envtier } from './support/command.ts';
import { runHere } from './support/world.ts';

/** Sets the title, moves the cursor, clears the screen; C1 codes; turns the writing round. */
const EVIL = '\u001b]0;owned\u0007\u001b[2J\u009b31m\r\u202e\u2028evil';
const OBEYED = /[^\P{C}\n\t]|[\p{Zl}\p{Zp}]/u;
const CLI = join(import.meta.dirname, '../../cli');

describe('a terminal', () => {
	/** Writes on a terminal that shows colours, or on a file. */
	const shown = (colours: boolean, write: (terminal: ReturnType<typeof openTerminal>) => void): string => {
		const stream = new PassThrough() as Screen & PassThrough;
		if (colours) Object.assign(stream, { isTTY: true, getColorDepth: () => 24, hasColors: () => true });
		write(openTerminal(stream));
		return (stream.read() as Buffer | null)?.toString('utf8') ?? '';
	};
	const anything = fc.oneof(
		fc.string({ unit: 'binary' }),
		fc
			.array(fc.constantFrom('\u001b[31m', '\u009b', '\r', '\ufdd0', '\ufdd1', 'bad', 'x', '\u202e', '\n'))
			.map((parts) => parts.join('')),
	);

	test('obeys nothing of any text, painted or not; only its own colours are colours', () => {
		fc.assert(
			fc.property(anything, anything, fc.boolean(), (painted, plain, colours) => {
				const text = shown(colours, ({ write, paint }) => write(`${plain}${paint('bad', painted)}${plain}`));
				const own = text.split('\u001b[31m\u001b[1m').join('').split('\u001b[22m\u001b[39m').join('');
				expect(own).not.toMatch(OBEYED);
				if (!colours) expect(text).not.toMatch(OBEYED);
				// Nothing is lost but what is replaced, one for one.
				expect([...own].length).toBe([...`${plain}${painted}${plain}`].length);
			}),
			{ numRuns: 2_000 },
		);
	});

	test('shows its colours where there are colours', () => {
		const write = ({ write, paint }: ReturnType<typeof openTerminal>) =>
			write(`${paint('bad', 'error:')} no\n`);
		expect(shown(false, write)).toBe('error: no\n');
		const coloured = shown(true, write);
		expect(coloured).not.toBe('error: no\n');
		expect(stripVTControlCharacters(coloured)).toBe('error: no\n');
	});

	test('marks that another terminal made are no colours', () => {
		const mark = openTerminal(new PassThrough()).paint('bad', 'x');
		expect(shown(true, ({ write }) => write(mark))).not.toMatch(OBEYED);
	});

	test('JSON stays what it is, and has nothing that a terminal obeys', () => {
		fc.assert(
			fc.property(fc.jsonValue(), anything, (value, text) => {
				const printed = json({ value, text });
				expect(printed).not.toMatch(OBEYED);
				expect(JSON.parse(printed)).toEqual(JSON.parse(JSON.stringify({ value, text })));
				expect(shown(true, ({ write }) => write(printed))).toBe(printed);
			}),
		);
	});
});

test('nothing else in cli/ writes to the streams of the process', async () => {
	const files = (await readdir(CLI, { recursive: true })).filter((file) => file.endsWith('.ts'));
	expect(files.length).toBeGreaterThan(30);
	for (const file of files.filter((one) => one !== 'main.ts')) {
		const source = await readFile(join(CLI, file), 'utf8');
		expect(source, file).not.toMatch(/process\.std(?:out|err)|console\.|\.stdout\.stream/);
	}
	expect(await readFile(join(CLI, 'main.ts'), 'utf8')).not.toMatch(
		/std(?:out|err)\.write\(\s*`?[^`]*process/,
	);
});

describe('a server whose every text is hostile', () => {
	let url = '';
	let refusing = false;
	const server = createServer((request, response) => {
		const secret = { id: EVIL, key: EVIL, deploymentName: EVIL, serviceName: EVIL, description: EVIL };
		const template = { name: EVIL, owner: EVIL, org: EVIL, createdAt: EVIL };
		const answers: Readonly<Record<string, unknown>> = {
			'GET /api/secrets': request.url?.includes('deployment=')
				? []
				: [{ ...secret, deploymentName: '', serviceName: '' }],
			'GET /api/templates': [{ ...template, services: [{ name: EVIL, secrets: [] }] }],
			'GET /api/deployments': [{ ...template, template: EVIL }],
			'POST /api/secrets': secret,
			'POST /api/templates': {
				...template,
				services: [{ name: EVIL, secrets: [{ key: EVIL, description: EVIL }] }],
			},
			'POST /api/deployments': {
				...{ ...template, template: EVIL, copied: [], kept: [{ serviceName: EVIL, key: EVIL }] },
				missing: [{ serviceName: EVIL, key: EVIL }],
			},
		};
		request.resume();
		request.on('end', () => {
			const path = (request.url ?? '').replace(/\?.*$/, '');
			const refused = refusing && request.method !== 'GET';
			response.writeHead(refused ? 400 : 200, { 'content-type': 'application/json' });
			response.end(
				JSON.stringify(refused ? { error: `no\ncreated ${EVIL}` } : answers[`${request.method} ${path}`]),
			);
		});
	});
	beforeAll(async () => {
		await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
		url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	});
	afterAll(() => new Promise((resolve) => server.close(resolve)));

	const run = (args: readonly string[], input: string) =>
		envtier(args, { input, env: { ENVTIER_API_URL: url, ENVTIER_API_TOKEN: 'k', ENVTIER_API_ORG: 'acme' } });
	const CALLS: [string, string[], string][] = [
		['a list of secrets', ['secrets', 'list'], ''],
		['a list of templates', ['templates', 'list'], ''],
		['a list of deployments', ['deployments', 'list'], ''],
		['a secret', ['secrets', 'create', 'A', '-d', 'shop', '--value-stdin'], 'v'],
		['a change', ['secrets', 'set', 'A', '-d', 'shop', '--value-stdin'], 'v'],
		['many secrets', ['secrets', 'create', '-d', 'shop', '--from-env-file', '-'], 'A=1\nB=2\n'],
		['many changes', ['secrets', 'set', '-d', 'shop', '--from-env-file', '-'], 'A=1\nB=2\n'],
		['a template', ['templates', 'create', '--file', '-'], 'name: a\nservices: []\n'],
		['a deployment', ['deployments', 'create', 'shop'], ''],
	];

	test.each(CALLS)('%s: what it answers is shown, and obeyed by no terminal', async (_what, args, input) => {
		refusing = false;
		for (const output of ['table', 'json']) {
			const { stdout, stderr } = await run([...args, '--output', output], input);
			expect(stdout + stderr).not.toMatch(OBEYED);
		}
	});

	test.each(CALLS.slice(3))(
		'%s: its error is one line, and obeyed by no terminal',
		async (_what, args, input) => {
			refusing = true;
			const { code, stdout, stderr } = await run(args, input);
			expect([code, stdout]).toEqual([2, '']);
			expect(stderr).not.toMatch(OBEYED);
			expect(stderr).toContain('no created');
			// Nothing that it says passes for a line of the command.
			expect(stderr).not.toMatch(/^created/m);
		},
	);
});

test('names in arguments and texts in files are shown, and obeyed by no terminal', async () => {
	const unknown = await envtier(['secrets', EVIL.replaceAll('\u0000', '')]);
	expect([unknown.code, unknown.stderr]).toEqual([2, expect.not.stringMatching(OBEYED)]);
	expect(unknown.stderr).toContain('evil');
	const pod = JSON.stringify({
		...podOf(),
		metadata: { name: EVIL, annotations: { 'envtier.dev/deployment': EVIL } },
	});
	for (const output of ['diff', 'json', 'yaml']) {
		const { code, stdout, stderr } = await runHere(['explain', '-', '-o', output], pod);
		expect(code).toBe(4);
		expect(stdout + stderr).not.toMatch(OBEYED);
	}
	const { stdout } = await runHere(['explain', '-', '-o', 'yaml'], pod);
	// Programs get it whole.
	expect(JSON.parse(stdout).objects[0].name).toBe(EVIL);
});
