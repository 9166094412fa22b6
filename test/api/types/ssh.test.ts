import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { onPath, runProcess } from '../../support/process.ts';
import { type Scratch, scratch } from '../../support/scratch.ts';
import { make, parts } from './support.ts';

let place: Scratch;
beforeAll(async () => {
	place = await scratch('ssh');
});
afterAll(() => place.remove());

const keygen = (...args: readonly string[]) => runProcess({ command: 'ssh-keygen', args, cwd: place.dir });
const file = (name: string, text: string) => writeFile(join(place.dir, name), text, { mode: 0o600 });

test.skipIf(onPath('ssh-keygen') === undefined)(
	'ssh-keygen reads generated pairs, and derives the same public key (needs ssh-keygen)',
	async () => {
		// Many, because a number that begins with a zero byte is a rare case of the format.
		for (let i = 0; i < 40; i += 1) {
			const { privateKey = '', publicKey = '' } = await parts('ssh', { generate: { comment: 'shop 1' } });
			await file('key', privateKey);
			await file('key.pub', publicKey);
			const [secret, open] = [await keygen('-lf', 'key'), await keygen('-lf', 'key.pub')];
			expect([secret.code, secret.stderr]).toEqual([0, '']);
			expect(secret.stdout).toMatch(/^256 SHA256:\S+ shop 1 \(ED25519\)\n$/);
			expect(open.stdout).toBe(secret.stdout);
			expect((await keygen('-yf', 'key')).stdout.trim()).toBe(publicKey);
		}
	},
);

test.skipIf(onPath('ssh-keygen') === undefined)(
	'pairs that ssh-keygen made are taken, and a passphrase is refused (needs ssh-keygen)',
	async () => {
		const kinds = {
			ed: ['ed25519'],
			ec: ['ecdsa', '-b', '384'],
			rsa: ['rsa', '-b', '2048'],
			weak: ['rsa', '-b', '1024'],
		};
		const made: Record<string, { privateKey: string; publicKey: string }> = {};
		for (const [name, [type = '', ...more]] of Object.entries(kinds)) {
			const ended = await keygen('-q', '-t', type, ...more, '-N', '', '-C', 'me@example', '-f', name);
			expect(ended.stderr).toBe('');
			const read = async (path: string) =>
				(await runProcess({ command: 'cat', args: [join(place.dir, path)] })).stdout;
			made[name] = { privateKey: await read(name), publicKey: await read(`${name}.pub`) };
		}
		for (const name of ['ed', 'ec', 'rsa']) {
			const { privateKey = '', publicKey = '' } = made[name] ?? {};
			const whole = await parts('ssh', { fields: { privateKey, publicKey } });
			expect(whole).toEqual({ privateKey, publicKey: publicKey.trim() });
			const derived = await parts('ssh', { fields: { privateKey } });
			expect(derived['publicKey']?.split(' ').slice(0, 2)).toEqual(publicKey.split(' ').slice(0, 2));
			const other = made[name === 'ed' ? 'ec' : 'ed']?.publicKey;
			expect(await make('ssh', { fields: { privateKey, publicKey: other } })).toMatch(
				/must be the public key/,
			);
		}
		expect(await make('ssh', { fields: { privateKey: made['weak']?.privateKey } })).toMatch(/2048 bits/);
		await keygen('-q', '-t', 'ed25519', '-N', 'test-only', '-f', 'locked');
		const locked = await runProcess({ command: 'cat', args: [join(place.dir, 'locked')] });
		expect(await make('ssh', { fields: { privateKey: locked.stdout } })).toMatch(/no passphrase/);
	},
);

test('a private key in PEM is taken', async () => {
	const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
	const pem = privateKey.export({ type: 'pkcs1', format: 'pem' }) as string;
	expect((await parts('ssh', { fields: { privateKey: pem } }))['publicKey']).toMatch(/^ssh-rsa /);
});

test.each<[string, object, RegExp]>([
	[
		'text that is no key',
		{ fields: { privateKey: 'canary' } },
		/private key in the format of OpenSSH or in PEM/,
	],
	['a public key alone', { fields: { publicKey: 'ssh-ed25519 AAAA' } }, /fields\.privateKey is required/],
	['16 KiB and a byte', { fields: { privateKey: 'x'.repeat(16 * 1024 + 1) } }, /at most 16384 bytes/],
	['a comment of 101 characters', { generate: { comment: 'x'.repeat(101) } }, /1 to 100/],
	['a comment with a line break', { generate: { comment: 'a\nssh-rsa AAAA' } }, /1 to 100/],
	['an empty comment', { generate: { comment: '' } }, /1 to 100/],
	['a key that is given and to be generated', { fields: { privateKey: 'x' }, generate: true }, /exclude/],
])('%s is refused', async (_name, sent, message) => {
	const refusal = await make('ssh', sent);
	expect(refusal).toMatch(message);
	expect(refusal).not.toContain('canary');
});

test('the longest comment is taken', async () => {
	const comment = 'x'.repeat(100);
	expect((await parts('ssh', { generate: { comment } }))['publicKey']).toMatch(new RegExp(` ${comment}$`));
});
