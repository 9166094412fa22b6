import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { V1Container } from '@kubernetes/client-node';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { renderShell } from '../../fetcher/render/shell.ts';
import { admit } from '../../webhook/admission/admit.ts';
import { isWrapped, wrapper } from '../../webhook/admission/wrap.ts';
import { shells } from '../fetcher/support/shells.ts';
import { anyValue } from '../fetcher/support/values.ts';
import { type Scratch, scratch } from '../support/scratch.ts';
import { ASKS, podOf, WEB } from './support/pods.ts';
import { applied, request } from './support/request.ts';
import { settings } from './support/settings.ts';

const SETTINGS = settings().injection;

function wrapped(container: Partial<V1Container>): V1Container | undefined {
	const pod = podOf({ ...ASKS, wrap: 'true' }, { containers: [{ ...WEB, ...container }] });
	return applied(pod, admit(request(pod), SETTINGS)).spec?.containers[0];
}

describe('a wrapped container', () => {
	test('keeps its command, its arguments, its probes and its hooks', () => {
		const own = {
			command: ['node', '--port=$(PORT)'],
			args: ['server.js', '$(MODE)'],
			livenessProbe: { exec: { command: ['cat', '/tmp/ready'] } },
			lifecycle: { preStop: { exec: { command: ['sleep', '5'] } } },
		};
		const { command, volumeMounts, ...rest } = wrapped(own) ?? { name: '' };
		expect(command).toEqual([
			...['sh', '-c', '. /secrets/env && exec "$@"', 'envtier-wrap'],
			...['node', '--port=$(PORT)'],
		]);
		const { command: _, ...others } = own;
		expect(rest).toEqual({ ...WEB, ...others });
	});

	test('is not wrapped twice, when somebody creates a pod from the YAML of a running one', () => {
		const { command = [] } = wrapped({ command: ['node'] }) ?? {};
		expect(wrapped({ command })?.command).toEqual(command);
	});
});

describe.each(shells())('under $name', ({ command: shell, args: options }) => {
	let place: Scratch;
	beforeAll(async () => {
		place = await scratch('wrap');
		mkdirSync(join(place.dir, 'secrets'));
	});
	afterAll(() => place.remove());

	/** Runs what a runtime would, the image's `sh` being this shell. */
	function run(secret: string, command: readonly string[]): string {
		const rendered = renderShell([{ key: 'SECRET', value: secret }]);
		writeFileSync(join(place.dir, 'secrets/env'), rendered.ok ? rendered.value : '');
		const [, ...words] = [...wrapper(join(place.dir, 'secrets')), ...command];
		const env = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C.UTF-8' };
		return execFileSync(shell, [...options, ...words], { env, maxBuffer: 1 << 26 }).toString();
	}

	test('the program gets the secrets, and every argument as it was', () => {
		const print = 'process.stdout.write(JSON.stringify([process.env.SECRET, ...process.argv.slice(1)]))';
		fc.assert(
			fc.property(anyValue, fc.array(anyValue, { maxLength: 4 }), (secret, args) => {
				const seen = JSON.parse(run(secret, [process.execPath, '-e', print, '--', ...args]));
				expect(seen).toEqual([secret, ...args]);
			}),
			{ numRuns: 15 },
		);
	});

	test('the program replaces the shell process', () => {
		expect(run('x', ['sh', '-c', 'echo $PPID'])).toBe(`${process.pid}\n`);
	});

	test('without the file the program does not start', () => {
		const [, ...words] = [...wrapper(join(place.dir, 'nowhere')), 'echo', 'started'];
		const start = () => execFileSync(shell, [...options, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
		expect(start).toThrow(/nowhere\/env/);
	});
});

test('a wrapper is found behind what others put before it, and not where a word differs', () => {
	const words = wrapper('/secrets');
	expect(isWrapped([...words, 'node'], '/secrets')).toBe(true);
	expect(isWrapped(['tini', '--', ...words, 'node'], '/secrets')).toBe(true);
	expect(isWrapped([...words, 'node'], '/run/envtier')).toBe(false);
	expect(isWrapped([...words.slice(1), 'node'], '/secrets')).toBe(false);
	expect(isWrapped(['node'], '/secrets')).toBe(false);
});
