import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createHasher } from '../../../api/types/hash-password.ts';
import { ensurePackages } from '../../support/debian.ts';
import { runProcess } from '../../support/process.ts';
import { scratch } from '../../support/scratch.ts';
import { parts } from './support.ts';

const lacking = await ensurePackages(['apache2-utils'], () => undefined);

test.skipIf(lacking.length > 0 && process.env['CI'] !== 'true')(
	'htpasswd -v accepts the line with the password, and no other password (needs htpasswd)',
	async () => {
		const place = await scratch('htpasswd');
		onTestFinished(() => place.remove());
		const verify = async (user: string, password: string) =>
			(
				await runProcess({
					command: 'htpasswd',
					args: ['-v', '-i', 'passwords', user],
					cwd: place.dir,
					input: password,
				})
			).code;
		for (const password of [undefined, 'x'.repeat(72), 'ü'.repeat(36), '$2y$ ::']) {
			const fields = { username: 'shop user', password, htpasswd: true };
			const made = await parts('userpass', { fields });
			await writeFile(join(place.dir, 'passwords'), made['htpasswd'] ?? '');
			expect(await verify('shop user', made['password'] ?? '')).toBe(0);
			expect(await verify('shop user', `${(made['password'] ?? '').slice(0, -1)}#`)).not.toBe(0);
			expect(await verify('other', made['password'] ?? '')).not.toBe(0);
		}
	},
);

test('the process does other work between the pieces of a hash', async () => {
	const hash = createHasher();
	let turns = 0;
	let hashing = true;
	const turn = (): void => {
		turns += 1;
		if (hashing) setImmediate(turn);
	};
	setImmediate(turn);
	const lines = await Promise.all(Array.from({ length: 6 }, (_, i) => hash(`test-only-${i}`)));
	hashing = false;
	expect(new Set(lines).size).toBe(6);
	for (const line of lines) expect(line).toMatch(/^\$2y\$10\$/);
	// On a fast machine a hash is one piece. All six in one piece would leave no turn but the first.
	expect(turns).toBeGreaterThan(2);
});
